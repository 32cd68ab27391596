# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine of a host is and does, gathered in one reading. This file is private to the collection."""

import re
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from .._common.errors import BackupError
from .._postgres.connection import count_before
from .._postgres.model import Settings
from .database_facts import NO_MEMORY, Contents, Memory, describe_database, differing
from .database_state import read_contents, read_database_generation, read_engine_database
from .health import await_health
from .health_rules import choose_target
from .installation import VERSION_FILE, below, read_installation
from .model import Installation
from .services import read_services, read_up_mark
from .variables import read_setup_state, read_variables

FILE_KINDS = ("grafana",)  # no PostgreSQL database: GRAFANA_DB_* are those of its data source


class Question(NamedTuple):
    """What somebody wants to know of an engine: the options of engine_info."""

    prefix: str
    identity: str
    count_rows: bool
    health: bool
    health_timeout: float
    credentials: Dict[str, Settings]


def read_engine(question: Question, passwords: List[str]) -> Dict[str, Any]:
    """Return everything; the passwords that were read on the way are added to ``passwords``."""
    installation = read_installation(question.prefix)
    for settings in installation.settings.values():
        passwords += [settings.password, settings.password_as_shell]
    databases, memory = _read_databases(installation, question)
    mark = read_up_mark(question.prefix)
    return {
        "fqdn": installation.fqdn,
        "version": installation.version,
        "display_version": _display_version(question.prefix),
        "is_set_up": installation.is_set_up,
        "generated_by": _generated_by(question.prefix),
        "is_running": mark.state == "running",
        "up_mark": mark._asdict(),
        "services": read_services(question.prefix),
        "databases": databases,
        **memory._asdict(),
        "health": _read_health(installation, question),
    }


def _read_databases(installation: Installation, question: Question) -> Tuple[Dict[str, Any], Memory]:
    found, memory = {}, NO_MEMORY
    for kind, settings in installation.settings.items():
        if kind not in FILE_KINDS:
            found[kind], remembered = _read_database(kind, settings, question)
            found[kind]["enabled"] = kind in installation.enabled
            found[kind]["differs"] = differing(settings, question.credentials.get(kind))
            memory = remembered or memory
    return found, memory


def _read_database(kind: str, settings: Settings, question: Question) -> Tuple[Dict[str, Any], Optional[Memory]]:
    """Read one database; that it can not be read is a fact too, not a failure."""
    memory: Optional[Memory] = None
    contents: Optional[Contents] = None
    rows: Optional[int] = None
    problem, code, database_generation = "", "", ""
    try:
        if kind == "engine":
            contents, memory = read_engine_database(settings, question.identity)
        else:
            contents = read_contents(settings)
        database_generation = read_database_generation(settings)
        if question.count_rows:
            rows = sum(table.rows for table in count_before(settings).tables.values())
    except BackupError as error:
        problem, code = error.message, error.code
    return dict(describe_database(settings, contents, rows, problem, code), incarnation=database_generation), memory


def _read_health(installation: Installation, question: Question) -> Optional[Dict[str, Any]]:
    if not question.health:
        return None
    target = choose_target(read_variables(question.prefix), installation.fqdn)
    return await_health(target, question.health_timeout)


def _generated_by(prefix: str) -> str:
    """Return the version of the engine-setup that ran here."""
    return read_setup_state(prefix).get("OVESETUP_CORE/generatedByVersion", "").partition(":")[2]


def _display_version(prefix: str) -> str:
    try:
        with open(below(prefix, VERSION_FILE), encoding="utf-8") as stream:
            match = re.search(r"^DISPLAY_VERSION = ['\"](.*)['\"]$", stream.read(), re.MULTILINE)
    except OSError:
        return ""
    return match.group(1) if match else ""
