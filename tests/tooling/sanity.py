# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-test sanity on a copy of the checkout, without a download.

ansible-test wants get-pip.py from a place of its own for its virtual environments. Here a stand-in of it installs the
very version of pip that ansible-test pins, as it comes from the package index.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from .collection import copy_sources
from .places import BUILD

HOME = BUILD / "ansible-test-home"
REPORT = BUILD / "reports" / "sanity.xml"
PYENV = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
# The oldest Python of a managed host, the oldest one that this ansible-core manages, and the newest one.
VERSIONS = ("3.6", "3.9", "3.13")
# The last ansible-core that manages hosts with Python 3.6.
OLD_CORE = "ansible-core>=2.16.19,<2.17"
ON_OLD = ["--python", "3.6", "--test", "compile", "--test", "import"]
# What is shipped. The tests, which are not, take minutes more, and ruff and mypy read them.
EVERYTHING = ["--exclude", "tests/"]

STAND_IN = '''"""A stand-in for get-pip.py: installs pip {version} from the wheel beside it."""
import glob, os, sys

wheel = glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "pip-{version}-*.whl"))[0]
sys.path.insert(0, wheel)
from pip._internal.cli.main import main

sys.exit(main(["install", "--no-cache-dir"] + [a for a in sys.argv[1:] if a not in ("--no-setuptools", "--no-wheel")]))
'''


def main(arguments: Sequence[str]) -> int:
    sources, pythons = copy_sources(), link_pythons()
    runs = [(sys.executable, arguments or EVERYTHING)]
    if not arguments and (pythons / "python3.6").exists():
        runs.append((old_core(), ON_OLD))
    statuses, cases = [], []
    for python, words in runs:
        statuses.append(ansible_test(python, sources, pythons, words))
        cases += read_cases(sources)
    suite = ElementTree.Element("testsuite")
    suite.extend(cases)
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.ElementTree(suite).write(REPORT, encoding="utf-8")
    return max(statuses)


def ansible_test(python: str, sources: Path, pythons: Path, arguments: Sequence[str]) -> int:
    provide_pip(python)
    shutil.rmtree(sources / "tests" / "output" / "junit", ignore_errors=True)
    command = [str(Path(python).with_name("ansible-test")), "sanity", "--junit", "--color", "no", *arguments]
    environment = {
        **os.environ,
        "HOME": str(HOME),
        "PATH": f"{Path(python).parent}:{pythons}:/usr/local/bin:/usr/bin:/bin",
    }
    environment.pop("PYTHONPATH", None)
    return subprocess.run(command, cwd=sources, env=environment, check=False).returncode


def read_cases(sources: Path) -> list[ElementTree.Element]:
    records = sorted((sources / "tests" / "output" / "junit").glob("*.xml"))
    return [case for record in records for case in ElementTree.parse(record).iter("testcase")]


def old_core() -> str:
    """Return the interpreter of an environment with the last ansible-core that manages Python 3.6."""
    folder = BUILD / "core-2.16"
    python = folder / "bin" / "python"
    if not (folder / ".complete").exists():
        own = next(filter(None, map(find_python, ("3.12", "3.11", "3.10"))))
        subprocess.run([str(own), "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", OLD_CORE], check=True)
        (folder / ".complete").touch()
    return str(python)


def find_python(version: str) -> Path | None:
    """Return the real interpreter of a version: ansible-test takes a shim of pyenv for one."""
    name = f"python{version}"
    system = [Path(place) / name for place in ("/usr/local/bin", "/usr/bin")]
    found = [*sorted(PYENV.glob(f"{version}.*/bin/{name}")), *filter(Path.exists, system)]
    return found[0] if found else None


def link_pythons() -> Path:
    """Make a folder with the interpreters, for the path of ansible-test."""
    folder = BUILD / "pythons"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for version in VERSIONS:
        found = find_python(version)
        if found:
            (folder / f"python{version}").symlink_to(found)
    return folder


def provide_pip(python: str) -> None:
    cache = HOME / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for version in pinned_pips(python):
        script = cache / f"get_pip_{version.replace('.', '_')}.py"
        if not script.exists():
            download_pip(version, cache)
            script.write_text(STAND_IN.format(version=version))


def pinned_pips(python: str) -> list[str]:
    """The versions of pip that the ansible-test of this interpreter puts into its virtual environments."""
    question = "import ansible_test._internal.python_requirements as r; print(r.__file__)"
    where = subprocess.run([python, "-c", question], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    return sorted(set(re.findall(r"pip='([0-9.]+)'", Path(where).read_text())))


def download_pip(version: str, target: Path) -> None:
    pip = [str(BUILD / "venv" / "bin" / "python"), "-m", "pip"]
    command = [*pip, "download", "-q", "--no-deps", "--only-binary=:all:", "--ignore-requires-python"]
    subprocess.run([*command, "-d", str(target), f"pip=={version}"], check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
