# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every command of the documents does what it says: run in the order in which a reader meets them, with his files."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tooling.places import ROOT

from . import runs
from .documents import PLACES, PLAYBOOK, Block, list_documents, plain_runs, read_blocks, replace_places
from .installation import Site, environment, program
from .playbooks import Engine, Play
from .side_effects import processes

INVENTORY = "inventory.yml"
DEADLINE = 240

DOCUMENTS = {path: read_blocks(path) for path in list_documents(ROOT)}
WITH_COMMANDS = [path for path, blocks in DOCUMENTS.items() if any(block.is_run for block in blocks)]
NOT_RUN = [
    block for blocks in DOCUMENTS.values() for block in blocks if block.language == "console" and not block.is_run
]
ELSEWHERE = [block for block in NOT_RUN if block.run_by]
PLAYS = [block for block in NOT_RUN if block.text.startswith(PLAYBOOK) and not block.run_by]


class Reader:
    """Somebody who follows the documents: has the files that they show, and types their commands."""

    def __init__(self, engine: Engine, home: Path) -> None:
        self.engine = engine
        self.home = home
        self.done: set[tuple[str, ...]] = set()  # two documents may show the same command
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

    def follow(self, block: Block, *more: str) -> None:
        """Run the commands of a block, unless that was done already."""
        files = [path.read_text() for path in sorted(self.home.glob("*.yml")) if path.name in block.text]
        if (block.text, *files) not in self.done:
            status, said = self.type(block.text, *more)
            assert status == 0, f"{block}: {block.text}\n{said}"
            self.done.add((block.text, *files))

    def type(self, text: str, *more: str) -> tuple[int, str]:
        """Run the lines of a block; return the status of the first one that failed, and what they said."""
        text = replace_places(text, self.home)
        commands = plain_runs(text) or [["bash", "-euo", "pipefail", "-c", text]]
        said, status = "", 0
        while commands and status == 0:
            process = self.start([*commands.pop(0), *more])
            said += process.communicate(timeout=DEADLINE)[0]
            status = process.wait()
        self.engine.plays.append(Play([], said))
        return status, said

    def start(self, command: list[str]) -> runs.AnyRun:
        scratch, shown = self.engine.scratch, self.home / "ansible.cfg"
        settings = {
            "PATH": os.pathsep.join([str(Path(program("python")).parent), os.environ["PATH"]]),
            "TMPDIR": str(scratch / "tmp"),
            "ANSIBLE_LOCAL_TEMP": str(scratch / "local"),
            "ANSIBLE_REMOTE_TEMP": str(scratch / "remote"),
            "ANSIBLE_PIPELINING": "true",
        }
        if command[0] == PLAYBOOK.strip() and not shown.exists():
            return runs.start([program(command[0]), *command[1:]], settings, self.home, session=True)
        if shown.exists():  # the next command reads it
            settings["ANSIBLE_CONFIG"] = str(shown.rename(shown.with_name("shown.cfg")))
        return subprocess.Popen(
            command, cwd=self.home, env=environment(settings), start_new_session=True, text=True,
            errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip


@pytest.fixture(scope="module")
def reader(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """One reader of all documents, who has the archives that the ones before made."""
    folder = tmp_path_factory.mktemp("documents")
    (folder / "reader").mkdir()
    before = processes(site)
    found = Reader(Engine(site, folder / "ansible"), folder / "reader")
    yield found
    found.engine.assert_left_no_trace(folder, before)


@pytest.mark.parametrize("path", WITH_COMMANDS, ids=lambda path: f"{path.parent.name}/{path.name}")
@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user may not write in /var/lib/ovirt-engine-backup")
def test_commands_of_a_document_work_in_their_order(reader: Reader, path: Path) -> None:
    for block in DOCUMENTS[path]:
        if block.file:
            reader.take_file(block)
        elif block.is_run:
            reader.follow(block)


@pytest.mark.parametrize("block", PLAYS, ids=str)
def test_playbook_that_can_not_run_here_is_understood(reader: Reader, block: Block) -> None:
    for shown in next(blocks for blocks in DOCUMENTS.values() if block in blocks):
        if shown.file and shown.file != "ansible.cfg":
            reader.take_file(shown)
    reader.follow(block, "--syntax-check")


@pytest.mark.parametrize("block", ELSEWHERE, ids=str)
def test_commands_that_another_test_follows_are_read_there(block: Block) -> None:
    (path,) = Path(__file__).parent.rglob(block.run_by)
    text = path.read_text(encoding="utf-8")
    assert "read_document(" in text and Path(block.document).parent.name in text and Path(block.document).stem in text


def test_command_that_fails_is_noticed(reader: Reader) -> None:
    assert reader.type("false\ntrue\n")[0] == 1
    assert reader.type("ansible-playbook nowhere.yml\nansible-playbook --version\n")[0] == 1
    assert reader.type("ls /var/lib/ovirt-engine-backup\n")[0] == 0
