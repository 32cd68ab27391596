# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what engine-setup and engine-cleanup print and log.

Sources: recorded runs (tests/unit/recorded), the human dialog of otopi. Notes are indented and wrapped at 64 columns,
and a prompt ends without a newline, so that the next message stands in the middle of its line.
This file is private to the collection.
"""

import re
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from ..backup.output import ToolReport, last_lines, shorten, signal_of


class Printed(NamedTuple):
    """What an otopi tool printed."""

    stages: Tuple[str, ...]
    warnings: Tuple[str, ...]
    errors: Tuple[str, ...]
    failed_stage: str
    reason: str  # why that stage failed
    configuration_files: Tuple[str, ...]
    log_path: str
    dumps: Tuple[str, ...]  # that the tool made of databases before it changed them
    finished: str  # "setup" or "cleanup" where it says that this is completed
    says_restored: bool
    question: str  # the text that stands last before the end or the failure


class Question(NamedTuple):
    """A question of an otopi tool."""

    name: str
    text: str
    stage: str


NOT_SET_UP = 11  # exit status of engine-cleanup where no setup was completed
REPEATS = 5  # how often a tool may ask one question
_MESSAGE = re.compile(r"\[( INFO  |WARNING| ERROR )\] ([^\n]*)")
_STAGE = "Stage: "
_FAILED = re.compile(r"^Failed to execute stage '([^']*)': (.*)$", re.MULTILINE)
_FINISHED = re.compile(r"^Execution of (\w+) completed successfully$", re.MULTILINE)
_FILES = re.compile(r"Configuration files:\s+(.*?)\s+(?:Log file:|\[)", re.DOTALL)
_LOG = re.compile(r"Log file(?: is located at|:)\s+(\S+)")
_DUMP = re.compile(
    r"Backing\s+up\s+database\s+\S+\s+to\s+'([^'\n]+)'|A\s+backup\s+of\s+the\s+[\w\s-]+?\s+database\s+is\s+available"
    r"\s+at\s+(\S+)"
)
_QUERY = re.compile(r"DEBUG \S*\bdialog\S* \S+ query (\S+)$", re.MULTILINE)
_TOLD = re.compile(r"^\d{4}-[\d-]+ [\d:,+-]+ (?:INFO|WARNING|ERROR|CRITICAL) .*$", re.MULTILINE)
_COMMAND_ERRORS = re.compile(r" execute-output: \([^\n]*\) stderr:\n(.*?)\n(?=\d{4}-\d\d-\d\d )", re.DOTALL)
_COMMAND_FAILED = "failed to execute"
_NOTE_INDENT = " " * 10
_RESTORED = "The engine DB has been restored from a backup"
_END_OF_INPUT = "End of file"


def read_output(stdout: str) -> Printed:
    """Return what the printed lines say."""
    messages = [(kind.strip(), text.strip()) for kind, text in _MESSAGE.findall(stdout)]
    infos, warnings, errors = (_of_kind(kind, messages) for kind in ("INFO", "WARNING", "ERROR"))
    failed = _first_match(_FAILED, "\n".join(errors))
    files = _first_match(_FILES, stdout)[0]
    return Printed(
        stages=tuple(text[len(_STAGE) :] for text in infos if text.startswith(_STAGE)),
        warnings=warnings,
        errors=errors,
        failed_stage=failed[0],
        reason=failed[1],
        configuration_files=tuple(re.split(r",?\s+", files)),
        log_path=_first_match(_LOG, stdout)[0],
        dumps=tuple(dict.fromkeys(one or other for one, other in _DUMP.findall(stdout))),
        finished=_first_match(_FINISHED, "\n".join(infos))[0],
        says_restored=_RESTORED in infos,
        question=_last_note(stdout),
    )


def _of_kind(wanted: str, messages: List[Tuple[str, str]]) -> Tuple[str, ...]:
    return tuple(text for kind, text in messages if kind == wanted)


def _first_match(pattern: "re.Pattern[str]", text: str) -> Tuple[str, ...]:
    """Return the groups of the first match, all empty where there is none."""
    found = pattern.search(text)
    return found.groups() if found else ("",) * pattern.groups


def _last_note(stdout: str) -> str:
    """Return the note that ends the output, or stands before the first failure: the question that was asked."""
    text = re.split(r"\[ ERROR \] Failed to execute stage", stdout)[0].rstrip("\n")
    lines: List[str] = []
    for line in reversed(text.split("\n")):
        if not line.startswith(_NOTE_INDENT):
            break
        lines.insert(0, line.strip())
    note = re.split(r"provided answer: \S+\s*|\]:\s+", " ".join(lines).strip())[-1]
    return shorten(note)


def asked_questions(log: str) -> List[str]:
    """Return the names of the questions that the tool asked, in order, from its log."""
    return [str(name) for name in _QUERY.findall(log)]


def last_told(log: str) -> List[str]:
    """Return the last lines of a log that tell what happened.

    The lines of debugging come by the hundred, behind a failure too: they hold everything that the tool was told.
    """
    return last_lines("\n".join(_TOLD.findall(log)) or log)


def command_errors(printed: Printed, log: str) -> str:
    """Return what a command said that made the tool fail, which stands only in its log."""
    if not printed.reason.endswith(_COMMAND_FAILED):
        return ""
    said = [text for text in _COMMAND_ERRORS.findall(log) if text.strip()]
    return " ".join(said[-1].strip().splitlines()[-3:]) if said else ""


def endless_question(counts: Dict[str, int]) -> str:
    """Return the question that is asked again and again, an empty string where there is none."""
    return next((name for name, count in sorted(counts.items()) if count > REPEATS), "")


def check_otopi(
    tool: str, action: str, returncode: Optional[int], printed: Printed, answer_file: str, repeated: str
) -> ToolReport:
    """Return what the run says of itself: an empty code for success, else what failed.

    ``returncode`` is None where the tool was ended: because it ``repeated`` a question, or because its time was up.
    """
    if repeated:
        text = "%s was ended: it asked the question %s more than %d times: %s%s"
        return ToolReport("question_repeated", text % (tool, repeated, REPEATS, printed.question, _causes(printed)))
    if returncode is None:
        text = "%s was ended: it took longer than the timeout, in the stage '%s'"
        return ToolReport("tool_timeout", text % (tool, _stage_of(printed)))
    if printed.reason == _END_OF_INPUT:
        text = "%s asked a question that has no answer, in the stage '%s': %s"
        return ToolReport("question_unanswered", text % (tool, printed.failed_stage, printed.question))
    if returncode == 0 and printed.finished == action:
        return _check_success(tool, printed, answer_file)
    return _check_failure(tool, action, returncode, printed)


def _check_success(tool: str, printed: Printed, answer_file: str) -> ToolReport:
    if answer_file in printed.configuration_files:
        return ToolReport("", "")
    text = "%s ended with status 0 but does not name %s among its configuration files: it did not read the answers"
    return ToolReport("answers_not_read", text % (tool, answer_file))


def _check_failure(tool: str, action: str, returncode: int, printed: Printed) -> ToolReport:
    if returncode == 0:
        text = "%s ended with status 0 but did not say that the %s is completed" % (tool, action)
        return ToolReport("tool_incomplete", text)
    if signal_of(returncode):
        return ToolReport(
            "tool_killed",
            "%s was killed by signal %d, in the stage '%s'" % (tool, signal_of(returncode), _stage_of(printed)),
        )
    details = "in the stage '%s': %s" % (printed.failed_stage, printed.reason) if printed.failed_stage else "at once"
    code = "setup_failed" if action == "setup" else "cleanup_failed"
    return ToolReport(code, "%s failed (status %d) %s%s" % (tool, returncode, details, _causes(printed)))


def _stage_of(printed: Printed) -> str:
    return printed.failed_stage or (printed.stages[-1] if printed.stages else "")


def _causes(printed: Printed) -> str:
    """Return the errors that say more than the failure of the stage does."""
    general = ("Failed to execute", "Execution of")
    more = [text for text in printed.errors if not text.startswith(general) and text not in printed.reason]
    return "; it said: " + "; ".join(shorten(text) for text in list(dict.fromkeys(more))[:3]) if more else ""


def describe_question(printed: Printed, asked: List[str], repeated: str) -> Optional[Dict[str, Any]]:
    """Return the question that a run ended at, None where it was none."""
    if not repeated and printed.reason != _END_OF_INPUT:
        return None
    name = repeated or (asked[-1] if asked else "")
    return {"name": name, "text": printed.question, "stage": _stage_of(printed)}
