# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of the setup programs: every option is --name=value or a bare switch."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from typing import NamedTuple

USAGE = """Usage: {}
    --log=file
        write log to this file.
    --config=file
        use these configuration files.
    --config-append=file
        use this file too: configuration or answers.
    --generate-answer=file
        write the answers there too.
"""
SHARED = {
    "--log": '"CORE/logFileName=str:{}"',
    "--config": '"APPEND:CORE/configFileName=str:{}"',
    "--config-append": '"APPEND:CORE/configFileAppend=str:{}"',
    "--generate-answer": '"OVESETUP_CORE/answerFile=str:{}"',
}


class Command(NamedTuple):
    """What sets one program apart: what it calls its work, its log's name, its own options."""

    action: str
    log_prefix: str
    offline: bool
    valued: Mapping[str, str]
    switches: Mapping[str, str]


SETUP = Command(
    "setup",
    "ovirt-engine-setup",
    False,
    {**SHARED, "--jboss-home": '"OVESETUP_CONFIG/jbossHome=str:{}"'},
    {
        "--offline": "OVESETUP_CORE/offlinePackager=bool:True PACKAGER/yumpackagerEnabled=bool:False",
        "--accept-defaults": "DIALOG/autoAcceptDefault=bool:True",
        "--reconfigure-optional-components": "OVESETUP_CORE/reconfigureOptionalComponents=bool:True",
        "--reconfigure-dwh-scale": "OVESETUP_DWH_CONFIG/scale=none:None",
        "--show-environment-documentation": "OVESETUP_DOCS/showDocText=bool:True",
    },
)
CLEANUP = Command(
    "cleanup",
    "ovirt-engine-remove",
    True,
    SHARED,
    {"--show-environment-documentation": "OVESETUP_DOCS/showDocText=bool:True"},
)


def parse(command: Command, program: str, arguments: list[str]) -> str:
    """The environment as text, in the order in which it is read; ends the program where an option is wrong."""
    words = [SETUP.switches["--offline"]] if command.offline else []
    last = ""
    for argument in arguments:
        if not argument:
            # The shell's loop ends at the first empty word.
            break
        name, equals, value = argument.partition("=")
        if argument == "--help":
            print(USAGE.format(program), flush=True)
            sys.exit(0)
        if equals and name == "--otopi-environment":
            last = value
        elif equals and name in command.valued:
            words.append(command.valued[name].format(value))
        elif argument in command.switches:
            words.append(command.switches[argument])
        else:
            print("FATAL: Invalid option '{}'".format(argument), file=sys.stderr, flush=True)
            sys.exit(1)
    return " ".join([*words, last])


def is_complete(text: str) -> bool:
    """Whether a shell could split it."""
    try:
        shlex.split(text)
    except ValueError:
        return False
    return True
