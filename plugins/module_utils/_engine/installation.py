# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find out what is installed and set up on an engine host. Reads only. This file is private to the collection."""

import glob
import os
import re
from typing import Collection, Dict, Iterable, List, Tuple

from .._archive.configuration import is_enabled, merge_texts, owned_kinds, parse_setup_state, settings_of_texts
from .._archive.databases import DWH_CONFIGURATION, ENGINE_CONFIGURATION, GRAFANA_FILE, KINDS
from .._common.command import find_program, read_tail, run_command, tool_environment
from .._common.errors import CommandError
from .backup.commands import supported_scopes
from .model import Installation
from .restore.commands import restorable_scopes

DEFAULTS_FILE = "share/ovirt-engine/services/ovirt-engine/ovirt-engine.conf"
VERSION_FILE = "share/ovirt-engine/setup/ovirt_engine_setup/config.py"
SETUP_STATE = "etc/ovirt-engine-setup.conf"
SETUP_MARK = "etc/ovirt-engine-setup.conf.d/20-setup-ovirt-post.conf"
LOG_DIRECTORY = "var/log/ovirt-engine-backup"
QUERY_TOOL = "otopi-config-query"
TOOL = "engine-backup"
HELP, DUMPS, MODULES = "help", "dumps", "modules"
VERSIONS_MODULE = "looseversion"  # without it engine-backup restores no archive, and blames the version of it
NEEDED_PROGRAMS = ("psql", "pg_dump", "tar", "sha256sum", "python3")


def below(prefix: str, path: str) -> str:
    """Return where a path of a packaged installation is; programs and data are below usr without a prefix."""
    if not prefix and path.startswith(("bin/", "share/", "sbin/")):
        return "/usr/" + path
    return os.path.join(prefix or "/", path)


def read_installation(prefix: str, asked: Collection[str] = ()) -> Installation:
    """Return what this host is set up as; raise CommandError where engine-backup is not installed.

    ``asked`` is what programs have to be started for: HELP for the scopes that engine-backup knows, DUMPS for the
    databases that it would dump, MODULES for the module of Python that it restores with. Without it they are empty.
    """
    env = tool_environment(prefix)
    tool = below(prefix, "bin/" + TOOL)
    if not os.access(tool, os.X_OK):
        raise CommandError("There is no %s: is this an engine host, and is 'prefix' right?" % tool, "tool_missing")
    help_text = run_command([tool, "--help"], env).stdout if HELP in asked else ""
    texts = list(read_configuration(prefix))
    variables = merge_texts(texts)
    state = parse_setup_state(text for _path, text in read_texts(prefix, (SETUP_STATE, SETUP_STATE + ".d")))
    settings = settings_of_texts(texts)
    return Installation(
        prefix=prefix,
        tool=tool,
        version=installed_version(prefix),
        fqdn=variables.get("ENGINE_FQDN") or _value_of(state.get("OVESETUP_CONFIG/fqdn", "")),
        is_set_up=os.path.exists(below(prefix, SETUP_MARK)),
        supported=supported_scopes(help_text),
        restorable=restorable_scopes(help_text),
        missing_programs=tuple(name for name in _needed_programs(state) + (QUERY_TOOL,) if not find_program(name, env))
        + (_missing_modules(tool, env) if MODULES in asked else ()),
        enabled=frozenset(kind.name for kind in KINDS if is_enabled(state, kind)),
        answered=frozenset(_ask(prefix, env) if DUMPS in asked else ()),
        owned=owned_kinds(texts),
        settings=settings,
        notified=settings.get("engine"),
        grafana_file=find_grafana_file(prefix),
        log_directory=below(prefix, LOG_DIRECTORY),
    )


def read_configuration(prefix: str) -> Iterable[Tuple[str, str]]:
    """Yield (path below the prefix, text) of the files that the tools source, in their order."""
    return read_texts(prefix, (DEFAULTS_FILE,) + ENGINE_CONFIGURATION + DWH_CONFIGURATION)


def installed_version(prefix: str) -> str:
    """Return the version of the installed engine packages, an empty string where there is none."""
    try:
        with open(below(prefix, VERSION_FILE), encoding="utf-8") as stream:
            match = re.search(r"^PACKAGE_VERSION = ['\"](.*)['\"]$", stream.read(), re.MULTILINE)
    except OSError:
        return ""
    return match.group(1) if match else ""


def find_grafana_file(prefix: str) -> str:
    """Return the path of Grafana's SQLite file, an empty string where there is none.

    engine-backup reads it from the packaged place even in a development installation.
    """
    places = [below(prefix, GRAFANA_FILE), below("", GRAFANA_FILE)]
    return next((path for path in places if os.path.exists(path)), "")


def _needed_programs(state: Dict[str, str]) -> Tuple[str, ...]:
    grafana = next(kind for kind in KINDS if kind.name == "grafana")
    return NEEDED_PROGRAMS + (("sqlite3",) if is_enabled(state, grafana) else ())


def _missing_modules(tool: str, env: Dict[str, str]) -> Tuple[str, ...]:
    python = find_program("python3", env)
    if not python or VERSIONS_MODULE not in read_tail(tool):
        return ()
    is_found = run_command([python, "-c", "import " + VERSIONS_MODULE], env).returncode == 0
    return () if is_found else ("the module %s of python3" % VERSIONS_MODULE,)


def _ask(prefix: str, env: Dict[str, str]) -> List[str]:
    """Ask the tool's own question for each database: it dumps only what this answers with status 0."""
    program = find_program(QUERY_TOOL, env)
    if not program:
        return []
    value = ["--value", "bool:True", "--file", below(prefix, SETUP_STATE)]
    commands = {kind.name: [program, "match", "--key", kind.flag] + value for kind in KINDS}
    return [name for name, argv in commands.items() if run_command(argv, env).returncode == 0]


def read_texts(prefix: str, paths: Iterable[str]) -> Iterable[Tuple[str, str]]:
    """Yield (path below the prefix, text) of each file, and of each .conf file of each directory in sorted order."""
    for path in paths:
        real = below(prefix, path)
        names = sorted(glob.glob(os.path.join(glob.escape(real), "*.conf"))) if os.path.isdir(real) else [real]
        for name in names:
            if os.path.isfile(name):
                with open(name, encoding="utf-8", errors="surrogateescape") as stream:
                    yield path if name == real else os.path.join(path, os.path.basename(name)), stream.read()


def merge_configuration(prefix: str, paths: Iterable[str]) -> Dict[str, str]:
    """Return the variables that these configuration files and directories assign, read as the engine reads them."""
    return merge_texts(read_texts(prefix, paths))


def _value_of(typed: str) -> str:
    return typed.partition(":")[2]
