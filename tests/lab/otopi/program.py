# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of a setup program: its environment, its stages, its end."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType

from . import answers, log
from .answers import Environment, Files
from .dialog import Dialog
from .faults import Faults
from .options import Command, parse
from .stages import STAGES, Stage

VERSION = "otopi-1.10.5_master ()"
GENERAL_ERROR = 1
SECRET_WORDS = ("password", "passwd", "secret")
SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGQUIT)
Event = Callable[[], None]


class Program:
    """The frame of engine-setup and engine-cleanup; what they do comes in as events by stage."""

    def __init__(self, home: Path, command: Command, name: str, arguments: list[str]) -> None:
        self.home = home
        self.prefix = home / "prefix"
        self.action = command.action
        self.environment: Environment = {}
        answers.from_command_line(self.environment, parse(command, name, arguments))
        self.log = self._open_log(command)
        self.dialog = Dialog(self.environment, self.log)
        self.faults = Faults(home / "faults", command.action)
        self.exit_codes: list[int] = []
        self.has_failed = False
        self.rollbacks: list[Event] = []
        self.files: Files | None = None
        for number in SIGNALS:
            signal.signal(number, _on_signal)

    def _open_log(self, command: Command) -> log.Log:
        given = self.environment.get("CORE/logFileName")
        directory = self.prefix / "var/log/ovirt-engine/setup"
        return log.Log(Path(str(given)) if given else log.default_path(directory, command.log_prefix))

    def text(self, key: str) -> str:
        """A value of the environment as text."""
        value = self.environment.get(key)
        return "" if value is None else str(value)

    def run(self, events: Mapping[str, list[Event]]) -> int:
        """All stages; the exit status."""
        _silence_stderr(self.log)
        own: dict[str, list[Event]] = {
            "init": [self._read_files, self._ask_unprivileged],
            "setup": [self._introduce],
            "customization": [lambda: self._read_section("override")],
        }
        for stage in STAGES:
            if self.has_failed and stage.only_if_good:
                continue
            self.dialog.info("Stage: " + stage.title, log.STAGE)
            self.log.write("DEBUG", log.STAGE, "STAGE " + stage.identifier)
            self._run_stage(stage, [*own.get(stage.name, []), *events.get(stage.name, [])])
        if not self.has_failed:
            return 0
        return max([GENERAL_ERROR, *self.exit_codes])

    def _run_stage(self, stage: Stage, events: list[Event]) -> None:
        last: dict[str, list[Event]] = {"cleanup": [self._finish], "terminate": [self._say_how_it_went]}
        for event in [lambda: self.step(stage.name), *events, *last.get(stage.name, [])]:
            if self.has_failed and stage.only_if_good:
                return
            try:
                event()
            except Exception as error:
                self._fail(stage, error)

    def _fail(self, stage: Stage, error: Exception) -> None:
        self.has_failed = True
        self.log.write("DEBUG", log.METHOD, "method exception\n" + traceback.format_exc().rstrip("\n"))
        self.dialog.error("Failed to execute stage '{}': {}".format(stage.title, error), log.FAILED)
        while self.rollbacks:
            self.rollbacks.pop()()

    def step(self, name: str) -> None:
        """A place where faults may strike."""
        self.faults.strike(name)

    def _read_files(self) -> None:
        usual = self.text("CORE/configFileName") or str(self.prefix / "etc/ovirt-engine-setup.conf")
        self.files = Files(usual, self.text("CORE/configFileAppend"))
        for path in self.files.failed:
            self.log.write("DEBUG", log.CONFIG, "Failed to read config file {}".format(path))
        self.files.apply("environment:default", self.environment, wins=False)
        self.files.apply("environment:init", self.environment, wins=True)
        self._hide_secrets()
        for key, value in self.environment.items():
            self.log.write("DEBUG", log.ENVIRONMENT, "ENV {}={}:{!r}".format(key, type(value).__name__, value))

    def _read_section(self, name: str) -> None:
        assert self.files is not None
        self.files.apply("environment:" + name, self.environment, wins=True)
        self._hide_secrets()

    def _hide_secrets(self) -> None:
        for key, value in self.environment.items():
            if value and any(word in key.lower() for word in SECRET_WORDS):
                self.log.secrets.append(str(value))

    @property
    def is_unprivileged(self) -> bool:
        """Does an ordinary user run it, for a development installation?"""
        return (self.prefix / "etc/unprivileged").exists()

    def _ask_unprivileged(self) -> None:
        if self.environment.get("OVESETUP_CORE/developerMode") or not self.is_unprivileged:
            return
        note = (
            "Setup was run under unprivileged user this will produce development installation "
            "do you wish to proceed? (@VALUES@) [@DEFAULT@]: "
        )
        if not self.dialog.confirms("OVESETUP_SYSTEM_UNPRIVILEGED", note, default=False):
            raise RuntimeError("Aborted by user")
        self.environment["OVESETUP_CORE/developerMode"] = True

    @property
    def is_developer_mode(self) -> bool:
        """Whether it leaves the services of the host alone."""
        return bool(self.environment.get("OVESETUP_CORE/developerMode"))

    def _introduce(self) -> None:
        assert self.files is not None
        self.dialog.note("Configuration files: " + ", ".join(self.files.read))
        if self.files.missing:
            self.dialog.warning(
                "The following configuration files are missing: {}.".format(",".join(self.files.missing))
            )
        self.dialog.note("Log file: {}".format(self.log.path))
        self.dialog.note("Version: " + VERSION)

    def _finish(self) -> None:
        self.dialog.note("Log file is located at {}".format(self.log.path))
        name = "{}-{}.conf".format(time.strftime("%Y%m%d%H%M%S"), self.action)
        paths = [str(self.prefix / "var/lib/ovirt-engine/setup/answers" / name), self.text("OVESETUP_CORE/answerFile")]
        for path in filter(None, paths):
            self.dialog.info("Generating answer file '{}'".format(path))
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
                stream.write(answers.answer_file(self.environment))

    def _say_how_it_went(self) -> None:
        if self.has_failed:
            self.dialog.error("Execution of {} failed".format(self.action))
        else:
            self.dialog.info("Execution of {} completed successfully".format(self.action))


def _on_signal(number: int, _frame: FrameType | None) -> None:
    raise RuntimeError("SIG{}".format(number))


def _silence_stderr(target: log.Log) -> None:
    """What programs say on stderr goes to the log; standard output stays the dialog's."""
    sys.stderr.flush()
    os.dup2(target.stream.fileno(), 2)
