# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run engine-setup or engine-cleanup with a file of answers, and say how that ended.

This file is private to the collection.
"""

import posixpath
from typing import TYPE_CHECKING, Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from ..._common.errors import CommandError, Problem
from ..backup.output import ToolReport, shorten
from .answers import Answers, check_answers, mask_answers, render_answers, secret_values
from .otopi_model import Places, Tool, ToolOutcome, answer_file_in, command_of
from .otopi_output import Printed, check_otopi, command_errors, describe_question, last_told, read_output

if TYPE_CHECKING:
    from ..protocols import OtopiHost


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


def merge_answers(own: Answers, given: Answers, secret: Answers) -> Tuple[Answers, List[Problem]]:
    """Return what the tool is told, and what is wrong with what the user wants it told."""
    problems = check_answers(given) + check_answers(secret)
    twice = sorted(set(given) & set(secret))
    if twice:
        text = "these answers are in 'answers' and in 'secret_answers': %s" % ", ".join(twice)
        problems.append(Problem("answer_invalid", text))
    return dict(own, **dict(given, **secret)), problems


def check_lock(places: Places, host: "OtopiHost") -> List[Problem]:
    """Return whether another run holds the host."""
    if not places.lock or not host.session.is_locked(places.lock):
        return []
    return [Problem("locked", "another run holds the directory %s" % places.lock)]


def hold(places: Places, host: "OtopiHost", body: Callable[[List[str]], Any]) -> Any:
    """Run ``body`` with the directory taken and swept; it gets the paths that a killed run had left."""
    host.session.lock(places.lock)
    try:
        return body(host.session.remove_leftovers(places.lock))
    finally:
        host.session.unlock()


def preview_run(order: OtopiCommand) -> OtopiResult:
    """Return a run as check mode shows it: the work directory has no name yet, and nothing was said."""
    argv = command_of(order.tool, order.places, answer_file_in(posixpath.join(order.places.work, "...")))
    return NOT_RUN._replace(cmd=argv)


def run_tool(order: OtopiCommand, host: "OtopiHost") -> OtopiResult:
    """Run the tool and read what it said; raise CommandError where it failed. The caller holds the directory."""
    host.passwords += secret_values(order.answers, order.secret_keys)
    try:
        work = host.session.begin_private(order.places)
        path = answer_file_in(work)
        host.tool.write_answers(path, render_answers(order.answers))
        argv = command_of(order.tool, order.places, path)
        host.session.note_phase(order.tool.name)
        ran = host.tool.run_otopi(argv, order.timeout, posixpath.join(work, "tool"), order.places.log_path)
    finally:
        host.session.finish()
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
