# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors and problems: what a caller can tell apart by code.

This file is private to the collection.
"""

from typing import Any, Dict, List, NamedTuple, Optional, Sequence


class Problem(NamedTuple):
    """One thing that is wrong. ``code`` is stable and documented in docs/troubleshooting.md."""

    code: str
    message: str


class BackupError(Exception):
    """Base of every error of this collection.

    ``message`` is one sentence for a person; ``facts`` are the return values that go with a failure.
    """

    code = "backup_error"

    def __init__(self, message: str, code: Optional[str] = None, **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.facts: Dict[str, Any] = dict(facts)
        if code is not None:
            self.code = code


class Refused(BackupError):
    """Nothing was written: one or more problems forbid the work. All of them are named, not only the first."""

    def __init__(self, problems: Sequence[Problem], **facts: Any) -> None:
        super().__init__(describe_problems("Refused before anything was changed", problems), problems[0].code, **facts)
        self.facts["problems"] = list_problems(problems)


class NotProven(BackupError):
    """The tool said it succeeded but what it made did not pass the proof. ``outcome`` says what that means."""

    def __init__(
        self,
        problems: Sequence[Problem],
        outcome: str = "The backup was made but is not proven, and was discarded",
        **facts: Any,
    ) -> None:
        super().__init__(describe_problems(outcome, problems), problems[0].code, **facts)
        self.facts["problems"] = list_problems(problems)


class CommandError(BackupError):
    """A host tool could not be started, failed, was killed or ran out of time."""

    code = "tool_failed"


class Interrupted(BaseException):
    """The run itself was told to stop (SIGTERM, SIGINT, SIGHUP).

    Not a BackupError: who catches one of those and goes on must not go on after this.
    """

    code = "interrupted"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.facts: Dict[str, Any] = {}


def describe_problems(start: str, problems: Sequence[Problem]) -> str:
    """Return one sentence for one problem and a numbered list for several."""
    if len(problems) == 1:
        return "%s: [%s] %s" % (start, problems[0].code, problems[0].message)
    lines = ["%d. [%s] %s" % (number, item.code, item.message) for number, item in enumerate(problems, 1)]
    return "%s, %d problems:\n%s" % (start, len(problems), "\n".join(lines))


def list_problems(problems: Sequence[Problem]) -> List[Dict[str, str]]:
    """Return problems as plain dictionaries, the shape of a module result."""
    return [{"code": item.code, "message": item.message} for item in problems]
