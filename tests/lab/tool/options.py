# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tool's option parser, quirks included: an empty argument ends parsing, misspelt help options are refused."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import NoReturn

from .kinds import Kind, Variant

TAR_OPTIONS = {"gzip": "z", "bzip2": "j", "xz": "J", "None": ""}
COMMANDS = {"gzip": "gzip", "bzip2": "bzip2", "xz": "xz", "None": ""}
MODES = ("backup", "restore", "verify")


class Death(SystemExit):
    """The tool ends with exit status 1 after its FATAL line."""


def die(message: str) -> NoReturn:
    """Say FATAL on stderr and end."""
    print("FATAL: {}".format(message), file=sys.stderr, flush=True)
    raise Death(1)


class DatabaseOptions:
    """What the command line says about one database."""

    def __init__(self) -> None:
        self.compressor = ""
        self.format = "custom"
        self.jobs = "2"
        self.provision = False
        self.change = False
        self.host = ""
        self.port = "5432"
        self.user = ""
        self.orig_user = ""
        self.password = ""
        self.database = ""
        self.secured = "False"
        self.validation = "False"

    @property
    def names_credentials(self) -> bool:
        """Whether any option was given that only makes sense with the switch."""
        return bool(self.host or self.user or self.password or self.database)


class Options:
    """The command line so far; the exit trap looks at it even when parsing failed half-way."""

    def __init__(self, variant: Variant, conf: dict[str, str]) -> None:
        self.variant = variant
        self.conf = conf
        self.mode = ""
        self.scope: list[str] = []
        self.selected: set[str] = set()
        self.file = ""
        self.log = ""
        self.tmpdir = os.environ.get("TMPDIR", "")
        self.archive_compressor = "z"
        self.files_compressor = "J"
        self.keep_temporary_data = False
        self.restore_permissions: bool | None = None
        self.provisioning = False
        self.provision_all = False
        self.he_remove_storage_vm = False
        self.he_remove_hosts = False
        self.databases = {kind.name: DatabaseOptions() for kind in variant.restore}
        for kind in variant.restore:
            word = "ENGINE" if kind.name == "engine" else kind.name.upper()
            self.databases[kind.name].password = os.environ.get("OVIRT_{}_DATABASE_PASSWORD".format(word), "")

    def parse(self, arguments: list[str], usage: Callable[[], None]) -> None:
        """Take over the arguments, then fill in the defaults."""
        valued, plain = _table(self)
        for argument in arguments:
            if not argument:
                break
            if argument == "--help":
                usage()
                raise SystemExit(0)
            name, has_value, value = argument.partition("=")
            if has_value and name in valued:
                valued[name](value)
            elif argument in plain:
                plain[argument]()
            else:
                die("Unknown option '{}'. Please see '--help' for details.".format(argument))
        self._fill_in()

    def _fill_in(self) -> None:
        self.tmpdir = self.tmpdir or "/tmp"
        os.environ["TMPDIR"] = self.tmpdir
        if not self.scope:
            self.add_scope("all")
        self.mode = self.mode or "backup"
        if self.provisioning and self.restore_permissions is None:
            self.restore_permissions = True

    def set_mode(self, value: str) -> None:
        """--mode: remembered even when it is wrong."""
        self.mode = value
        if value not in MODES:
            die("invalid mode")

    def add_scope(self, value: str) -> None:
        """--scope: each one adds to those before."""
        if value == "all":
            self.selected.update(self.variant.scopes)
        elif value in self.variant.scopes:
            self.selected.add(value)
        else:
            die("invalid scope '{}'".format(value))
        self.scope.append(value)

    def allow_provisioning(self, kind: Kind | None) -> None:
        """--provision-*: of one database, or of all that the archive holds."""
        self.provisioning = True
        if kind is None:
            self.provision_all = True
        else:
            self.databases[kind.name].provision = True

    def use_profile(self, archive: str, dump_format: str, compressor: str) -> None:
        """--small-size and its like: engine and DWH only."""
        self.archive_compressor, self.files_compressor = archive, "J"
        for name in ("engine", "dwh"):
            self.databases[name].format = dump_format
            self.databases[name].compressor = compressor


def _choice(value: str, choices: dict[str, str], what: str, failure: str) -> str:
    if value not in choices:
        print("FATAL: invalid {} '{}'".format(what, value), file=sys.stderr, flush=True)
        die(failure)
    return choices[value]


def _compressor(value: str, choices: dict[str, str]) -> str:
    return _choice(value, choices, "compressor", "failed parsing compressor")


def _jobs(value: str) -> str:
    if not (value.isascii() and value.isdigit()):
        print("FATAL: invalid number of jobs", file=sys.stderr, flush=True)
        die("failed parsing jobs")
    return value


def _password_from(path: str) -> str:
    if not os.access(path, os.R_OK):
        die("Can not read password file {}".format(path))
    with open(path, encoding="utf-8") as stream:
        # As the shell's read does it: the first line without blanks around it.
        return stream.readline().strip(" \t\n")


def _ask_password() -> str:
    die("Standard input is not a terminal")


Valued = dict[str, Callable[[str], None]]
Plain = dict[str, Callable[[], None]]


def _table(options: Options) -> tuple[Valued, Plain]:
    def put(name: str, convert: Callable[[str], str] = str) -> Callable[[str], None]:
        return lambda value: setattr(options, name, convert(value))

    def switch(name: str, value: bool = True) -> Callable[[], None]:
        return lambda: setattr(options, name, value)

    valued: Valued = {
        "--mode": options.set_mode,
        "--scope": options.add_scope,
        "--file": put("file"),
        "--log": put("log"),
        "--tmpdir": put("tmpdir"),
        "--archive-compressor": put("archive_compressor", lambda v: _compressor(v, TAR_OPTIONS)),
        "--files-compressor": put("files_compressor", lambda v: _compressor(v, TAR_OPTIONS)),
    }
    plain: Plain = {
        "--keep-temporary-data": switch("keep_temporary_data"),
        "--restore-permissions": switch("restore_permissions"),
        "--no-restore-permissions": switch("restore_permissions", False),
        "--provision-all-databases": lambda: options.allow_provisioning(None),
        "--he-remove-storage-vm": switch("he_remove_storage_vm"),
        "--he-remove-hosts": switch("he_remove_hosts"),
        "--fast-restore": lambda: options.use_profile("z", "custom", ""),
        "--fast-backup": lambda: options.use_profile("z", "custom", ""),
        "--small-size": lambda: options.use_profile("J", "plain", "xz"),
    }
    for kind in options.variant.restore:
        _add_database(options, kind, valued, plain)
    return valued, plain


def _add_database(options: Options, kind: Kind, valued: Valued, plain: Plain) -> None:
    database = options.databases[kind.name]
    name = kind.option + "db-"

    def put(attribute: str, convert: Callable[[str], str] = str) -> Callable[[str], None]:
        return lambda value: setattr(database, attribute, convert(value))

    def switch(attribute: str, value: bool | str = True) -> Callable[[], None]:
        return lambda: setattr(database, attribute, value)

    def set_user(value: str) -> None:
        database.user = value
        database.orig_user = options.conf.get(kind.conf + "_USER", "")

    def dump_format(value: str) -> str:
        return _choice(value, {"plain": "plain", "custom": "custom"}, "dump format", "failed parsing dump format")

    valued.update(
        {
            "--{}compressor".format(name): put("compressor", lambda v: _compressor(v, COMMANDS)),
            "--{}dump-format".format(name): put("format", dump_format),
            "--{}restore-jobs".format(name): put("jobs", _jobs),
            "--{}host".format(name): put("host"),
            "--{}port".format(name): put("port"),
            "--{}user".format(name): set_user,
            "--{}passfile".format(name): put("password", _password_from),
            "--{}password".format(name): put("password"),
            "--{}name".format(name): put("database"),
        }
    )
    plain.update(
        {
            "--provision-{}db".format(kind.option): lambda: options.allow_provisioning(kind),
            "--change-{}db-credentials".format(kind.option): switch("change"),
            "--{}password".format(name): lambda: setattr(database, "password", _ask_password()),
            "--{}secured".format(name): switch("secured", "True"),
            "--{}sec-validation".format(name): switch("validation", "True"),
        }
    )


def check_credentials(options: Options) -> None:
    """Refuse credentials that are incomplete, superfluous or contradict provisioning."""
    for kind in options.variant.restore:
        database = options.databases[kind.name]
        name = "--{}db".format(kind.option)
        if database.change:
            if database.provision or options.provision_all:
                die("Cannot change credentials if provisioning a database")
            for value, text in (
                (database.host, name + "-host is missing"),
                (database.user, name + "-user is missing"),
                (database.password, "{0}-passfile or {0}-password is missing".format(name)),
                (database.database, name + "-name is missing"),
            ):
                if not value:
                    die(text)
        elif database.names_credentials:
            die("Please use --change-{}db-credentials to change {} db credentials".format(kind.option, kind.name))
