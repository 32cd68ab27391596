# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every command of the documents does what it says: run in the order in which a reader meets them, with his files."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from tooling.places import ROOT

from .documents import PLACES, Block, list_documents, read_blocks, replace_places
from .installation import environment, program
from .playbooks import Engine, Play

INVENTORY = "inventory.yml"
PLAYBOOK = "ansible-playbook "
DEADLINE = 240

DOCUMENTS = {path: read_blocks(path) for path in list_documents(ROOT)}
WITH_COMMANDS = [path for path, blocks in DOCUMENTS.items() if any(block.is_run for block in blocks)]
NOT_RUN = [
    block for blocks in DOCUMENTS.values() for block in blocks if block.language == "console" and not block.is_run
]
ELSEWHERE = [block for block in NOT_RUN if block.run_by]
PLAYS = [block for block in NOT_RUN if block.text.startswith(PLAYBOOK) and not block.run_by]


class Reader:
    """Somebody who follows a document: has the files that it shows, and types its commands."""

    def __init__(self, engine: Engine, home: Path) -> None:
        self.engine = engine
        self.home = home
        for folder in PLACES.values():
            (home / folder).mkdir(mode=0o700)
        shutil.copy(engine.site.inventory, home / INVENTORY)

    def take_file(self, block: Block) -> None:
        """Write the file that a block shows; the engine of the inventory is the one that is there."""
        text = replace_places(block.text, self.home)
        if block.file == INVENTORY:
            assert yaml.safe_load(text)["engine"]["hosts"]
        else:
            (self.home / block.file).write_text(text, encoding="utf-8")

    def type(self, text: str) -> "subprocess.CompletedProcess[str]":
        """Run the lines of a block, with what the first failing one said."""
        command = ["bash", "-euo", "pipefail", "-c", replace_places(text, self.home)]
        done = subprocess.run(
            command, cwd=self.home, env=self.environment(), timeout=DEADLINE, check=False, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        )  # fmt: skip
        self.engine.plays.append(Play([], done.stdout))
        return done

    def environment(self) -> Mapping[str, str]:
        scratch = self.engine.scratch
        shown = self.home / "ansible.cfg"
        return environment(
            {
                **({"ANSIBLE_CONFIG": str(shown)} if shown.exists() else {}),
                "PATH": os.pathsep.join([str(Path(program("python")).parent), os.environ["PATH"]]),
                "TMPDIR": str(scratch / "tmp"),
                "ANSIBLE_LOCAL_TEMP": str(scratch / "local"),
                "ANSIBLE_REMOTE_TEMP": str(scratch / "remote"),
                "ANSIBLE_PIPELINING": "true",
            }
        )


@pytest.fixture
def reader(engine: Engine, tmp_path: Path) -> Reader:
    home = tmp_path / "reader"
    home.mkdir()
    return Reader(engine, home)


@pytest.mark.parametrize("path", WITH_COMMANDS, ids=lambda path: f"{path.parent.name}/{path.name}")
@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user may not write in /var/lib/ovirt-engine-backup")
def test_commands_of_a_document_work_in_their_order(reader: Reader, path: Path) -> None:
    for block in DOCUMENTS[path]:
        if block.file:
            reader.take_file(block)
        elif block.is_run:
            done = reader.type(block.text)
            assert done.returncode == 0, f"{block}: {block.text}\n{done.stdout}"


@pytest.mark.parametrize("block", PLAYS, ids=str)
def test_playbook_that_can_not_run_here_is_understood(reader: Reader, block: Block) -> None:
    for shown in next(blocks for blocks in DOCUMENTS.values() if block in blocks):
        if shown.file:
            reader.take_file(shown)
    done = reader.type(block.text.replace(PLAYBOOK, f"{PLAYBOOK}--syntax-check "))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("block", ELSEWHERE, ids=str)
def test_commands_that_another_test_follows_are_read_there(block: Block) -> None:
    (path,) = Path(__file__).parent.rglob(block.run_by)
    text = path.read_text(encoding="utf-8")
    assert "read_document(" in text and Path(block.document).parent.name in text and Path(block.document).stem in text


def test_command_that_fails_is_noticed(reader: Reader) -> None:
    assert reader.type("false\ntrue\n").returncode == 1
    assert reader.type("ls /var/lib/ovirt-engine-backup\n").returncode == 0
