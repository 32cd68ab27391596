# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changed credentials: used for the load, then written over the configuration files, faults included."""

from __future__ import annotations

import shutil
import time

from .kinds import ENGINE, Kind
from .options import DatabaseOptions
from .run import Run
from .shell import source

BLOCK = """{0}_HOST="{1.host}"
{0}_PORT="{1.port}"
{0}_USER="{1.user}"
{0}_PASSWORD="{2}"
{0}_DATABASE="{1.database}"
{0}_SECURED="{1.secured}"
{0}_SECURED_VALIDATION="{1.validation}"
{0}_DRIVER="org.postgresql.Driver"
{0}_URL="jdbc:postgresql://${{{0}_HOST}}:${{{0}_PORT}}/${{{0}_DATABASE}}?{3}"
"""


def apply(run: Run, kind: Kind) -> None:
    """Make the credentials of the command line those of this run."""
    path = run.folder / "credentials"
    path.touch(mode=0o600)
    path.write_text(block(kind, run.options.databases[kind.name]), encoding="utf-8")
    # Through a shell, because the tool evaluates the text: what is not escaped is executed there.
    run.conf = source([path], run.conf)
    path.unlink()


def block(kind: Kind, values: DatabaseOptions) -> str:
    """The configuration lines of one database."""
    password = "".join("\\" + c if c in '"\\$' else c for c in values.password)
    words = ["ssl=true"] if values.secured == "True" else []
    words += ["sslfactory=org.postgresql.ssl.NonValidatingFactory"] if values.validation != "True" else []
    return BLOCK.format(kind.conf, values, password, "&".join(words))


def rewrite_configuration(run: Run) -> None:
    """The engine's file for its own change; every other database's file for its own change or the engine's."""
    options = run.options.databases
    for kind in run.variant.restore:
        changed = options[kind.name].change or (kind is not ENGINE and options["engine"].change)
        if changed and (kind is ENGINE or run.conf.get(kind.conf + "_USER")):
            _rewrite(run, kind)


def _rewrite(run: Run, kind: Kind) -> None:
    path = run.prefix / kind.conf_file
    if not path.is_file():
        run.fatal("Can not find {}".format(path))
    copy = "{}.{}".format(path, time.strftime("%Y%m%d%H%M%S"))
    run.log("Backing up {} to {}".format(path, copy))
    shutil.copy2(path, copy)
    stat = path.stat()
    shutil.chown(copy, stat.st_uid, stat.st_gid)
    run.output("Rewriting {}".format(path))
    path.write_text(_content(run, kind), encoding="utf-8")


def _content(run: Run, kind: Kind) -> str:
    values = run.options.databases[kind.name]
    if kind.name == "dwh":
        return _given_or_loaded(run, ENGINE) + _given_or_loaded(run, kind)
    # Not given: the tool prints an empty variable, so the file becomes one blank line.
    return block(kind, values) if values.change else "\n"


def _given_or_loaded(run: Run, kind: Kind) -> str:
    values = run.options.databases[kind.name]
    if values.change:
        return block(kind, values)
    loaded = DatabaseOptions()
    for attribute, name in (
        ("host", "HOST"),
        ("port", "PORT"),
        ("user", "USER"),
        ("password", "PASSWORD"),
        ("database", "DATABASE"),
        ("secured", "SECURED"),
        ("validation", "SECURED_VALIDATION"),
    ):
        setattr(loaded, attribute, run.conf.get("{}_{}".format(kind.conf, name), ""))
    return block(kind, loaded)
