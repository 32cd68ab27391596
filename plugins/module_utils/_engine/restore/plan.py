# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan a restore of the engine: everything that can refuse it, before anything is written.

What costs nothing is asked first, and refuses before the archive is read. This file is private to the collection.
"""

import collections
import itertools
import posixpath
from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple, Optional, Tuple

from ..._archive.databases import expand_scopes
from ..._archive.manifest import compare_manifest
from ..._archive.model import ArchiveReading, check_archive, os_version_of, scopes_of, version_of
from ..._archive.report import expected_scopes, hosted_engine_of, identify
from ..._archive.versions import refuse_restore
from ..._common.errors import CommandError, Problem, Refused
from ..._common.shell_files import parse_assignments
from ..._common.times import to_iso
from ..._postgres.model import LOCAL_HOSTS
from ..model import Installation
from .model import SERVERS, STOPPED_SERVICES, RestoreRequest, RestoreTarget, rewritten_files
from .target_rules import (
    LoginProbe,
    Permissions,
    check_credentials,
    check_targets,
    kinds_of,
    plan_permissions,
    plan_targets,
)

if TYPE_CHECKING:
    from ..protocols import RestoreHost

SMALLEST_SPACE = 64 * 1024 * 1024
SHOWN_DEPTH = 3  # of a directory whose files are counted, such as /etc/pki/ovirt-engine
DATA_FACTOR = 6  # bytes of a database per byte of its compressed dump, with indexes; plain dumps are larger


class RestorePlan(NamedTuple):
    """What a restore will do, and every problem that forbids it."""

    request: RestoreRequest
    installation: Installation
    reading: ArchiveReading
    backup_log_path: str  # the path of the log of the backup, which the engine database holds
    scopes: List[str]
    targets: Dict[str, RestoreTarget]
    looks: Dict[str, LoginProbe]
    permissions: Permissions
    log_path: str
    tmpdir: str
    grafana_file: str
    os_differs: bool
    problems: List[Problem]
    notes: List[str]
    leftovers: List[str]  # of a killed run, to be swept up


def plan_restore(request: RestoreRequest, host: "RestoreHost") -> RestorePlan:
    """Return what would be restored and every problem that forbids it; raise Refused by what is known at once."""
    installation = look_first(request, host)
    tmpdir = request.tmpdir or host.engine.lock_directory(request.prefix)
    reading, manifest, problems = read_source(request.path, tmpdir, host)
    version = refuse_restore(version_of(reading), installation.version)
    if version and version_of(reading):
        problems.append(Problem("version_refused", version))
    scopes, found = decide_scopes(request, reading, installation)
    problems += found + check_hosted_engine(request, reading)
    targets, looks, found = plan_targets(
        request, kinds_of(scopes), host.engine.configured(request, scopes, reading), host.databases
    )
    problems += found + check_targets(request, targets, looks, reading, host.engine.client_version(request.prefix))
    permissions = plan_permissions(request, targets, reading, host.databases)
    os_differs, notes = compare_systems(reading, host)
    plan = RestorePlan(
        request,
        installation,
        reading,
        identify(manifest, reading),
        scopes,
        targets,
        looks,
        permissions,
        log_path=choose_log_path(request, installation, host),
        tmpdir=tmpdir,
        grafana_file=host.engine.grafana_file(request.prefix),
        os_differs=os_differs,
        problems=problems + permissions.problems,
        notes=notes + permissions.notes,
        leftovers=host.session.list_leftovers(host.engine.lock_directory(request.prefix)),
    )
    return plan._replace(problems=plan.problems + check_places(plan, host))


def read_source(
    path: str, tmpdir: str, host: "RestoreHost"
) -> Tuple[ArchiveReading, Optional[Dict[str, Any]], List[Problem]]:
    """Return what is in an archive, its manifest if there is one, and what is wrong with both.

    An archive that is, byte for byte, the one of its manifest was read to its last row when that was written. Any
    other is read so now.
    """
    manifest, problems = host.archives.read_manifest(path)
    proven = host.archives.read_proven(path, manifest) if manifest is not None else None
    if proven is not None:
        return proven, manifest, problems
    reading = host.archives.read_archive(path, "full", tmpdir)
    problems = problems + check_archive(reading, "full", expected_scopes(reading, manifest, ["all"]))
    return reading, manifest, problems + (compare_manifest(manifest, reading) if manifest is not None else [])


def look_first(request: RestoreRequest, host: "RestoreHost") -> Installation:
    """Return the installation; raise Refused with everything that needs no reading of the archive."""
    problems = check_request(request, host)
    try:
        installation = host.engine.read_installation(request.prefix)
    except CommandError as error:
        raise Refused(problems + [Problem(error.code, error.message)], phase="plan") from None
    problems += check_credentials(request) + check_host(request, installation, host)
    tmpdir = request.tmpdir or host.engine.lock_directory(request.prefix)
    problems += host.files.check_directory(tmpdir, "tmpdir", "temporary directory", sticky_is_safe=True)
    if not any(problem.code == "archive_missing" for problem in problems):
        problems += check_at_first_sight(request, installation, host)
    if problems:
        raise Refused(problems, phase="plan")
    return installation


def check_request(request: RestoreRequest, host: "RestoreHost") -> List[Problem]:
    """Return what is wrong with the options themselves."""
    problems = []
    if not host.files.exists(request.path):
        problems.append(Problem("archive_missing", "there is no archive %s on this host" % request.path))
    for name, path in (("path", request.path), ("log_path", request.log_path), ("tmpdir", request.tmpdir)):
        if path and not posixpath.isabs(path):
            problems.append(Problem("path_relative", "'%s' must be an absolute path: %s" % (name, path)))
        if any(character.isspace() for character in path):
            problems.append(Problem("path_blank", "'%s' must not hold blanks for engine-backup: %r" % (name, path)))
    for name, value, least in (("timeout", request.timeout, 1), ("restore_jobs", request.restore_jobs, 0)):
        if value < least:
            problems.append(Problem("option_out_of_range", "'%s' is too small" % name))
    return problems


def check_host(request: RestoreRequest, installation: Installation, host: "RestoreHost") -> List[Problem]:
    """Return what of this host forbids a restore: programs that are missing, services that are up."""
    problems = []
    for name in installation.missing_programs:
        problems.append(Problem("program_missing", "%s is not found on this host; engine-backup needs it" % name))
    if request.cleanup_planned:
        return problems
    pid = host.engine.engine_is_running(request.prefix)
    if pid:
        problems.append(Problem("engine_running", "the engine runs (process %d): stop ovirt-engine first" % pid))
    states = host.engine.read_services(request.prefix)
    active = [name for name in STOPPED_SERVICES if states.get(name) == "active"]
    if active:
        text = "services are up that use what a restore replaces: %s. engine-backup does not look; stop them first"
        problems.append(Problem("services_active", text % ", ".join(active)))
    return problems


def check_at_first_sight(request: RestoreRequest, installation: Installation, host: "RestoreHost") -> List[Problem]:
    """Return what size, manifest and version of the archive say without reading it."""
    manifest, problems = host.archives.read_manifest(request.path)
    size = host.files.file_size(request.path)
    if manifest is not None and manifest["size"] != size:
        text = "the archive has %d bytes, its manifest says %d: it is not the archive that was proven"
        problems.append(Problem("manifest_disagrees", text % (size, manifest["size"])))
    version = host.archives.peek_version(request.path)
    reason = refuse_restore(version, installation.version) if version else ""
    if reason:
        problems.append(Problem("version_refused", reason))
    return problems


def decide_scopes(
    request: RestoreRequest, reading: ArchiveReading, installation: Installation
) -> Tuple[List[str], List[Problem]]:
    """Return the scopes to restore. The tool leaves out what it can not do without a word; here that is a problem."""
    there = scopes_of(reading)
    wanted = expand_scopes(request.scopes) if "all" not in request.scopes else there
    problems = []
    for scope in wanted:
        if scope not in there:
            text = "the scope '%s' is not in the archive: engine-backup would say Done and restore nothing"
            problems.append(Problem("scope_not_in_archive", text % scope))
        elif scope not in installation.restorable:
            text = "the installed engine-backup can not restore the scope '%s'; name the scopes without it"
            problems.append(Problem("scope_unsupported", text % scope))
    named = set(request.credentials) | set(request.provision) & set(SERVERS)
    unused = sorted(named - set(kinds_of(wanted)))
    if unused:
        text = "'credentials' or 'provision' names %s, which this restore does not touch"
        problems.append(Problem("credentials_unused", text % ", ".join(unused)))
    if not wanted and not reading.problems:
        problems.append(Problem("nothing_to_restore", "the archive holds nothing that a restore could use"))
    return [scope for scope in wanted if scope in there], problems


def check_hosted_engine(request: RestoreRequest, reading: ArchiveReading) -> List[Problem]:
    """Return whether the archive is of an engine that runs in a virtual machine that it manages itself."""
    name = hosted_engine_of(reading)
    if not name or request.allow_hosted_engine:
        return []
    text = (
        "the archive is of a hosted engine (virtual machine '%s'). The right way is, on a fresh host and with new"
        " storage: hosted-engine --deploy --restore-from-file=%s. To make a standalone engine of it, set"
        " 'allow_hosted_engine' together with 'he_remove_storage_vm' and 'he_remove_hosts'"
    )
    return [Problem("hosted_engine", text % (name, request.path))]


def compare_systems(reading: ArchiveReading, host: "RestoreHost") -> Tuple[bool, List[str]]:
    """Return whether the tool will find another operating system than the archive's, and what that means."""
    here, there = host.engine.os_version(), os_version_of(reading)
    if here == there:
        return False, []
    text = "the archive is of %s, this host is %s: Apache's configuration is not restored, engine-setup asks for it"
    return True, [text % (there or "an unknown system", here or "unknown")]


def choose_log_path(request: RestoreRequest, installation: Installation, host: "RestoreHost") -> str:
    """Return the log: as asked, or named after the archive and the time, and a number within the same second."""
    if request.log_path:
        return request.log_path
    stamp = to_iso(host.clock.now()).replace("-", "").replace(":", "")
    stem = posixpath.splitext(posixpath.basename(request.path))[0]
    path = posixpath.join(installation.log_directory, "restore-%s-%s" % (stem, stamp))
    names = itertools.chain([path + ".log"], ("%s.%d.log" % (path, number) for number in itertools.count(2)))
    return next(name for name in names if not host.files.exists(name))


def check_places(plan: RestorePlan, host: "RestoreHost") -> List[Problem]:
    """Return what is wrong with the directories of the run, and whether the disks have room."""
    logs = posixpath.dirname(plan.log_path)
    problems = host.files.check_directory(logs, "log_directory", "log directory", sticky_is_safe=True)
    if host.files.exists(plan.log_path):
        problems.append(Problem("log_exists", "the log %s exists; each run needs a new one" % plan.log_path))
    return problems or check_space(plan, host)


def check_space(plan: RestorePlan, host: "RestoreHost") -> List[Problem]:
    """Return which disk has too little room: the archive is unpacked, its files once more, the databases loaded."""
    files = plan.reading.files.size if plan.reading.files is not None else 0
    work = sum(member.size for member in plan.reading.members) + files
    problems = check_room(plan.tmpdir, work, host, code="space_tmpdir")
    data = host.engine.data_directory(plan.request.prefix)
    local = [plan.reading.dumps[kind] for kind, target in plan.targets.items() if target.settings.host in LOCAL_HOSTS]
    if data and local:
        loaded = sum(dump.size * data_factor(dump.format) for dump in local)
        problems += check_room(data, loaded, host, code="space_data")
    return problems


def check_room(place: str, size: int, host: "RestoreHost", code: str) -> List[Problem]:
    """Return whether a directory has too little room for so many bytes."""
    free, needed = host.files.free_space(place), size + SMALLEST_SPACE
    text = "%s has %d bytes free, the restore needs about %d"
    return [Problem(code, text % (place, free, needed))] if free < needed else []


def data_factor(dump_format: str) -> int:
    """Return the bytes of a loaded database per byte of its dump."""
    return DATA_FACTOR if dump_format == "custom" else 2


def insisted_files(plan: RestorePlan) -> List[str]:
    """Return the configuration files without which the tool would give up after the databases are loaded."""
    changed = frozenset(kind for kind, target in plan.targets.items() if target.is_changed)
    return sorted(rewritten_files(changed)) if changed else []


def describe_plan(plan: RestorePlan) -> Dict[str, Any]:
    """Return the planned value of 'restore'."""
    return {
        "path": plan.request.path,
        "identity": plan.backup_log_path,
        "version": version_of(plan.reading),
        "scopes": plan.scopes,
        "databases": {kind: describe_target(kind, plan) for kind in kinds_of(plan.scopes)},
        "permissions": plan.permissions.are_restored,
        "provisioned": sorted(kind for kind, target in plan.targets.items() if target.is_provisioned),
        "extra_users": describe_users(plan),
        "files": plan.reading.files.entry_count if plan.reading.files is not None and "files" in plan.scopes else 0,
        "directories": count_by_directory(plan),
        "notes": plan.notes,
        "log_path": plan.log_path,
    }


def count_by_directory(plan: RestorePlan) -> Dict[str, int]:
    """Return how many files are restored below each directory."""
    entries = plan.reading.files.entries if plan.reading.files is not None and "files" in plan.scopes else {}
    counted = collections.Counter("/" + "/".join(path.split("/")[:-1][:SHOWN_DEPTH]) for path in entries)
    return dict(sorted(counted.items()))


def describe_target(kind: str, plan: RestorePlan) -> Dict[str, Any]:
    """Return where a database goes and what it will hold, without a secret."""
    tables = plan.reading.dumps[kind].tables or {}
    found: Dict[str, Any] = {"tables": len(tables), "rows": sum(tables.values()), "emptied": []}
    if kind in plan.targets:
        settings = plan.targets[kind].settings
        found.update(host=settings.host, port=settings.port, name=settings.database, user=settings.user)
    else:
        found.update(host="", port=None, name=plan.grafana_file, user="")
    return found


def describe_users(plan: RestorePlan) -> List[Dict[str, Any]]:
    """Return the roles besides the owners that have grants, and what becomes of their passwords."""
    return [
        {"name": name, "databases": kinds, "password": password_of(name, kinds, plan)}
        for name, kinds in sorted(plan.permissions.extra_users.items())
    ]


def password_of(name: str, kinds: List[str], plan: RestorePlan) -> str:
    """Return V(random) for a role that the tool makes and tells nobody the password of, V(configured) for Grafana's,
    V(kept) for one that it does not touch."""
    provisioned = [kind for kind in kinds if plan.targets[kind].is_provisioned]
    if not provisioned or not plan.permissions.are_restored:
        return "kept"
    return "configured" if name == grafana_user(plan.reading) else "random"


def grafana_user(reading: ArchiveReading) -> str:
    """Return the role with which Grafana reads the Data Warehouse, whose password the tool knows."""
    texts = reading.files.configuration.values() if reading.files is not None else ()
    return next(filter(None, (parse_assignments(text).get("GRAFANA_DB_USER") for text in texts)), "")
