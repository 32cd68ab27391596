# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The blocks of the documents, and what a mark before a block says about it.

    <!-- file: site.yml -->              the block is the content of that file
    <!-- not run by the tests: why -->   the commands need what no test has; they are only parsed
    <!-- run by test_x.py: why -->       that test follows them

Every other console block is run as it stands, after its paths were replaced: see PLACES.
"""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

PLAYBOOK = "ansible-playbook "
SHELL = set("$`|;&<>")  # what only a shell understands
BLOCK = re.compile(r"(?:^<!-- ([^\n]*) -->\n)?^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = "file: "
NOT_RUN = "not run by the tests: "
RUN_BY = re.compile(r"run by (test_\w+\.py): ")

# What the documents call it, and where it is below the folder of a test.
PLACES = {"/var/lib/ovirt-engine-backup": "archives", "/srv/engine-backups": "copies", "/etc/systemd/system": "units"}


class Block(NamedTuple):
    """A fenced block of a document."""

    document: str
    line: int
    language: str
    text: str
    mark: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"

    @property
    def file(self) -> str:
        """The name of the file that the block is the content of."""
        return self.mark[len(FILE) :] if self.mark.startswith(FILE) else ""

    @property
    def is_run(self) -> bool:
        return self.language == "console" and not self.mark.startswith(NOT_RUN) and not self.run_by

    @property
    def run_by(self) -> str:
        """The test that follows the commands, where that is another one."""
        found = RUN_BY.match(self.mark)
        return found[1] if found else ""


def list_documents(collection: Path) -> list[Path]:
    """The documents of a person who uses the collection; the README of the project has its own commands."""
    return sorted([*collection.glob("docs/**/*.md"), *collection.glob("roles/*/README.md")])


def read_blocks(path: Path) -> list[Block]:
    text = path.read_text(encoding="utf-8")
    name = path.name if path.parent.name == "docs" else f"{path.parent.name}/{path.name}"
    return [
        Block(name, text.count("\n", 0, found.start()) + 1, found[2], found[3], found[1] or "")
        for found in BLOCK.finditer(text)
    ]


def replace_places(text: str, root: Path) -> str:
    """The text with the paths of a real host replaced by those of a test."""
    for documented, folder in PLACES.items():
        text = text.replace(documented, str(root / folder))
    return text


def plain_runs(text: str) -> list[list[str]]:
    """The words of each command, where all are runs of playbooks that need no shell."""
    commands = text.replace("\\\n", " ").strip().splitlines()
    if SHELL & set(text) or not all(command.startswith(PLAYBOOK) for command in commands):
        return []
    return [shlex.split(command) for command in commands]
