# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where each database of an archive is to go, and whether it can go there.

This file is private to the collection.
"""

import re
from typing import TYPE_CHECKING, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..._archive.databases import KINDS
from ..._archive.model import ArchiveReading, DumpReading
from ..._common.errors import BackupError, Problem
from ..._postgres.local_server_model import check_local_server
from ..._postgres.model import Settings
from ..._postgres.rules import Fitness, check_database, check_identifier, check_password
from .model import ALL, AUTO, NONE, SERVERS, RestoreRequest, RestoreTarget

if TYPE_CHECKING:
    from ..protocols import ProbedDatabases

PROVISION_HOST, PROVISION_PORT = "localhost", 5432
HOST_NAME = re.compile(r"^[A-Za-z0-9_.:%-]+$")
MAJOR = re.compile(r"^(\d+)")


class LoginProbe(NamedTuple):
    """What a login with the target's credentials shows: the database, or why it cannot be seen.

    The version of the server, such as 150004, is known to the superuser of the local one, too; 0 if unknown.
    """

    fitness: Optional[Fitness]
    problem: Optional[Problem]
    server_version_num: int = 0


def check_credentials(request: RestoreRequest) -> List[Problem]:
    """Return what is wrong with the credentials that were asked for."""
    problems: List[Problem] = []
    for kind, settings in sorted(request.credentials.items()):
        what = "the %%s of the %s database" % kind
        problems += check_identifier(settings.database, what % "name")
        problems += check_identifier(settings.user, what % "user")
        problems += check_password(settings.password, what % "password")
        if not HOST_NAME.match(settings.host):
            text = "%s, %r, is no host name or address"
            problems.append(Problem("host_invalid", text % (what % "host", settings.host)))
        if kind in request.provision:
            text = "the %s database can not both be provisioned and get credentials: make it with engine_database"
            problems.append(Problem("provision_conflict", text % kind))
    if request.credentials and ALL in request.provision:
        text = "'provision: all' and 'credentials' exclude each other: make the databases with engine_database first"
        problems.append(Problem("provision_conflict", text))
    return problems


def plan_targets(
    request: RestoreRequest, kinds: Sequence[str], configured: Dict[str, Settings], databases: "ProbedDatabases"
) -> Tuple[Dict[str, RestoreTarget], Dict[str, LoginProbe], List[Problem]]:
    """Return the target of each database, what a login shows of it, and what forbids the restore."""
    targets: Dict[str, RestoreTarget] = {}
    probes: Dict[str, LoginProbe] = {}
    problems: List[Problem] = []
    for kind in kinds:
        if kind not in SERVERS:
            continue
        settings = request.credentials.get(kind) or configured.get(kind)
        if settings is None:
            text = "no configuration says where the %s database is; give it in 'credentials', or restore the files too"
            problems.append(Problem("database_unconfigured", text % kind))
            continue
        is_changed = kind in request.credentials
        if not is_changed and settings.password != settings.password_as_shell:
            text = "engine-backup misreads the configured password of the %s database: give it in 'credentials'"
            problems.append(Problem("password_unusable", text % kind))
        probes[kind] = look_at(settings, databases)
        is_provisioned = decide_provision(kind, request, settings, probes[kind])
        targets[kind] = RestoreTarget(kind, settings, is_changed, is_provisioned)
        probes[kind], found = look_as_superuser(request, targets[kind], probes[kind], databases)
        problems += found
    return targets, probes, problems


def look_as_superuser(
    request: RestoreRequest, target: RestoreTarget, look: LoginProbe, databases: "ProbedDatabases"
) -> Tuple[LoginProbe, List[Problem]]:
    """Return what is known of a local server that refused the login, and whether it did for another reason than that
    the role is yet to be made."""
    if not target.is_provisioned or look.problem is None or look.problem.code != "database_login_failed":
        return look, []
    found = databases.read_local_server(target.settings) if target.settings.host == PROVISION_HOST else None
    if found is None:
        return look, []
    problems = check_local_server(target.kind, target.settings, found, request.cleanup_planned)
    return look._replace(server_version_num=found.server_version_num), problems


def look_at(settings: Settings, databases: "ProbedDatabases") -> LoginProbe:
    """Return what a login shows."""
    try:
        fitness = databases.read_fitness(settings)
        return LoginProbe(fitness, None, fitness.server_version_num)
    except BackupError as error:
        return LoginProbe(None, Problem(error.code, error.message))


def decide_provision(kind: str, request: RestoreRequest, settings: Settings, look: LoginProbe) -> bool:
    """Is this database to be made by the tool? By default where it is local and can not be logged in to."""
    if kind in request.credentials or NONE in request.provision:
        return False
    is_asked_for = ALL in request.provision or kind in request.provision
    return is_asked_for or (AUTO in request.provision and look.fitness is None and settings.host == PROVISION_HOST)


def check_targets(
    request: RestoreRequest,
    targets: Dict[str, RestoreTarget],
    probes: Dict[str, LoginProbe],
    reading: ArchiveReading,
    client: int,
) -> List[Problem]:
    """Return why the databases can not take the data; ``client`` is the major version of pg_restore, 0 if unknown."""
    problems: List[Problem] = []
    for kind, target in sorted(targets.items()):
        check = check_provisioned if target.is_provisioned else check_existing
        problems += check(target, probes[kind])
        problems += check_content(request, target, probes[kind])
        problems += check_versions(target, probes[kind], reading.dumps[kind], client)
    return problems


def check_provisioned(target: RestoreTarget, look: LoginProbe) -> List[Problem]:
    """Return why the tool can not make this database."""
    settings = target.settings
    problems = []
    if settings.host != PROVISION_HOST:
        text = "the %s database is on '%s'; engine-backup provisions on 'localhost' only: make it with engine_database"
        problems.append(Problem("provision_not_local", text % (target.kind, settings.host)))
    elif settings.port != PROVISION_PORT:
        text = "the %s database is on port %d; engine-backup provisions on port 5432 only, whatever it is told"
        problems.append(Problem("provision_not_local", text % (target.kind, settings.port)))
    if settings.secured or settings.secured_validation:
        text = "the %s database has a secured connection; engine-backup does not provision such a one"
        problems.append(Problem("provision_secured", text % target.kind))
    if look.problem is not None and look.problem.code == "database_missing":
        text = (
            "the role '%s' exists, the %s database '%s' does not: provisioning would make time-stamped ones beside it"
            " and give up. Remove the role, or make the database with engine_database"
        )
        problems.append(Problem("provision_leftovers", text % (settings.user, target.kind, settings.database)))
    return problems


def check_existing(target: RestoreTarget, look: LoginProbe) -> List[Problem]:
    """Return why a database that exists can not be filled."""
    if look.fitness is None:
        return [look.problem] if look.problem is not None else []
    found = look.fitness
    needs = ("uuid-ossp",) if target.kind == "engine" else ()
    return check_database(
        found.encoding,
        found.collate,
        found.ctype,
        found.lc_messages,
        found.owner,
        target.settings.user,
        found.extensions,
        needs,
        found.name,
    )


def check_content(request: RestoreRequest, target: RestoreTarget, look: LoginProbe) -> List[Problem]:
    """Return whether the database holds something: the tool would find out after it has overwritten the files."""
    if look.fitness is None or not look.fitness.objects or request.cleanup_planned:
        return []
    text = (
        "the %s database '%s' on %s:%d is not empty: it holds %d tables. Empty it with engine_cleanup, after a proven"
        " backup of what is in it"
    )
    settings = target.settings
    where = (target.kind, settings.database, settings.host, settings.port, look.fitness.tables)
    return [Problem("target_not_empty", text % where)]


def check_versions(target: RestoreTarget, look: LoginProbe, dump: DumpReading, client: int) -> List[Problem]:
    """Return which PostgreSQL is too old: the client for the dump or the server, or the server for the dump."""
    problems = []
    dumped_by, dumped_from = major(dump.dump_version), major(dump.server_version)
    if client and dumped_by > client:
        text = "the %s dump was written by pg_dump %d, this host has pg_restore %d: update the PostgreSQL client"
        problems.append(Problem("client_too_old", text % (target.kind, dumped_by, client)))
    server = look.server_version_num // 10000
    if not server:
        return problems
    if client and server > client:
        text = "the server of the %s database is PostgreSQL %d, this host's client %d: engine-backup refuses that"
        problems.append(Problem("client_too_old", text % (target.kind, server, client)))
    if dumped_from > server:
        text = "the %s dump is of a PostgreSQL %d server, the target is %d: update the server"
        problems.append(Problem("server_too_old", text % (target.kind, dumped_from, server)))
    return problems


def major(version: str) -> int:
    """Return the major version of PostgreSQL, 0 where the text has none."""
    match = MAJOR.match(version)
    return int(match.group(1)) if match else 0


class Permissions(NamedTuple):
    """Whether grants are restored, and which roles besides the owners have some."""

    are_restored: bool
    extra_users: Dict[str, List[str]]  # role with grants -> kinds
    problems: List[Problem]
    notes: List[str]


def plan_permissions(
    request: RestoreRequest, targets: Dict[str, RestoreTarget], reading: ArchiveReading, databases: "ProbedDatabases"
) -> Permissions:
    """Decide whether owners and grants of the dumps are restored: only where every role will be there."""
    extra = extra_users(targets, reading)
    obstacles = [
        text for kind in sorted(targets) for text in find_obstacles(targets[kind], reading.dumps[kind], databases)
    ]
    if request.permissions == "restore" and obstacles:
        problem = Problem("permissions_impossible", "owners and grants can not be restored: " + "; ".join(obstacles))
        return Permissions(True, extra, [problem], [])
    if request.permissions == "skip" or obstacles:
        notes = ["owners and grants are not restored: " + text for text in obstacles]
        return Permissions(False, extra, [], notes)
    return Permissions(True, extra, [], [])


def extra_users(targets: Dict[str, RestoreTarget], reading: ArchiveReading) -> Dict[str, List[str]]:
    """Return the roles besides the owners that the dumps grant something to, and in which databases."""
    found: Dict[str, List[str]] = {}
    owners = {target.settings.user for target in targets.values()}
    for kind in sorted(targets):
        dump = reading.dumps[kind]
        for name in sorted(set(dump.grantees) - set(dump.owners) - owners):
            if not is_everywhere(name):
                found.setdefault(name, []).append(kind)
    return found


def is_everywhere(role: str) -> bool:
    """Is this a role of every server? The owner of the schema public is pg_database_owner since PostgreSQL 14."""
    return role in ("", "postgres") or role.startswith("pg_")


def find_obstacles(target: RestoreTarget, dump: DumpReading, databases: "ProbedDatabases") -> List[str]:
    """Return why the owners and grants of a dump can not be restored."""
    if target.is_provisioned or dump.format != "custom":
        return []
    user = target.settings.user
    foreign = other_roles(dump.owners, user)
    if foreign:
        text = "objects of the %s dump belong to %s, the target's user is %s"
        return [text % (target.kind, ", ".join(foreign), user)]
    try:
        missing = find_missing_roles(target, other_roles(dump.grantees, user), databases)
    except BackupError:
        return []  # that the database can not be reached is a problem of its own
    return ["the server of the %s database has no role %s" % (target.kind, ", ".join(missing))] if missing else []


def other_roles(names: Sequence[str], user: str) -> List[str]:
    """Return the roles that neither are on every server nor are this user."""
    return sorted(name for name in names if not is_everywhere(name) and name != user)


def find_missing_roles(target: RestoreTarget, names: List[str], databases: "ProbedDatabases") -> List[str]:
    """Return the roles that the server of a database does not have."""
    return sorted(set(names) - set(databases.find_roles(target.settings, names))) if names else []


def kinds_of(scopes: Sequence[str]) -> List[str]:
    """Return the kinds of databases that scopes stand for."""
    return [kind.name for kind in KINDS if kind.scope in scopes]
