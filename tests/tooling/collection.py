# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection outside the checkout: a copy for the linters and ansible-test, and the artefact that users install."""

import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path

from .places import BUILD, COLLECTIONS, INSTALLED, ROOT

# ansible-test and ansible-lint want a checkout below ansible_collections/.
SOURCES = BUILD / "sources" / "ansible_collections" / "ovirt" / "backup"

SHIPPED = {
    "CHANGELOG.rst", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "COPYING", "FILES.json", "LICENSES", "MANIFEST.json",
    "README.md", "SECURITY.md", "bindep.txt", "changelogs", "docs", "meta", "playbooks", "plugins", "requirements.txt",
    "roles", "tests",
}  # fmt: skip


def project_files() -> list[Path]:
    """What git tracks or would track: never what a tool left behind."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        stdout=subprocess.PIPE,
    ).stdout.decode()
    names = sorted({Path(name) for name in listed.split("\0") if name})
    return [name for name in names if (ROOT / name).is_file()]


def copy_sources() -> Path:
    """A fresh copy of the project's files, as a git repository of its own."""
    for old in SOURCES.iterdir() if SOURCES.is_dir() else ():
        if old.name == "tests" and (old / "output").is_dir():
            # ansible-test keeps its virtual environments there; making them again costs minutes.
            for part in old.iterdir():
                if part.name != "output":
                    remove(part)
        else:
            remove(old)
    for name in project_files():
        target = SOURCES / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    subprocess.run(["git", "init", "-q", str(SOURCES)], check=True)
    return SOURCES


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def build() -> Path:
    """Build the artefact from the checkout."""
    target = BUILD / "artefact"
    shutil.rmtree(target, ignore_errors=True)
    galaxy("collection", "build", "--output-path", str(target), str(ROOT))
    (artefact,) = target.glob("ovirt-backup-*.tar.gz")
    return artefact


def stray_names(names: Iterable[str]) -> list[str]:
    """What the artefact should not hold: build_ignore in galaxy.yml lags behind as soon as a new folder appears."""
    return [
        name
        for name in names
        if name.split("/")[0] not in SHIPPED
        or (name.startswith("tests/") and name != "tests/config.yml")
        or "__pycache__" in name
    ]


def install(artefact: Path) -> Path:
    """Install the artefact as a user would, into a private place."""
    shutil.rmtree(INSTALLED, ignore_errors=True)
    galaxy("collection", "install", "--offline", "--force", "-p", str(COLLECTIONS), str(artefact))
    return INSTALLED


def galaxy(*arguments: str) -> None:
    program = Path(sys.executable).with_name("ansible-galaxy")
    done = subprocess.run(
        [str(program), *arguments], check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode != 0:
        raise SystemExit(f"ansible-galaxy {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}")


def main() -> None:
    """Build, look for strays, install: also a check of its own in the lint part."""
    artefact = build()
    with tarfile.open(artefact) as archive:
        strays = stray_names(archive.getnames())
    if strays:
        raise SystemExit(f"{artefact.name} holds what users do not need (build_ignore in galaxy.yml): {strays}")
    print(install(artefact))


if __name__ == "__main__":
    main()
