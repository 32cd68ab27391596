# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sanity part: ansible-test without containers and with nothing but a Python package index.

ansible-test sets up virtual environments of its own, and downloads the pip that it puts into them from a host that
only a developer's machine may reach. It looks into a cache first, so the cache gets a stand-in that starts the
wheel of the same pip. All of it lives below the build folder: ansible-test is given a home of its own.
"""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from . import pythons
from .collection import copy_sources
from .places import BUILD
from .steps import PYTHON, Case, Tally, count, read_junit, run, skip

HOME = BUILD / "ansible-test-home"
# Every Python that an ansible-core of today or of 2.16 tests.
VERSIONS = ("3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
# The last ansible-core that manages hosts with Python 3.6, and the Pythons it runs on itself.
OLD_CORE = "ansible-core>=2.16.19,<2.17"
OLD_CORE_PYTHONS = ("3.12", "3.11", "3.10")

STAND_IN = '''"""A stand-in for get-pip.py: installs pip {version} from the wheel beside it."""
import glob, os, sys

wheel = glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "pip-{version}-*.whl"))[0]
sys.path.insert(0, wheel)
from pip._internal.cli.main import main

sys.exit(main(["install", "--no-cache-dir"] + [a for a in sys.argv[1:] if a not in ("--no-setuptools", "--no-wheel")]))
'''


def sanity() -> Tally:
    sources = copy_sources()
    link_pythons()
    total = ansible_test(PYTHON, sources, "every test", [])
    old = next(filter(None, map(pythons.find, OLD_CORE_PYTHONS)), None)
    if old is None or pythons.find("3.6") is None:
        return total.plus(skip("sanity on Python 3.6", "needs Python 3.6 and one of 3.10 to 3.12"))
    own = pythons.environment("core-2.16", old, [OLD_CORE])
    return total.plus(
        ansible_test(own, sources, "on Python 3.6", ["--python", "3.6", "--test", "compile", "--test", "import"])
    )


def ansible_test(python: str, sources: Path, label: str, arguments: Sequence[str]) -> Tally:
    provide_pip(python)
    records = sources / "tests" / "output" / "junit"
    shutil.rmtree(records, ignore_errors=True)
    program = str(Path(python).with_name("ansible-test"))
    print(f"ansible-test sanity, {label} (the first run makes its virtual environments)", flush=True)
    path = f"{Path(python).parent}:{BUILD / 'pythons'}:/usr/local/bin:/usr/bin:/bin"
    command = [program, "sanity", "--junit", "--color", "no", *arguments]
    status, said = run(command, sources, {"HOME": str(HOME), "PATH": path}, quiet=True)
    log = BUILD / "reports" / f"{Path(python).parents[1].name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(said)
    total = show([case for record in sorted(records.glob("*.xml")) for case in read_junit(record)])
    if (status == 0) == (total.failed == 0):
        return total
    print(
        f"FAIL  ansible-test ended with {status}; its output is in {log}, which ends with\n{said[-2000:]}", flush=True
    )
    return total.plus(Tally(failed=1))


def show(cases: Sequence[Case]) -> Tally:
    for case in cases:
        print(f"{case.verdict:<5} sanity {case.name}", flush=True)
        if case.text:
            print(f"---\n{case.text.rstrip()}\n---", flush=True)
    return count(cases)


def link_pythons() -> None:
    """A folder with the real interpreters, for the path of ansible-test: it takes a version manager's shim for real."""
    folder = BUILD / "pythons"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for version in VERSIONS:
        real = pythons.find(version)
        if real:
            (folder / f"python{version}").symlink_to(real)


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
    command = [PYTHON, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "--ignore-requires-python"]
    subprocess.run([*command, "-d", str(target), f"pip=={version}"], check=True)
