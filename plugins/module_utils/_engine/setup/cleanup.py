# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove the set-up of an engine, and prove that its databases are empty.

engine-cleanup only warns where it can not reach a database, and ends well. This file is private to the collection.
"""

from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple, Optional, Tuple

from ..._archive.versions import minor_release, version_key
from ..._common.errors import BackupError, Problem, Refused, describe_problems, list_problems
from ..._postgres.model import Holdings, Settings
from ..model import Installation
from .answers import Answers, cleanup_answers, mask_answers, release_of, room_for_dumps
from .otopi_model import CLEANUP, Places, SetupState, without_release
from .otopi_output import NOT_SET_UP
from .otopi_run import (
    NOT_RUN,
    OtopiCommand,
    OtopiResult,
    check_lock,
    describe_end,
    hold,
    merge_answers,
    preview_run,
    run_tool,
)

if TYPE_CHECKING:
    from ..protocols import OtopiHost


class CleanupRequest(NamedTuple):
    """What a cleanup is asked to do: the options of the module."""

    prefix: str
    tmpdir: str
    timeout: int
    answers: Answers
    archive: str
    clear_databases: bool


class CleanupResult(NamedTuple):
    """What a cleanup did."""

    changed: bool
    cleanup: Dict[str, Any]
    cmd: List[str]
    rc: Optional[int]
    log_path: str
    cleaned_up: List[str]


class CleanupPlan(NamedTuple):
    """What a cleanup will do, and every problem that forbids it."""

    order: OtopiCommand
    is_set_up: bool
    runs: bool  # engine-cleanup will be run
    databases: Dict[str, Settings]
    before: Dict[str, Holdings]
    services: Dict[str, str]
    files: Dict[str, int]  # how many are removed from each directory
    warnings: List[str]
    problems: List[Problem]


# What engine-cleanup stops; httpd and the server of the databases keep running.
SERVICES = (
    "ovirt-engine",
    "ovirt-engine-dwhd",
    "ovirt-engine-notifier",
    "grafana-server",
    "ovirt-websocket-proxy",
    "ovirt-fence-kdump-listener",
    "ovirt-vmconsole-proxy-sshd",
    "ovirt-provider-ovn",
)
VERSION = "OVESETUP_CORE/generatedByVersion"


def preview_cleanup(request: CleanupRequest, host: "OtopiHost") -> CleanupResult:
    """Return what clean_up would do; raise Refused with everything that would make it fail. Writes nothing."""
    places = host.tool.choose_places(CLEANUP, request.tmpdir)
    plan = plan_cleanup(request, places, host)
    _refuse(check_lock(places, host) + plan.problems)
    leftovers = host.session.list_leftovers(places.lock)
    # What neither of the two would empty was refused.
    who = "engine-cleanup" if plan.runs else "module"
    cleared = {kind: who if held.objects else "" for kind, held in plan.before.items()}
    return _conclude(plan, preview_run(plan.order) if plan.runs else NOT_RUN, cleared, leftovers)


def clean_up(request: CleanupRequest, host: "OtopiHost") -> CleanupResult:
    """Remove the set-up, prove the databases empty; what is left in one is dropped where the request says so."""
    places = host.tool.choose_places(CLEANUP, request.tmpdir)
    if places.problems:  # not even a lock can be made: name this and everything else
        _refuse(plan_cleanup(request, places, host).problems)

    def work(cleaned_up: List[str]) -> CleanupResult:
        plan = plan_cleanup(request, places, host)
        _refuse(plan.problems)
        done = run_tool(plan.order, host) if plan.runs else NOT_RUN
        cleared, problems = _empty(plan, request, host)
        if problems:
            raise _not_empty(plan, done, problems, host)
        return _conclude(plan, done, cleared, cleaned_up)

    result: CleanupResult = hold(places, host, work)
    return result


def plan_cleanup(request: CleanupRequest, places: Places, host: "OtopiHost") -> CleanupPlan:
    """Return what is to be done and everything that forbids it."""
    installation = host.engine.read_installation(request.prefix)
    state = host.engine.read_setup_state()
    answers, problems = merge_answers(cleanup_answers(state.is_unprivileged), request.answers, {})
    order = OtopiCommand(CLEANUP, places, answers, (), request.timeout, (NOT_SET_UP,))
    databases = _with_archived(_own_databases(installation), request, host)
    before, unread = _read_all(databases, host)
    mismatch = _check_version(state) if installation.is_set_up else []
    runs = installation.is_set_up and not (mismatch and request.clear_databases)
    warnings = [] if runs else [item.message for item in mismatch]
    problems = list(places.problems) + problems + unread
    if runs:
        problems += mismatch + _check_room(request, answers, databases, host)
    elif not request.clear_databases:
        problems += _check_all(databases, before, host)
    services = host.engine.read_services(SERVICES) if runs else {}
    registered = host.engine.count_registered_files() if runs else {}
    return CleanupPlan(order, installation.is_set_up, runs, databases, before, services, registered, warnings, problems)


def _check_room(
    request: CleanupRequest, answers: Answers, databases: Dict[str, Settings], host: "OtopiHost"
) -> List[Problem]:
    """Return whether the tool's own dumps may fill the disk: then it only warns, and leaves the database full."""
    place = host.engine.dumps_directory(request.prefix)
    needed = room_for_dumps(
        answers, {kind: host.databases.database_size(settings) for kind, settings in databases.items()}
    )
    free = host.files.free_space(place)
    text = "%s has %d bytes free, the dumps that engine-cleanup makes there may need %d"
    return [Problem("space_dumps", text % (place, free, needed))] if free < needed else []


def _own_databases(installation: Installation) -> Dict[str, Settings]:
    """Return the databases that belong to this host."""
    return {kind: item for kind, item in installation.settings.items() if kind in installation.owned}


def _with_archived(own: Dict[str, Settings], request: CleanupRequest, host: "OtopiHost") -> Dict[str, Settings]:
    """Return the databases by kind, those of the archive that are others than the installed ones included."""
    found = {kind: item for kind, item in own.items() if kind != "grafana"}
    archived = host.engine.read_archived_databases(request.archive) if request.archive else {}
    for kind, item in archived.items():
        if kind != "grafana" and not any(_is_same(item, other) for other in own.values()):
            found["archived_" + kind if kind in found else kind] = item
    return found


def _is_same(one: Settings, other: Settings) -> bool:
    return (one.host, one.port, one.database) == (other.host, other.port, other.database)


def _read_all(databases: Dict[str, Settings], host: "OtopiHost") -> Tuple[Dict[str, Holdings], List[Problem]]:
    found, problems = {}, []
    for kind, settings in sorted(databases.items()):
        try:
            found[kind] = host.databases.read_holdings(settings)
        except BackupError as error:
            text = "the %s database can not be proven empty: %s" % (kind, error.message)
            problems.append(Problem(error.code, text))
    return found, problems


def _check_version(state: SetupState) -> List[Problem]:
    """engine-cleanup works on what the same X.Y set up, and no later version."""
    generated, installed = release_of(state.answers.get(VERSION)), without_release(state.display_version)
    same = minor_release(generated) == minor_release(installed)
    if same and version_key(generated) <= version_key(installed):
        return []
    text = "the engine was set up by %s and engine-cleanup is of %s, which refuses that: run engine-setup first" % (
        generated or "an unknown version",
        installed or "an unknown version",
    )
    return [Problem("cleanup_version_mismatch", text)]


def _check_all(databases: Dict[str, Settings], held: Dict[str, Holdings], host: "OtopiHost") -> List[Problem]:
    found = []
    for kind in sorted(held):
        found += _check_standing(kind, databases[kind], held[kind], host)
    return found


def _check_standing(kind: str, settings: Settings, found: Holdings, host: "OtopiHost") -> List[Problem]:
    """Return a problem where a database is not empty, with what stands in it."""
    if not found.objects:
        return []
    item = _describe_database_now(kind, settings, found, host)
    text = "the %s database '%s' on %s:%d is not empty: %d tables with %s rows, %d objects in all%s" % (
        kind,
        settings.database,
        settings.host,
        settings.port,
        found.tables,
        "unknown" if item["rows"] is None else item["rows"],
        found.objects,
        ", schemas " + ", ".join(found.schemas) if found.schemas else "",
    )
    return [Problem("database_not_empty", text)]


def _describe_database_now(kind: str, settings: Settings, found: Holdings, host: "OtopiHost") -> Dict[str, Any]:
    rows: Optional[int] = None
    try:
        rows = host.databases.count_rows(settings)
    except BackupError:  # the owner may not read what somebody else put there; it stands all the same
        rows = None
    return {
        "kind": kind,
        "database": settings.database,
        "host": settings.host,
        "port": settings.port,
        "tables": found.tables,
        "objects": found.objects,
        "rows": rows,
    }


def _refuse(problems: List[Problem]) -> None:
    if problems:
        raise Refused(problems, phase="plan")


def _empty(plan: CleanupPlan, request: CleanupRequest, host: "OtopiHost") -> Tuple[Dict[str, str], List[Problem]]:
    """Prove each database empty, drop what is left where asked to; return by whom each was emptied, and what stands."""
    cleared: Dict[str, str] = {}
    problems: List[Problem] = []
    for kind, settings in sorted(plan.databases.items()):
        try:
            found = host.databases.read_holdings(settings)
            cleared[kind] = "engine-cleanup" if plan.before[kind].objects and not found.objects else ""
            if found.objects and request.clear_databases:
                host.databases.clear_database(settings)
                found, cleared[kind] = host.databases.read_holdings(settings), "module"
            problems += _check_standing(kind, settings, found, host)
        except BackupError as error:
            problems.append(Problem(error.code, "the %s database: %s" % (kind, error.message)))
    return cleared, problems


def _not_empty(plan: CleanupPlan, done: OtopiResult, problems: List[Problem], host: "OtopiHost") -> BackupError:
    facts: Dict[str, Any] = {"phase": "proving", "problems": list_problems(problems), "standing": []}
    if plan.runs:
        facts.update(describe_end(plan.order, done.cmd, done.rc, done.log), phase="proving")
        facts["dumps"] = list(done.printed.dumps)
    for kind, settings in sorted(plan.databases.items()):
        found, _unread = _read_all({kind: settings}, host)
        if kind in found and found[kind].objects:
            facts["standing"].append(_describe_database_now(kind, settings, found[kind], host))
    start = "engine-cleanup ended well, but" if plan.runs else "engine-cleanup had nothing to remove, but"
    return BackupError(describe_problems(start, problems), problems[0].code, **facts)


def _conclude(plan: CleanupPlan, done: OtopiResult, cleared: Dict[str, str], cleaned_up: List[str]) -> CleanupResult:
    """Return the result of a run or of a plan."""
    removed = plan.runs and done.rc != NOT_SET_UP
    emptied = any(cleared.values())
    found = {
        "state": _state(removed or emptied, bool(plan.databases)),
        "ran": plan.runs,
        "databases": {kind: _describe(plan, kind, cleared[kind]) for kind in sorted(plan.databases)},
        "services": plan.services,
        "files": plan.files,
        "dumps": list(done.printed.dumps),
        "stages": list(done.printed.stages),
        "warnings": plan.warnings + list(done.printed.warnings),
        "answers": mask_answers(plan.order.answers),
    }
    log_path = plan.order.places.log_path if plan.runs else ""
    return CleanupResult(removed or emptied or bool(cleaned_up), found, done.cmd, done.rc, log_path, cleaned_up)


def _describe(plan: CleanupPlan, kind: str, cleared_by: str) -> Dict[str, Any]:
    settings, held = plan.databases[kind], plan.before[kind]
    return {
        "name": settings.database,
        "host": settings.host,
        "port": settings.port,
        "exists": held.exists,
        "tables": held.tables,
        "schemas": list(held.schemas),
        "cleared_by": cleared_by,
    }


def _state(changed: bool, has_databases: bool) -> str:
    if changed:
        return "cleaned"
    return "already_clean" if has_databases else "not_set_up"
