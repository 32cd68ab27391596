# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python interpreters of this machine: real ones, found on the path and where pyenv keeps them."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .places import BUILD


def find(version: str) -> str | None:
    """Return the interpreter of a version such as 3.9, or None. It is run: version managers leave shims without one."""
    on_path = [Path(folder) / f"python{version}" for folder in os.environ.get("PATH", os.defpath).split(os.pathsep)]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for candidate in [*on_path, *sorted(pyenv.glob(f"{version}.*/bin/python{version}"))]:
        real = candidate.is_file() and answer(str(candidate))
        if real:
            return real
    return None


def answer(candidate: str) -> str | None:
    """Ask an interpreter where it is; leave out those that cannot make virtual environments."""
    question = "import sys, venv, ensurepip; print(getattr(sys, '_base_executable', None) or sys.executable)"
    asked = subprocess.run(
        [candidate, "-c", question], check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    return asked.stdout.strip() if asked.returncode == 0 else None


def environment(name: str, python: str, requirements: Sequence[str]) -> str:
    """Make a virtual environment once, and again when its requirements change; return its interpreter."""
    folder = BUILD / name
    stamp = folder / ".requirements"
    wanted = "\n".join([python, *requirements])
    if not (stamp.is_file() and stamp.read_text() == wanted):
        shutil.rmtree(folder, ignore_errors=True)
        print(f"making {folder.name} with {python}: {' '.join(requirements)}", flush=True)
        subprocess.run([python, "-m", "venv", str(folder)], check=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, *requirements], check=True)
        stamp.write_text(wanted)
    return str(folder / "bin" / "python")
