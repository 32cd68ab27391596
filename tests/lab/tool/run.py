# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of the tool: its log, its output, its death, its temporary directory, the programs it calls."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import IO, NoReturn, Union

from .kinds import variant_of
from .options import Options, die
from .sabotage import Sabotage
from .shell import configuration_files, hooks, source

# What subprocess takes for a channel.
Channel = Union[int, IO[bytes], None]
NOT_FOUND = 'echo "$0: line 117: $1: command not found" >&2; exit 127'
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Connection:
    """How to reach one database."""

    def __init__(self, conf: dict[str, str], prefix: str) -> None:
        self.user, self.host, self.port, self.database, self.password = (
            conf.get("{}_{}".format(prefix, name), "") for name in ("USER", "HOST", "PORT", "DATABASE", "PASSWORD")
        )


class Run:
    """The state the shell script would keep in global variables."""

    def __init__(self, home: Path, program: str) -> None:
        self.home = home
        self.prefix = home / "prefix"
        self.program = program
        self.version = _installed_version(self.prefix)
        self.variant = variant_of(self.version)
        self.conf: dict[str, str] = {}
        self.load_configuration()
        self.options = Options(self.variant, self.conf)
        self.sabotage = Sabotage(home / "faults")
        self.temp: Path | None = None
        self.pgpass = ""
        self.notified_failure = False
        for number in SIGNALS:
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        # What the shell does: run the exit trap at once, leave the children alone, die of the signal.
        self.remove_temp()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def load_configuration(self) -> None:
        """(Re)read everything the tool sources."""
        self.conf = source(configuration_files(self.prefix), self.conf)

    def run_hooks(self, stage: str, **extra: str) -> None:
        """Site scripts; they may change variables."""
        files = hooks(self.prefix, stage)
        if files:
            self.conf = source(files, {**self.conf, **extra})

    def connection(self, prefix: str) -> Connection:
        """Where the configuration says a database is."""
        return Connection(self.conf, prefix)

    @property
    def folder(self) -> Path:
        """The temporary directory."""
        assert self.temp is not None
        return self.temp

    def make_temp(self) -> None:
        """As mktemp does it, 0700 and ten random letters."""
        made = subprocess.run(["mktemp", "-d", "-t", "engine-backup.XXXXXXXXXX"], stdout=subprocess.PIPE, check=False)
        if made.returncode != 0:
            self.fatal("Can't create temporary directory")
        self.temp = Path(os.fsdecode(made.stdout.rstrip(b"\n")))

    def remove_temp(self) -> None:
        """Part of the exit trap."""
        if self.temp is not None:
            shutil.rmtree(self.temp, ignore_errors=True)

    def generate_pgpass(self) -> None:
        """The password file: one line per configured database, in plain text, 0600."""
        path = self.folder / ".pgpass"
        lines = []
        for kind in self.variant.restore:
            connection = self.connection(kind.conf)
            if connection.user or kind.name == "engine":
                password = connection.password.replace("\\", "\\\\").replace(":", "\\:")
                where = (connection.host, connection.port, connection.database, connection.user, password)
                lines.append(":".join(where) + "\n")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
            stream.write("".join(lines))
        self.pgpass = str(path)

    def log(self, message: str) -> None:
        """One line with time and pid."""
        line = "{} {}: {}\n".format(time.strftime("%Y-%m-%d %H:%M:%S"), os.getpid(), message)
        self.append_to_log(line.encode("utf-8", "surrogateescape"))

    def append_to_log(self, content: bytes) -> bool:
        """Raw output of programs goes between the lines; False where the log cannot be opened."""
        try:
            with open(self.options.log, "ab") as stream:
                stream.write(content)
        except OSError as error:
            self.complain("{}: {}".format(self.options.log, error.strerror))
            return False
        return True

    def complain(self, message: str) -> None:
        """What the shell itself prints when a command cannot be run or a file not be opened."""
        print("{}: line 117: {}".format(self.program, message), file=sys.stderr, flush=True)

    def output(self, message: str) -> None:
        """A progress line: log and stdout."""
        self.log("OUTPUT: " + message)
        self.say(message)

    def say(self, message: str) -> None:
        """A line that does not go to the log."""
        sys.stdout.buffer.write((message + "\n").encode("utf-8", "surrogateescape"))
        sys.stdout.flush()

    def fatal(self, message: str) -> NoReturn:
        """Log, tell the engine, die."""
        self.log("FATAL: " + message)
        if self.may_notify_failure():
            self.notified_failure = True
            self.notify(-1, message)
        die(message)

    def may_notify_failure(self) -> bool:
        """Only of a backup, only where an engine database is configured, only once."""
        return bool(self.conf.get("ENGINE_DB_USER")) and self.options.mode == "backup" and not self.notified_failure

    def notify(self, status: int, text: str) -> None:
        """Report to the engine database, once per requested scope."""
        message = "engine-backup: " + text
        path = os.path.realpath(self.options.log)
        events = {kind.scope: kind.event for kind in self.variant.restore}
        self.output("Notifying engine")
        for scope in self.variant.scopes:
            if scope in self.options.selected:
                self._notify_scope(events.get(scope, scope), status, message.replace("'", "''"), path)

    def _notify_scope(self, scope: str, status: int, message: str, path: str) -> None:
        statement = "SELECT LogEngineBackupEvent('{0}', now(), {1}, '{2}, scope={0}, log={3}', '{4}', '{3}');".format(
            scope, status, message, path, self.conf.get("ENGINE_FQDN", "")
        )
        if self.logged_psql(self.connection("ENGINE_DB"), "-t", "-c", statement) != 0:
            self.fatal("Failed notifying engine")

    def logged_psql(self, connection: Connection, *arguments: str) -> int:
        """psql with all its output in the log; its exit status."""
        if not self.append_to_log(b""):
            # The shell does not run a command whose output it cannot redirect.
            return 1
        process = self.start_pg("psql", connection, arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.append_to_log(process.communicate()[0])
        return process.returncode

    def start_pg(
        self,
        command: str,
        connection: Connection,
        arguments: tuple[str, ...],
        stdin: Channel = None,
        stdout: Channel = None,
        stderr: Channel = None,
        before: list[str] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a PostgreSQL client with the tool's credentials, and say so in the log."""
        where = ["-w", "-U", connection.user, "-h", connection.host, "-p", connection.port]
        words = [connection.database, *arguments]
        # Only pg_restore wants -d; the log shows the gap where the others have none.
        use_d = ["-d"] if command == "pg_restore" else []
        shown = [command, *where, *(use_d or [""]), connection.database, " ".join(arguments)]
        self.log("pg_cmd running: {}".format(" ".join(shown)))
        environment = {**os.environ, "PGPASSFILE": self.pgpass}
        words = [*(before or []), command, *where, *use_d, *words]
        return self.start(words, stdin, stdout, stderr, environment=environment)

    def start(
        self,
        words: list[str],
        stdin: Channel = None,
        stdout: Channel = None,
        stderr: Channel = None,
        cwd: Path | None = None,
        environment: dict[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a program; one that is missing complains and ends with 127 as in a shell."""
        if shutil.which(words[0]) is None:
            words = ["/bin/sh", "-c", NOT_FOUND, self.program, words[0]]
        return subprocess.Popen(words, stdin=stdin, stdout=stdout, stderr=stderr, cwd=cwd, env=environment)

    def call(self, *words: str, cwd: Path | None = None) -> int:
        """Run a program with its errors in the log."""
        process = self.start(list(words), stderr=subprocess.PIPE, cwd=cwd)
        content = process.communicate()[1]
        self.append_to_log(content)
        return process.returncode

    def is_enabled(self, key: str) -> bool:
        """Ask the setup state; anything but a clear yes is a no."""
        setup = "{}/etc/ovirt-engine-setup.conf".format(self.prefix)
        words = ["otopi-config-query", "match", "--key", key, "--value", "bool:True", "--file", setup]
        return self.start(words).wait() == 0

    def step(self, name: str) -> None:
        """A place where faults may strike."""
        self.sabotage.strike(self, name)


def _installed_version(prefix: Path) -> str:
    text = (prefix / "share/ovirt-engine/setup/ovirt_engine_setup/config.py").read_text(encoding="utf-8")
    found = re.search(r"^PACKAGE_VERSION = '([^']*)'", text, re.MULTILINE)
    return found.group(1) if found else ""
