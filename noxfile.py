# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of this project. The inner loop is "nox -s unit -- -k name"; tests/run runs everything.

Words behind "--" go to pytest (unit, contract, functional, pure) or to ansible-test (sanity).
"""

import os
import shutil
import subprocess
from pathlib import Path

import antsibull_nox
import nox

ROOT = Path(__file__).parent
BUILD = Path(os.environ.get("OVIRT_BACKUP_BUILD") or ROOT / ".build").absolute()
REPORTS = BUILD / "reports"
COLLECTIONS = BUILD / "collections"
# Workers of the suites that start labs; each waits for others a good part of its time.
WORKERS = min((os.cpu_count() or 1) * 2, 6)
# Each worker has a loopback of its own: engine-backup provisions on port 5432 and nowhere else.
PRIVATE_PYTHON = ROOT / "tests" / "tooling" / "private-python"
PYENV = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"

nox.needs_version = ">=2025.5"
nox.options.default_venv_backend = "uv|venv"
nox.options.reuse_venv = "yes"
nox.options.envdir = str(BUILD / "nox")
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["lint", "types", "docs", "unit", "pure-3.6", "pure-3.13", "contract", "functional", "sanity"]
os.environ.update(OVIRT_BACKUP_BUILD=str(BUILD), PYTHONPATH=str(ROOT / "tests"), NO_COLOR="1")
os.environ["GALAXY_IMPORTER_RUN_ANSIBLE_LINT"] = "no"  # the session lint runs it, with more rules
antsibull_nox.load_antsibull_nox_toml()


def install(session: nox.Session, *names: str) -> None:
    """Install files of tests/requirements; ANSIBLE_CORE chooses another ansible-core than they do."""
    for name in names:
        session.install("-q", "-r", f"tests/requirements/{name}.txt")
    if os.environ.get("ANSIBLE_CORE"):
        session.install("-q", os.environ["ANSIBLE_CORE"])


def pytest(session: nox.Session, *arguments: str, **environment: str) -> None:
    """Run pytest; its report goes to tests/run, and no lab outlives it."""
    folder = BUILD / "tmp" / session.name
    folder.parent.mkdir(parents=True, exist_ok=True)
    report = f"--junitxml={REPORTS / session.name}.xml"
    try:
        session.run("python", "-m", "pytest", report, f"--basetemp={folder}", *arguments, env=environment)
    finally:
        for lab in list(folder.rglob("lab.json")):
            session.run("python", "-m", "lab", "stop", str(lab.parent), "--remove", silent=True)


def tests(suite: str, words: list[str]) -> list[str]:
    """Return the whole suite where no word names a part of it."""
    return [] if any(word.startswith("tests/") for word in words) else [f"tests/{suite}"]


def side_by_side() -> list[str]:
    """The options by which pytest runs files side by side, each worker in a network of its own."""
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "--net", "true"], check=False).returncode != 0:
        return []  # this user may not make networks, and the labs want the same port
    return ["--dist=loadfile", "--no-loadscope-reorder", f"--tx={WORKERS}*popen//python={PRIVATE_PYTHON}"]


def find_python(version: str) -> str:
    """Return the interpreter of a version, where pyenv keeps it or on the path; a shim of pyenv's is none."""
    found = sorted(PYENV.glob(f"{version}.*/bin/python{version}"))
    return str(found[-1]) if found else f"python{version}"


@nox.session
def unit(session: nox.Session) -> None:
    """The unit tests; with words behind "--" only what they choose."""
    install(session, "test")
    pytest(session, *(session.posargs or ["-q", "-n2"]), *tests("unit", session.posargs))


def pure(session: nox.Session) -> None:
    """The unit tests of what does no I/O, on a Python of the managed hosts."""
    session.install("-q", "pytest")
    pytest(session, "-q", "-m", "not ansible and not postgresql", *session.posargs, "tests/unit")


for version in ("3.6", "3.13"):
    nox.session(name=f"pure-{version}", python=find_python(version), venv_backend="venv")(pure)


@nox.session
def contract(session: nox.Session) -> None:
    """One suite for each fake and for the lab; the lab against what the real tools did."""
    install(session, "test")
    pytest(session, *(session.posargs or ["-q", *side_by_side()]), *tests("contract", session.posargs))


@nox.session
def functional(session: nox.Session) -> None:
    """The playbooks, as users have them, against the lab or the installation of OVIRT_BACKUP_INVENTORY."""
    install(session, "test")
    session.run("python", "-m", "tooling.collection", silent=True)
    shutil.rmtree(BUILD / "cache" / "compiled", ignore_errors=True)  # of modules, only to be used in one run
    arguments = session.posargs or ["-q", *side_by_side()]
    pytest(session, *arguments, *tests("functional", session.posargs), ANSIBLE_COLLECTIONS_PATH=str(COLLECTIONS))


@nox.session
def lint(session: nox.Session) -> None:
    """Style, imports, licences, roles, changelog, images."""
    install(session, "lint")
    session.run("ruff", "check", "--output-format", "concise", ".")
    session.run("ruff", "format", "--check", "--quiet", ".")
    session.run("yamllint", "--strict", ".")
    session.run("shellcheck", "-x", *scripts())
    session.run("reuse", "lint", "--quiet")
    session.run("python", "-m", "tooling.language")
    tree = session.run("python", "-m", "tooling.places", silent=True).strip()
    session.run("lint-imports", "--no-cache", "--no-logo", env={"PYTHONPATH": tree})
    sources = session.run(
        "python", "-c", "from tooling.collection import copy_sources; print(copy_sources())", silent=True
    )
    with session.chdir(sources.strip()):
        above = str(Path(sources.strip()).parents[2])
        session.run("ansible-lint", "--offline", "--strict", "-q", env={"ANSIBLE_COLLECTIONS_PATH": above})
        session.run("antsibull-changelog", "lint")
    session.run("python", "-m", "tooling.images")


def scripts() -> list[str]:
    """The shell scripts of the project."""
    return [".ci/run", "tests/demo", "tests/prepare", "tests/run", "tests/tooling/private-python"]


@nox.session
def types(session: nox.Session) -> None:
    """mypy, strict: the collection, the lab, the fakes of the unit tests against the protocols."""
    install(session, "types")
    tree = session.run("python", "-m", "tooling.places", silent=True).strip()
    session.run("mypy", "-p", "ansible_collections.ovirt.backup.plugins", env={"MYPYPATH": tree})
    tests = {"MYPYPATH": os.pathsep.join([tree, str(ROOT / "tests")])}
    session.run("mypy", "-p", "lab", "-p", "tooling", "-p", "unit.fakes", env=tests)


@nox.session
def docs(session: nox.Session) -> None:
    """What ansible-doc shows, for every module, plugin and role."""
    install(session, "lint")
    session.run("python", "-m", "tooling.collection", silent=True)
    installed = {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS)}
    check = ["lint-collection-docs", "--plugin-docs", "--validate-collection-refs", "self", "--check-extra-docs-refs"]
    with session.chdir(COLLECTIONS / "ansible_collections" / "ovirt" / "backup"):
        session.run("antsibull-docs", *check, ".", env=installed)
    for kind, pattern in (("module", "plugins/modules/*.py"), ("lookup", "plugins/lookup/*.py"), ("role", "roles/*")):
        names = sorted(path.stem for path in ROOT.glob(pattern) if has_documentation(path))
        session.run("ansible-doc", "-t", kind, *(f"ovirt.backup.{name}" for name in names), env=installed, silent=True)


def has_documentation(path: Path) -> bool:
    return path.is_file() or (path / "meta" / "argument_specs.yml").is_file()


@nox.session
def sanity(session: nox.Session) -> None:
    """ansible-test sanity: every test, and those of a managed host's Python 3.6 with the last ansible-core for it."""
    install(session, "test")
    session.run("python", "-m", "tooling.sanity", *session.posargs)


if __name__ == "__main__":
    nox.main()
