# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and set options of the engine with its own tool, engine-config. This file is private to the collection."""

import os
from typing import Sequence

from .._common.command import run_command, tool_environment
from .._common.errors import BackupError, CommandError, Refused
from .installation import below
from .options_rules import check_option, get_arguments, set_arguments, type_of_option

TOOL = "engine-config"
PROPERTIES = "etc/ovirt-engine/engine-config/engine-config.properties"
TIMEOUT = 180  # it starts a Java machine


class Option:
    """One option of one version."""

    def __init__(self, prefix: str, name: str, version: str) -> None:
        self._tool = below(prefix, "bin/" + TOOL)
        self._env = tool_environment(prefix)
        self._properties = below(prefix, PROPERTIES)
        self.name = name
        self.version = version

    def read(self) -> str:
        """Return the value; raise Refused for an option that is not for this tool."""
        kind = self._read_type()
        problems = check_option(self.name, self.version, kind)
        if problems:
            raise Refused(problems)
        code = "option_unreadable" if kind else "option_unknown"
        output = self._run(get_arguments(self.name, self.version), "read", code)
        return output[:-1] if output.endswith("\n") else output

    def set(self, value: str) -> None:
        """Set the value, and read it back."""
        self._run(set_arguments(self.name, self.version, value), "set", code="option_refused")
        found = self.read()
        if found != value:
            text = "%s set %s of version %s to '%s' without an error, and now it is '%s'" % (
                self._tool,
                self.name,
                self.version,
                value,
                found,
            )
            raise BackupError(text, "option_not_set")

    def _read_type(self) -> str:
        try:
            with open(self._properties, encoding="utf-8", errors="replace") as stream:
                return type_of_option(stream.read(), self.name)
        except FileNotFoundError:
            return ""

    def _run(self, arguments: Sequence[str], verb: str, code: str) -> str:
        argv = [self._tool] + list(arguments)
        if not os.access(self._tool, os.X_OK):
            text = "There is no %s: is this an engine host, and is 'prefix' right?" % self._tool
            raise CommandError(text, "tool_missing", cmd=argv)
        result = run_command(argv, self._env, TIMEOUT)
        if result.returncode == 0:
            return result.stdout
        said = " ".join((result.stdout.strip() or result.stderr.strip()).splitlines()[-3:])
        ended = "did not end in %d seconds" % TIMEOUT if result.returncode is None else "said: %s" % said
        text = "Could not %s the option %s of version %s: %s %s" % (verb, self.name, self.version, self._tool, ended)
        if code == "option_unknown":
            text += ". %s does not name this option" % self._properties
        raise CommandError(text, code, rc=result.returncode, cmd=argv)
