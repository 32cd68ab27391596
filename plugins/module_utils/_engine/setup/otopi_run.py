# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run engine-setup or engine-cleanup with a file of answers, and say how that ended.

This file is private to the collection.
"""

import posixpath
from typing import TYPE_CHECKING, Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..._archive.configuration import ArchivedSetup
from ..._common.errors import CommandError, Problem
from ..._postgres.model import Holdings, Settings
from ..backup.output import ToolReport, shorten
from ..model import Installation
from .answers import Answers, check_answers, mask_answers, render_answers, secret_values
from .otopi_model import Places, SetupMemory, SetupState, Tool, ToolOutcome, answer_file_in, command_of
from .otopi_output import (
    Printed,
    check_otopi,
    command_errors,
    describe_question,
    last_told,
    read_output,
)

if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object


class OtopiCommand(NamedTuple):
    """One run of an otopi tool; ``timeout`` in seconds."""

    tool: Tool
    places: Places
    answers: Answers
    secret_keys: Tuple[str, ...]
    timeout: float
    accepts: Tuple[int, ...]  # exit statuses that are a state and no failure


class OtopiResult(NamedTuple):
    """A run of an otopi tool that ended well."""

    cmd: List[str]
    rc: Optional[int]
    printed: Printed
    log: str


NOT_RUN = OtopiResult([], None, read_output(""), "")


class OtopiHost(Protocol):
    """The engine host: _engine.setup.otopi_tools.OtopiHost, and the fake of the unit tests."""

    passwords: List[str]

    def read_installation(self, prefix: str) -> Installation:
        """What is installed and set up."""

    def choose_places(self, tool: Tool, tmpdir: str) -> Places:
        """Where a run works, and why it can not."""

    def is_locked(self, directory: str) -> bool:
        """Does another run hold the directory?"""

    def list_leftovers(self, directory: str) -> List[str]:
        """Paths that a killed run left."""

    def lock(self, directory: str) -> None:
        """Take the directory or raise BackupError (locked)."""

    def unlock(self) -> None:
        """Give the directory back."""

    def remove_leftovers(self, directory: str) -> List[str]:
        """Undo what a killed run left."""

    def dumps_directory(self, prefix: str) -> str:
        """Where engine-cleanup puts its dumps."""

    def database_size(self, settings: Settings) -> int:
        """Bytes of a database, 0 where it can not be asked."""

    def free_space(self, path: str) -> int:
        """Bytes."""

    def begin_private(self, places: Places) -> str:
        """Make the work directory."""

    def note_phase(self, phase: str) -> None:
        """Write down what the run is doing."""

    def write_answers(self, path: str, text: str) -> None:
        """Write the answer file."""

    def run_otopi(self, argv: Sequence[str], timeout: float, stem: str, log_path: str) -> ToolOutcome:
        """Run the tool."""

    def finish(self) -> None:
        """Remove the work directory and the state."""

    def read_services(self, names: Sequence[str]) -> Dict[str, str]:
        """The state of each service."""

    def count_registered_files(self) -> Dict[str, int]:
        """How many files engine-cleanup removes from each directory."""

    def read_archived_databases(self, path: str) -> Dict[str, Settings]:
        """The databases that an archive's configuration names."""

    def read_archived_setup(self, path: str) -> ArchivedSetup:
        """What engine-setup will find once an archive is restored."""

    def read_holdings(self, settings: Settings) -> Holdings:
        """What a database holds."""

    def count_rows(self, settings: Settings) -> int:
        """Rows of all tables."""

    def clear_database(self, settings: Settings) -> None:
        """Drop everything in a database."""

    def read_setup_memory(self, settings: Settings) -> Optional[SetupMemory]:
        """What the engine database knows of its set-up."""

    def read_setup_state(self) -> SetupState:
        """What engine-setup would find."""

    def read_recorded_answers(self) -> Dict[str, str]:
        """What the last run of engine-setup wrote down."""


def merge_answers(own: Answers, given: Answers, secret: Answers) -> Tuple[Answers, List[Problem]]:
    """Return what the tool is told, and what is wrong with what the user wants it told."""
    problems = check_answers(given) + check_answers(secret)
    twice = sorted(set(given) & set(secret))
    if twice:
        text = "these answers are in 'answers' and in 'secret_answers': %s" % ", ".join(twice)
        problems.append(Problem("answer_invalid", text))
    return dict(own, **dict(given, **secret)), problems


def check_lock(places: Places, host: OtopiHost) -> List[Problem]:
    """Return whether another run holds the host."""
    if not places.lock or not host.is_locked(places.lock):
        return []
    return [Problem("locked", "another run holds the directory %s" % places.lock)]


def hold(places: Places, host: OtopiHost, body: Callable[[List[str]], Any]) -> Any:
    """Run ``body`` with the directory taken and swept; it gets the paths that a killed run had left."""
    host.lock(places.lock)
    try:
        return body(host.remove_leftovers(places.lock))
    finally:
        host.unlock()


def preview_run(order: OtopiCommand) -> OtopiResult:
    """Return a run as check mode shows it: the work directory has no name yet, and nothing was said."""
    argv = command_of(order.tool, order.places, answer_file_in(posixpath.join(order.places.work, "...")))
    return NOT_RUN._replace(cmd=argv)


def run_tool(order: OtopiCommand, host: OtopiHost) -> OtopiResult:
    """Run the tool and read what it said; raise CommandError where it failed. The caller holds the directory."""
    host.passwords += secret_values(order.answers, order.secret_keys)
    try:
        work = host.begin_private(order.places)
        path = answer_file_in(work)
        host.write_answers(path, render_answers(order.answers))
        argv = command_of(order.tool, order.places, path)
        host.note_phase(order.tool.name)
        ran = host.run_otopi(argv, order.timeout, posixpath.join(work, "tool"), order.places.log_path)
    finally:
        host.finish()
    printed = read_output(ran.stdout)
    outcome = check_otopi(order.tool.name, order.tool.action, ran.returncode, printed, path, ran.repeated)
    if outcome.code and ran.returncode not in order.accepts:
        raise _failure(order, argv, ran, printed, outcome)
    return OtopiResult(argv, ran.returncode, printed, ran.log)


def _failure(
    order: OtopiCommand, argv: List[str], ran: ToolOutcome, printed: Printed, outcome: ToolReport
) -> CommandError:
    text = outcome.message
    if not printed.stages and ran.stderr.strip():
        text += ": " + shorten(ran.stderr.strip().splitlines()[-1])  # of a traceback that of a missing module
    said = command_errors(printed, ran.log)
    text += "; it printed: " + shorten(said) if said else ""
    if outcome.code == "question_unanswered" and ran.asked:
        text += " (name it in 'answers' as QUESTION/1/%s)" % ran.asked[-1]
    facts = dict(describe_end(order, argv, ran.returncode, ran.log), errors=list(dict.fromkeys(printed.errors)))
    facts["last_question"] = ran.asked[-1] if ran.asked else ""
    question = describe_question(printed, list(ran.asked), ran.repeated)
    if question is not None:
        facts["question"] = question
    stage = printed.failed_stage or (printed.stages[-1] if printed.stages else "")
    return CommandError(text, outcome.code, stage=stage, stages=list(printed.stages), **facts)


def describe_end(order: OtopiCommand, argv: List[str], returncode: Optional[int], log: str) -> Dict[str, Any]:
    """Return the facts that go with every failure after the tool ran."""
    return {
        "phase": order.tool.name,
        "rc": returncode,
        "cmd": argv,
        "log_path": order.places.log_path,
        "last_lines": last_told(log),
        "answers": mask_answers(order.answers, order.secret_keys),
    }
