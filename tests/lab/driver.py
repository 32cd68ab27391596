# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine of the lab for tests that change it: its programs, its databases, its files."""

from __future__ import annotations

import os
import re
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import NamedTuple

from .databases import row_counts
from .faults import set_fault
from .layout import Lab
from .postgres import query

REMOVE = "OVESETUP_CORE/remove=bool:True OVESETUP_CORE/engineStop=bool:True"
POST = "etc/ovirt-engine-setup.conf.d/20-setup-ovirt-post.conf"


class Run(NamedTuple):
    """What one run left."""

    rc: int
    stdout: str
    stderr: str

    @property
    def text(self) -> str:
        """Standard output with every line break and indentation as one blank."""
        return " ".join(self.stdout.split())

    @property
    def log(self) -> str:
        """The log file that the run names."""
        found = re.search(r"Log file:\s+(\S+)", self.stdout)
        assert found is not None
        return Path(found.group(1)).read_text(encoding="utf-8")


class Machine:
    """Runs its programs as an unattended user does: without a terminal and without input."""

    def __init__(self, lab: Lab, directory: Path) -> None:
        self.lab = lab
        self.prefix = lab.prefix
        self.directory = directory

    def run(self, *words: str, given: str = "") -> Run:
        """One of the host's programs, or any other."""
        environment = {**self.lab.environment(), "TMPDIR": str(self.directory)}
        done = subprocess.run(
            words, env=environment, input=given, capture_output=True, text=True, check=False, cwd=self.directory
        )
        return Run(done.returncode, done.stdout, done.stderr)

    def cleanup(self, *arguments: str) -> Run:
        """engine-cleanup with the answers that it cannot do without."""
        return self.run("engine-cleanup", "--otopi-environment=" + REMOVE, *arguments)

    def setup(self, *arguments: str) -> Run:
        """engine-setup, unattended."""
        return self.run("engine-setup", "--accept-defaults", "--offline", *arguments)

    def backup(self) -> Path:
        """An archive of everything."""
        path = self.directory / "all.backup"
        done = self.run("engine-backup", "--mode=backup", "--file={}".format(path), "--log={}.log".format(path))
        assert done.rc == 0, done.stderr
        return path

    def restore(self, path: Path, *arguments: str) -> Run:
        """Everything in the archive."""
        words = ["--mode=restore", "--file={}".format(path), "--log={}/restore.log".format(self.directory)]
        return self.run("engine-backup", *words, *(arguments or ("--no-restore-permissions",)))

    def answers(self, text: str) -> str:
        """An answer file as an argument."""
        path = self.directory / "answers.conf"
        path.write_text("[environment:default]\n" + text, encoding="utf-8")
        return "--config-append={}".format(path)

    def fault(self, name: str, parameter: str = "") -> None:
        """Switch a fault on until the machine is rewound."""
        set_fault(self.lab.faults, name, parameter)

    def rows(self, kind: str) -> dict[str, int]:
        """Rows by table."""
        return row_counts(self.lab, kind)

    def option(self, name: str) -> str:
        """One of the engine's options."""
        return self.ask("engine", "SELECT option_value FROM vdc_options WHERE option_name = '{}'".format(name))

    def ask(self, kind: str, statement: str) -> str:
        """SQL as superuser."""
        return query(self.lab, self.lab.databases[kind].name, statement)

    def is_active(self, service: str) -> bool:
        """What systemctl says."""
        return self.run("systemctl", "is-active", "--quiet", service).rc == 0

    def health(self) -> tuple[int, str]:
        """Status and body of the health page; 0 where nobody answers."""
        url = "http://127.0.0.1:{}/ovirt-engine/services/health".format(self.lab.http_port)
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def mode(self, path: str | Path) -> int:
        """Permissions of a file below the prefix."""
        return os.stat(self.prefix / path).st_mode & 0o777
