# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan a backup of the engine: everything that can refuse it, before anything is written.

This file is private to the collection.
"""

import posixpath
from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple, Optional, Tuple

from ..._archive.databases import BY_NAME, KINDS, expand_scopes
from ..._archive.manifest import SUFFIX, describe_archive
from ..._common.errors import BackupError, CommandError, Problem, Refused
from ..._common.times import from_iso, to_iso
from ..._postgres.model import TableCounts
from ..model import Installation
from .commands import PROFILES
from .scope_selection import DatabaseEvidence, Expected, Live, decide_expected

if TYPE_CHECKING:
    from ..protocols import BackupHost

ARCHIVE_ENDING = ".backup"
LARGEST_FILES = 64 * 1024 * 1024  # room for the files part, which no database size tells


class BackupRequest(NamedTuple):
    """What a backup is asked to do: the options of the module."""

    path: str  # one of path and directory is empty
    directory: str
    scopes: List[str]
    log_path: str
    tmpdir: str
    timeout: int
    prefix: str
    max_age: int
    profile: str


class PlannedDatabase(NamedTuple):
    """A database before its backup: ``size`` in bytes, ``before`` its counted rows."""

    name: str
    owner: str
    size: int
    extensions: Tuple[str, ...]
    grantees: Tuple[str, ...]
    before: TableCounts


class BackupPlan(NamedTuple):
    """What a backup will do, and every problem that forbids it."""

    request: BackupRequest
    installation: Installation
    expected: Expected
    databases: Dict[str, PlannedDatabase]
    path: str
    log_path: str
    tmpdir: str
    created: float
    problems: List[Problem]
    leftovers: List[str]  # of a killed run, to be swept up
    reusable: Optional[Dict[str, Any]]  # the proven archive that makes a new one unnecessary


def target_directory(request: BackupRequest) -> str:
    """Return the directory that the archive goes to."""
    return request.directory or posixpath.dirname(request.path)


def check_target(request: BackupRequest, host: "BackupHost") -> List[Problem]:
    """Return why the request or its target directory can not be used; then nothing can be locked or looked up there."""
    problems = []
    for name, value in (("timeout", request.timeout - 1), ("max_age", request.max_age)):
        if value < 0:
            problems.append(Problem("option_out_of_range", "'%s' is too small" % name))
    for name, path in (("path", request.path), ("directory", request.directory), ("log_path", request.log_path)):
        if path and not posixpath.isabs(path):
            problems.append(Problem("path_relative", "'%s' must be an absolute path: %s" % (name, path)))
    return problems or host.files.check_directory(target_directory(request), "directory", "target directory")


def plan_backup(request: BackupRequest, host: "BackupHost") -> BackupPlan:
    """Return what would be made, and every problem that forbids it, not only the first."""
    created = host.clock.now()
    problems = check_target(request, host)
    usable = not problems
    try:
        installation = host.engine.read_installation(request.prefix)
    except CommandError as error:
        raise Refused(problems + [Problem(error.code, error.message)], phase="plan") from None
    databases, live = look_at_databases(request, installation, host)
    expected, found = decide_expected(request.scopes, list_witnesses(installation, live))
    problems += check_installation(installation)
    if installation.is_set_up:
        problems += found + check_notification(installation, live, host)
    path = request.path or posixpath.join(request.directory, archive_name(installation.fqdn, created))
    plan = BackupPlan(
        request,
        installation,
        expected,
        {kind: databases[kind] for kind in expected.kinds if kind in databases},
        path=path,
        log_path=request.log_path or default_log_path(installation.log_directory, request.path, path, created),
        tmpdir=request.tmpdir or target_directory(request),
        created=created,
        problems=problems,
        leftovers=host.session.list_leftovers(target_directory(request)) if usable else [],
        reusable=None,
    )
    return look_for_reuse(plan, usable, host)


def look_for_reuse(plan: BackupPlan, usable: bool, host: "BackupHost") -> BackupPlan:
    """Return the plan with the archive that makes a new one unnecessary, or with what forbids a new one."""
    reusable, obstacles = find_reusable(plan, host) if usable else (None, [])
    if reusable is not None and not plan.problems:
        return plan._replace(reusable=reusable)
    problems = plan.problems + obstacles + check_places(plan, host)
    return plan._replace(problems=problems or check_space(plan, host))


def default_log_path(directory: str, requested: str, path: str, created: float) -> str:
    """Return a log path that no other run has: named after the archive, with the time where that name is fixed."""
    stem = posixpath.basename(path)
    stem = stem[: -len(ARCHIVE_ENDING)] if stem.endswith(ARCHIVE_ENDING) else stem
    return posixpath.join(directory, "%s-%s.log" % (stem, time_stamp(created)) if requested else stem + ".log")


def time_stamp(created: float) -> str:
    """Return the UTC time for a file name, '20261122T134352Z'."""
    return to_iso(created).replace("-", "").replace(":", "")


def archive_name(fqdn: str, created: float) -> str:
    """Return a name made of the engine's FQDN and the UTC time."""
    return "engine-backup-%s-%s%s" % (fqdn or "engine", time_stamp(created), ARCHIVE_ENDING)


def check_installation(installation: Installation) -> List[Problem]:
    """Return what is missing on this host for any backup."""
    problems = []
    for name in installation.missing_programs:
        code = "query_tool_missing" if name == "otopi-config-query" else "program_missing"
        text = "%s is not in PATH; engine-backup would go on without it and leave parts out without a word"
        problems.append(Problem(code, text % name))
    if not installation.is_set_up:
        text = "engine-setup has not been run to its end on this host: there is nothing to back up yet"
        problems.append(Problem("not_set_up", text))
    return problems


def list_witnesses(installation: Installation, live: Dict[str, Live]) -> DatabaseEvidence:
    """Return the witnesses; a missing query tool is a problem of its own and does not disagree."""
    asked = "otopi-config-query" not in installation.missing_programs
    answered = installation.answered if asked else installation.enabled
    return DatabaseEvidence(installation.supported, installation.enabled, answered, installation.owned, live)


def look_at_databases(
    request: BackupRequest, installation: Installation, host: "BackupHost"
) -> Tuple[Dict[str, PlannedDatabase], Dict[str, Live]]:
    """Ask every database that is, or may be, part of the backup; count its rows."""
    databases: Dict[str, PlannedDatabase] = {}
    live: Dict[str, Live] = {}
    for kind in KINDS:
        concerned = kind.name in installation.enabled or kind.name in installation.owned
        wanted = kind.scope in expand_scopes(request.scopes)
        if not wanted or not concerned:
            continue
        try:
            found = look_at_database(kind.name, installation, host)
        except BackupError as error:
            live[kind.name] = Live(0, 0, Problem(error.code, error.message))
            continue
        if found is not None:
            databases[kind.name] = found
            rows = sum(state.rows for state in found.before.tables.values())
            live[kind.name] = Live(len(found.before.tables), rows, None)
    return databases, live


def look_at_database(kind: str, installation: Installation, host: "BackupHost") -> Optional[PlannedDatabase]:
    """Return what a live database is and holds; None where the configuration does not say where it is."""
    if kind == "grafana":
        path = installation.grafana_file
        return (
            PlannedDatabase(path, "", host.files.file_size(path), (), (), host.databases.count_sqlite(path))
            if path
            else None
        )
    settings = installation.settings.get(kind)
    if settings is None:
        return None
    if settings.password != settings.password_as_shell:
        text = (
            "engine-backup misreads the password of the %s database and cannot log in: it takes the configuration file"
            " for shell, where backslash, $ and ` mean something else than in the engine. Give the role a password of"
            " letters and digits and run engine-setup"
        )
        raise BackupError(text % kind, "password_unusable")
    identity = host.databases.read_identity(settings)
    before = host.databases.count_before(settings)
    return PlannedDatabase(identity.name, identity.owner, identity.size, identity.extensions, identity.grantees, before)


def check_notification(installation: Installation, live: Dict[str, Live], host: "BackupHost") -> List[Problem]:
    """Return why engine-backup will not be able to report to the engine: it fails then, whatever the scope."""
    if "engine" in live:
        return []
    if installation.notified is None:
        text = "no configuration says where the engine database is; engine-backup reports to it and fails without it"
        return [Problem("database_unconfigured", text)]
    try:
        host.databases.read_identity(installation.notified)
    except BackupError as error:
        return [Problem(error.code, error.message)]
    return []


def check_places(plan: BackupPlan, host: "BackupHost") -> List[Problem]:
    """Return what is wrong with the paths of the run."""
    problems: List[Problem] = []
    if plan.tmpdir != target_directory(plan.request):
        problems += host.files.check_directory(plan.tmpdir, "tmpdir", "temporary directory", sticky_is_safe=True)
    if host.files.exists(plan.path + SUFFIX) and not host.files.exists(plan.path) and not plan.leftovers:
        text = "%s stands there without its archive; move it to the archive that it describes, or choose another path"
        problems.append(Problem("path_exists", text % (plan.path + SUFFIX)))
    if plan.request.profile == "small" and not host.tool.tar_reads_zstd():
        text = "the profile 'small' needs GNU tar 1.31 or newer and zstd on this host; take 'stock' or 'fast'"
        problems.append(Problem("zstd_unsupported", text))
    return problems + check_log(plan, host)


def check_log(plan: BackupPlan, host: "BackupHost") -> List[Problem]:
    """Return what is wrong with the path of the log."""
    path = plan.log_path
    problems = host.files.check_directory(
        posixpath.dirname(path), "log_directory", "log directory", sticky_is_safe=True
    )
    if host.files.same_path(plan.path, path):
        problems.append(Problem("path_is_log", "the archive and the log can not be the same file: %s" % path))
    elif host.files.exists(path):
        text = "the log %s exists; its path identifies the backup in the engine, so each backup needs a new one"
        problems.append(Problem("log_exists", text % path))
    if any(character.isspace() for character in path):
        problems.append(Problem("log_path_blank", "the path of the log must not hold blanks: %r" % path))
    return problems


def check_space(plan: BackupPlan, host: "BackupHost") -> List[Problem]:
    """Return whether the disks have room, by the size of the databases."""
    size = sum(item.size for item in plan.databases.values())
    factors = PROFILES[plan.request.profile]
    directory = posixpath.dirname(plan.path)
    work = int(size * factors.work_factor) + LARGEST_FILES
    archive = int(size * factors.archive_factor) + LARGEST_FILES
    needs: Dict[str, int] = {plan.tmpdir: work, directory: archive}
    if host.files.file_system_of(plan.tmpdir) == host.files.file_system_of(directory):
        needs = {directory: work + archive}
    problems = []
    for place, needed in needs.items():
        free = host.files.free_space(place)
        if free < needed:
            code = "space_target" if place == directory else "space_tmpdir"
            text = "%s has %d bytes free, the backup of %d bytes of databases needs about %d"
            problems.append(Problem(code, text % (place, free, size, needed)))
    return problems


def find_reusable(plan: BackupPlan, host: "BackupHost") -> Tuple[Optional[Dict[str, Any]], List[Problem]]:
    """Return the archive that makes a new one unnecessary, or why something in its place forbids one."""
    request = plan.request
    if request.path:
        return reuse_path(plan, host) if host.files.exists(request.path) else (None, [])
    candidates = [
        (manifest["created"], path, manifest)
        for path, manifest in host.archives.list_manifests(request.directory)
        if manifest["fqdn"] == plan.installation.fqdn
        and set(plan.expected.scopes) <= set(manifest["scopes"])
        and keeps_as_much(manifest["profile"], request.profile)
        and 0 <= plan.created - from_iso(manifest["created"]) < request.max_age
    ]
    for _created, path, manifest in sorted(candidates, key=lambda item: item[:2], reverse=True):
        if not host.archives.check_proven(path, manifest):
            return describe_archive(manifest, path), []
    return None, []


def keeps_as_much(made: str, wanted: str) -> bool:
    """Does an archive of one profile hold all that one of another would? Plain dumps hold no owners and no grants."""
    formats = [PROFILES[name].dump_format if name in PROFILES else "" for name in (made, wanted)]
    return formats[0] == formats[1] or formats[0] == "custom"


def reuse_path(plan: BackupPlan, host: "BackupHost") -> Tuple[Optional[Dict[str, Any]], List[Problem]]:
    """Return the proven archive that stands at the path, or why what stands there is none."""
    path = plan.path
    manifest, problems = host.archives.read_manifest(path)
    if manifest is not None and not problems:
        problems = host.archives.check_proven(path, manifest)
        missing = sorted(set(plan.expected.scopes) - set(manifest["scopes"]))
        if manifest["fqdn"] != plan.installation.fqdn:
            problems.append(Problem("path_exists", "it is of the engine %s" % manifest["fqdn"]))
        if missing:
            problems.append(Problem("path_exists", "it lacks the scopes %s" % ", ".join(missing)))
        if not keeps_as_much(manifest["profile"], plan.request.profile):
            text = "its profile %s keeps no grants, %s does" % (manifest["profile"], plan.request.profile)
            problems.append(Problem("path_exists", text))
    if manifest is not None and not problems:
        return describe_archive(manifest, path), []
    reasons = "; ".join(problem.message for problem in problems)
    reasons = reasons or "it has no %s beside it, so it is not a proven backup" % SUFFIX
    text = "%s exists and is never overwritten: %s. Move it away or choose another path" % (path, reasons)
    return None, [Problem("path_exists", text)]


def describe_plan(plan: BackupPlan) -> Dict[str, Any]:
    """Return the planned value of 'archive': the keys of a finished one, with what is known before it is made."""
    return {
        "path": plan.path,
        "manifest": plan.path + SUFFIX,
        "identity": plan.log_path,
        "log_path": plan.log_path,
        "size": None,
        "sha256": None,
        "created": to_iso(plan.created),
        "version": plan.installation.version,
        "os_version": "",
        "fqdn": plan.installation.fqdn,
        "profile": plan.request.profile,
        "scopes": plan.expected.scopes,
        "databases": {kind: describe_database(kind, item, plan) for kind, item in sorted(plan.databases.items())},
        "certificates": [],
    }


def describe_database(kind: str, item: PlannedDatabase, plan: BackupPlan) -> Dict[str, Any]:
    """Return what is known of a database before its dump."""
    tables = {name: state.rows for name, state in item.before.tables.items()}
    rows = sum(tables.values())
    return {
        "file": BY_NAME[kind].member,
        "format": "sqlite" if kind == "grafana" else PROFILES[plan.request.profile].dump_format,
        "compressor": "none",
        "size": None,
        "name": item.name,
        "owner": item.owner,
        "extensions": list(item.extensions),
        "grantees": list(item.grantees),
        "tables": tables,
        "rows": rows,
        "live_rows": rows,
    }
