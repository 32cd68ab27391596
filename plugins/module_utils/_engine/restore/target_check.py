# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""See whether databases can take what an engine has, before there is an archive to restore; empty them if asked to.

This file is private to the collection.
"""

from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple, Sequence

from ..._common.errors import BackupError, NotProven, Problem, Refused
from ..._postgres.model import Settings
from .model import NONE, RestoreRequest, RestoreTarget
from .target_rules import LoginProbe, check_credentials, check_existing, look_at

if TYPE_CHECKING:
    from ..protocols import TargetHost


class TargetDatabase(NamedTuple):
    """A database to be restored into, as its owner sees it."""

    settings: Settings
    look: LoginProbe
    sessions: int
    problems: List[Problem]


Targets = Dict[str, TargetDatabase]


class TargetCheckResult(NamedTuple):
    """What was found in the databases, and what was cleared."""

    changed: bool
    targets: Dict[str, Dict[str, Any]]
    cleaned_up: List[str]


PATIENCE = 10.0  # seconds
PAUSE = 0.1
NOT_EMPTIED = "What the databases held was dropped, but they are not fit for a restore"


def preview_targets(request: RestoreRequest, clears: bool, host: "TargetHost") -> TargetCheckResult:
    """Return what prepare_targets would do; raise Refused with everything that would make it fail. Writes nothing."""
    directory = host.engine.lock_directory(request.prefix)
    leftovers = host.session.list_leftovers(directory) if clears else []
    # Sessions of what a killed run left will be gone by then.
    targets = look_at_targets(request, clears, bool(leftovers), host)
    locked = [Problem("locked", "another run holds the directory %s" % directory)]
    refuse(targets, locked if clears and host.session.is_locked(directory) else [])
    filled = list_filled(targets)
    return TargetCheckResult(bool(filled or leftovers), describe(targets, filled), leftovers)


def prepare_targets(request: RestoreRequest, clears: bool, host: "TargetHost") -> TargetCheckResult:
    """Insist that the databases can be restored into; drop what they hold if asked to, and prove that it is gone."""
    if not clears:
        return preview_targets(request, clears, host)
    directory = host.engine.lock_directory(request.prefix)
    host.session.lock(directory)
    try:
        # Also ends an engine-backup that outlived its run and is still loading.
        cleaned_up = host.session.remove_leftovers(directory)
        targets = wait_for_quiet(request, host)
        refuse(targets)
        filled = list_filled(targets)
        for kind in filled:
            host.databases.clear_database(targets[kind].settings)
        targets = look_at_targets(request, False, False, host)
        if list_problems(targets):
            raise NotProven(list_problems(targets), NOT_EMPTIED, phase="proving")
        return TargetCheckResult(bool(cleaned_up or filled), describe(targets, filled), cleaned_up)
    finally:
        host.session.unlock()


def wait_for_quiet(request: RestoreRequest, host: "TargetHost") -> Targets:
    """Return what stands in the databases; a server needs a moment to end the session of a client that was killed."""
    deadline = host.clock.monotonic() + PATIENCE
    while True:
        targets = look_at_targets(request, True, False, host)
        in_use = [problem for problem in list_problems(targets) if problem.code == "database_in_use"]
        if not in_use or host.clock.monotonic() > deadline:
            return targets
        host.clock.sleep(PAUSE)


def request_of(prefix: str, credentials: Dict[str, Settings]) -> RestoreRequest:
    """Return what will be restored as far as it is known before there is an archive."""
    return RestoreRequest(
        path="",
        scopes=[],
        provision=[NONE],
        credentials=credentials,
        permissions="skip",
        keep_temporary_data=True,
        restore_jobs=0,
        tmpdir="",
        log_path="",
        timeout=0,
        prefix=prefix,
        remove_storage_vm=False,
        remove_hosts=False,
        allow_hosted_engine=False,
        cleanup_planned=False,
    )


def look_at_targets(request: RestoreRequest, clears: bool, ends_sessions: bool, host: "TargetHost") -> Targets:
    """Return what stands in the databases and what keeps a restore out of each."""
    problems = check_credentials(request)
    if not request.credentials:
        problems.append(Problem("option_out_of_range", "'credentials' names no database"))
    if problems:
        raise Refused(problems, phase="plan")
    client = host.engine.client_version(request.prefix)
    return {
        kind: look_at_target(kind, settings, client, clears, ends_sessions, host)
        for kind, settings in sorted(request.credentials.items())
    }


def look_at_target(
    kind: str, settings: Settings, client: int, clears: bool, ends_sessions: bool, host: "TargetHost"
) -> TargetDatabase:
    """Return what stands in one database and what keeps a restore out of it."""
    look = look_at(settings, host.databases)
    problems = check_existing(RestoreTarget(kind, settings, True, False), look)
    if look.fitness is None:
        return TargetDatabase(settings, look, 0, problems)
    where = (kind, settings.database, settings.host, settings.port)
    server = look.fitness.server_version_num // 10000
    if client and server > client:
        text = "the server of the %s database is PostgreSQL %d, this host's client %d: engine-backup refuses that"
        problems.append(Problem("client_too_old", text % (kind, server, client)))
    sessions = host.databases.count_sessions(settings)
    if look.fitness.objects and not clears:
        text = "the %s database '%s' on %s:%d is not empty: it holds %d tables. Empty it first, after a proven backup"
        problems.append(Problem("target_not_empty", text % (where + (look.fitness.tables,))))
    elif look.fitness.objects and sessions and not ends_sessions:
        text = "the %s database '%s' on %s:%d is not emptied while %d sessions use it"
        problems.append(Problem("database_in_use", text % (where + (sessions,))))
    return TargetDatabase(settings, look, sessions, problems)


def list_problems(targets: Targets) -> List[Problem]:
    """Return every problem of every database."""
    return [problem for target in targets.values() for problem in target.problems]


def refuse(targets: Targets, others: Sequence[Problem] = ()) -> None:
    """Raise Refused where there is a problem."""
    problems = list_problems(targets) + list(others)
    if problems:
        raise Refused(problems, phase="plan")


def list_filled(targets: Targets) -> List[str]:
    """Return the kinds whose database holds something."""
    return [kind for kind, target in targets.items() if target.look.fitness and target.look.fitness.objects]


def describe(targets: Targets, cleared: Sequence[str]) -> Dict[str, Dict[str, Any]]:
    """Return what a person may see of the databases."""
    found = {}
    for kind, target in targets.items():
        settings, fitness = target.settings, target.look.fitness
        if fitness is None:
            raise BackupError("the %s database was not seen" % kind)
        found[kind] = {
            "host": settings.host,
            "port": settings.port,
            "name": settings.database,
            "user": settings.user,
            "server_version": fitness.server_version,
            "tables": fitness.tables,
            "sessions": target.sessions,
            "cleared": kind in cleared,
        }
    return found
