# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The human dialog: notes wrapped at the terminal's width less 16, questions, and log lines for people."""

from __future__ import annotations

import os
import sys
import textwrap

from .answers import QUESTION, Environment
from .log import HUMAN, SEND, Log, Place

USUAL_WIDTH = 80
MARGIN = 16
INDENT = " " * 9
AUTO_ACCEPT = "DIALOG/autoAcceptDefault"
SETUP = Place("otopi.ovirt_engine_setup", "setup._run:100")


class Dialog:
    """Talks to whoever runs the program."""

    def __init__(self, environment: Environment, log: Log) -> None:
        self.environment = environment
        self.log = log
        self.asked: dict[str, int] = {}

    def info(self, message: str, place: Place = SETUP) -> None:
        """[ INFO  ] ..."""
        self._tell("INFO", message, place)

    def warning(self, message: str, place: Place = SETUP) -> None:
        """[WARNING] ..."""
        self._tell("WARNING", message, place)

    def error(self, message: str, place: Place = SETUP) -> None:
        """[ ERROR ] ..."""
        self._tell("ERROR", message, place)

    def debug(self, message: str, place: Place = SETUP) -> None:
        """Only into the log."""
        self.log.write("DEBUG", place, message)

    def _tell(self, level: str, message: str, place: Place) -> None:
        self.log.write(level, place, message)
        line = "[{:^7}] {}".format(level, message).replace("\n", "\n" + INDENT)
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def note(self, text: str, prompt: bool = False) -> None:
        """Indented text; a prompt ends without a newline."""
        lines = _wrap(text)
        for number, line in enumerate(lines):
            end = "" if prompt and number == len(lines) - 1 else "\n"
            shown = INDENT + (" " + line if line else "")
            self.debug("{:<17} {}".format("DIALOG:SEND", shown), SEND)
            sys.stdout.write(shown + end)
        sys.stdout.flush()

    def query(
        self,
        name: str,
        note: str,
        default: str | None = None,
        choices: tuple[str, ...] = (),
        hidden: bool = False,
        case_sensitive: bool = True,
    ) -> str:
        """Ask; a provided answer beats the default, and is taken as it stands."""
        self.debug("query " + name, HUMAN)
        note = note.replace("@VALUES@", ", ".join(choices)).replace("@DEFAULT@", default or "")
        if not case_sensitive:
            choices = tuple(choice.lower() for choice in choices)
        value = self._accept_default(note, default, choices, case_sensitive)
        number = self.asked[name] = self.asked.get(name, 0) + 1
        key = "{}{}/{}".format(QUESTION, number, name)
        if key in self.environment:
            value = str(self.environment[key])
            self.note(note)
            self.note("provided answer: {}".format("(hidden)" if hidden else value))
        if value is None:
            value = self._ask(note, default, choices, hidden, case_sensitive)
        self.environment[key] = value
        if hidden:
            self.log.secrets.append(value)
        return value

    def _accept_default(self, note: str, default: str | None, choices: tuple[str, ...], exact: bool) -> str | None:
        if not self.environment.get(AUTO_ACCEPT) or default is None:
            return None
        value = default if exact else default.lower()
        if choices and value not in choices:
            return None
        self.note(note)
        return value

    def _ask(self, note: str, default: str | None, choices: tuple[str, ...], hidden: bool, exact: bool) -> str:
        while True:
            self.note(note, prompt=True)
            value = self._read(hidden) or default or ""
            if not exact:
                value = value.lower()
            if choices and value not in choices:
                self.error("Invalid value", HUMAN)
            elif not value and value != default:
                self.error("Please specify value", HUMAN)
            else:
                return value

    def _read(self, hidden: bool) -> str:
        line = sys.stdin.readline()
        if not line:
            raise OSError("End of file")
        value = line.rstrip("\n")
        if not hidden:
            self.debug("{:<17} {}".format("DIALOG:RECEIVE", value), SEND)
        return value

    def confirms(self, name: str, note: str, default: bool | None = None, true: str = "Yes", false: str = "No") -> bool:
        """A question with two answers: whatever is not the second one counts as the first."""
        answer = self.query(name, note, true if default else false, (true, false), case_sensitive=False)
        return answer != false.lower()

    def title(self, text: str) -> None:
        """A heading between stages."""
        self.note("\n--== {} ==--\n\n".format(text))


def _wrap(text: str) -> list[str]:
    lines: list[str] = []
    for line in text.splitlines():
        wrapped = textwrap.wrap(line, max(_width() - MARGIN, 1), break_long_words=False, break_on_hyphens=False)
        lines += wrapped if line else [""]
    return lines


def _width() -> int:
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError):
        return USUAL_WIDTH
