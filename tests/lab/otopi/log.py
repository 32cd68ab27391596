# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The log file: one line per message with the place in otopi that would have written it, secrets filtered."""

from __future__ import annotations

import random
import string
import time
from pathlib import Path
from typing import NamedTuple

FILTERED = "**FILTERED**"


class Place(NamedTuple):
    """Who writes a line: logger, and module.function:line."""

    logger: str
    function: str


HUMAN = Place("otopi.plugins.otopi.dialog.human", "human.queryString:174")
SEND = Place("otopi.plugins.otopi.dialog.human", "dialog.__logString:204")
STAGE = Place("otopi.context", "context.runSequence:619")
METHOD = Place("otopi.context", "context._executeMethod:143")
FAILED = Place("otopi.context", "context._executeMethod:151")
ENVIRONMENT = Place("otopi.context", "context.dumpEnvironment:775")
CONFIG = Place("otopi.plugins.otopi.core.config", "config._init:144")


def plugin(name: str) -> Place:
    """A plugin of the setup program."""
    return Place("otopi.plugins.ovirt_engine_setup." + name, name.rpartition(".")[2] + "._run:100")


class Log:
    """Appends to one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.secrets: list[str] = []
        self.stream = open(path, "a", encoding="utf-8", buffering=1)  # noqa: SIM115

    def write(self, level: str, place: Place, message: str) -> None:
        """One line, or several where the message has some."""
        now = time.time()
        stamp = "{},{:03d}{}".format(
            time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now)), int(now * 1000) % 1000, time.strftime("%z")
        )
        text = "{} {} {} {} {}".format(stamp, level, place.logger, place.function, message)
        for secret in sorted(filter(None, self.secrets), key=len, reverse=True):
            text = text.replace(secret, FILTERED)
        self.stream.write(text + "\n")


def default_path(directory: Path, prefix: str) -> Path:
    """ovirt-engine-setup-20260101000000-abc123.log and the like."""
    letters = "".join(random.choice(string.ascii_lowercase + string.digits) for _number in range(6))
    return directory / "{}-{}-{}.log".format(prefix, time.strftime("%Y%m%d%H%M%S"), letters)
