# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a proven backup of the engine: run the tool, read back what it made, compare, and only then name it.

This file is private to the collection.
"""

import posixpath
from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple, Optional

from ..._archive.databases import FILES_RECORD, KINDS
from ..._archive.manifest import build_manifest, describe_archive, describe_dumps
from ..._archive.model import ArchiveReading, check_archive, created_of, os_version_of, scopes_of, version_of
from ..._archive.report import hosted_engine_of
from ..._common.errors import BackupError, CommandError, NotProven, Problem, Refused
from ..._common.times import to_iso
from ..._postgres.model import TableCounts
from .commands import PROFILES, backup_command
from .output import check_run, evidence, last_lines, missing_lines
from .plan import BackupPlan, BackupRequest, check_target, describe_plan, plan_backup, target_directory
from .row_proof import compare_rows, compare_schemas, unsettled_tables, with_later_statistics

if TYPE_CHECKING:
    from ..protocols import BackupHost

ATTEMPTS = 3  # for files that change while tar reads them
RETRY_PAUSE = 2.0
SETTLE_SECONDS = 15.0  # statistics of an idle session arrive after ten seconds at the latest
SETTLE_PAUSE = 1.0
CLOCK_SLACK = 2.0  # seconds; the time inside an archive has whole seconds


class BackupResult(NamedTuple):
    """What a backup did."""

    changed: bool
    archive: Dict[str, Any]
    cmd: List[str]
    cleaned_up: List[str]  # what a killed run had left behind
    engine_record: Optional[Dict[str, Any]]
    attempts: int


class MadeArchive(NamedTuple):
    """An archive that the tool made and nobody has checked yet."""

    path: str
    log_path: str
    stdout: str
    cmd: List[str]
    attempts: int
    time_left: float  # seconds of the timeout


def preview_backup(request: BackupRequest, host: "BackupHost") -> BackupResult:
    """Return what make_backup would do; raise Refused with everything that would make it fail. Writes nothing."""
    plan = plan_backup(request, host)
    if host.session.is_locked(target_directory(request)):
        plan.problems.append(Problem("locked", "another run holds the directory %s" % target_directory(request)))
    if plan.problems:
        raise Refused(plan.problems, phase="plan")
    if plan.reusable is not None:
        return BackupResult(bool(plan.leftovers), plan.reusable, [], plan.leftovers, None, 0)
    cmd = _command(plan, plan.path, plan.log_path, plan.tmpdir)
    return BackupResult(True, describe_plan(plan), cmd, plan.leftovers, None, 0)


def make_backup(request: BackupRequest, host: "BackupHost") -> BackupResult:
    """Make a proven backup, or return the proven one that makes it unnecessary."""
    problems = check_target(request, host)
    if problems:  # not even a lock can be made: name this and everything else
        raise Refused(plan_backup(request, host).problems or problems, phase="plan")
    host.session.lock(target_directory(request))
    try:
        cleaned_up = host.session.remove_leftovers(target_directory(request))
        plan = plan_backup(request, host)
        if plan.problems:
            raise Refused(plan.problems, phase="plan")
        if plan.reusable is not None:
            return BackupResult(bool(cleaned_up), plan.reusable, [], cleaned_up, None, 0)
        return _make_planned(plan, host)._replace(cleaned_up=cleaned_up)
    finally:
        host.session.unlock()


def _make_planned(plan: BackupPlan, host: "BackupHost") -> BackupResult:
    try:
        stage, work = host.session.begin(plan.path, plan.tmpdir, plan.log_path)
        began = host.files.modified(work)
        made = _run_tool(plan, host, stage, work)
        try:
            return _prove_and_publish(plan, _pack(plan, made, stage, host), began, work, host)
        except BackupError as error:
            _add_evidence(error, made, host)
            raise
    finally:
        host.session.finish()


def _prove_and_publish(
    plan: BackupPlan, made: MadeArchive, began: float, work: str, host: "BackupHost"
) -> BackupResult:
    host.session.note_phase("proving")
    reading = host.archives.read_archive(made.path, "full", work)
    after = {kind: _count_again(kind, plan, host) for kind in plan.databases}
    problems = check_freshness(reading, began) + _prove(plan, made, reading, after, host)
    if problems:
        raise NotProven(problems)
    manifest = _describe(plan, made, reading, after, host, work)
    record = _read_engine_record(plan, made.log_path, host)
    host.session.note_phase("publishing")
    host.archives.publish(made.path, plan.path, manifest)
    return BackupResult(True, describe_archive(manifest, plan.path), made.cmd, [], record, made.attempts)


def _add_evidence(error: BackupError, made: MadeArchive, host: "BackupHost") -> None:
    """Complete the facts of an error after the tool ended: what it was, what it logged."""
    facts = _failure(made.cmd, made.log_path, host.tool.read_log(made.log_path), 0)
    facts.update(error.facts)
    error.facts.update(facts, phase=error.facts.get("phase", "proving"))


def _command(plan: BackupPlan, path: str, log_path: str, tmpdir: str) -> List[str]:
    return backup_command(
        plan.installation.tool, plan.expected.scopes, plan.expected.kinds, plan.request.profile, path, log_path, tmpdir
    )


def _run_tool(plan: BackupPlan, host: "BackupHost", stage: str, work: str) -> MadeArchive:
    """Run engine-backup, again where a file changed under tar; return what it made."""
    deadline = host.clock.monotonic() + plan.request.timeout
    path = posixpath.join(work if PROFILES[plan.request.profile].packs else stage, "archive")
    for attempt in range(1, ATTEMPTS + 1):
        log_path = plan.log_path if attempt == 1 else "%s.attempt%d" % (plan.log_path, attempt)
        argv = _command(plan, path, log_path, work)
        host.session.note_phase("engine-backup, attempt %d" % attempt)
        result = host.tool.run_tool(argv, max(1.0, deadline - host.clock.monotonic()), posixpath.join(work, "tool"))
        log = host.tool.read_log(log_path)
        if result.returncode is None:
            text = "engine-backup was ended: it took longer than the timeout of %d seconds%s" % (
                plan.request.timeout,
                evidence(log, result.stderr),
            )
            raise CommandError(text, "tool_timeout", **_failure(argv, log_path, log, None))
        outcome = check_run(result.returncode, result.stdout, result.stderr, log)
        if outcome.code == "files_changed" and attempt < ATTEMPTS:
            host.clock.sleep(RETRY_PAUSE)
            continue
        if outcome.code:
            raise CommandError(outcome.message, outcome.code, **_failure(argv, log_path, log, result.returncode))
        break
    return MadeArchive(path, log_path, result.stdout, argv, attempt, max(1.0, deadline - host.clock.monotonic()))


def _pack(plan: BackupPlan, made: MadeArchive, stage: str, host: "BackupHost") -> MadeArchive:
    """Compress what the tool made, where the profile asks for it."""
    if not PROFILES[plan.request.profile].packs:
        return made
    host.session.note_phase("packing")
    path = posixpath.join(stage, "archive")
    host.tool.pack(made.path, path, made.time_left)
    return made._replace(path=path)


def _failure(argv: List[str], log_path: str, log: str, returncode: Optional[int]) -> Dict[str, Any]:
    return {
        "phase": "engine-backup",
        "rc": returncode,
        "log_path": log_path,
        "last_lines": last_lines(log),
        "cmd": argv,
    }


def _count_again(kind: str, plan: BackupPlan, host: "BackupHost") -> TableCounts:
    if kind == "grafana":
        return host.databases.count_sqlite(plan.installation.grafana_file)
    return host.databases.count_after(plan.installation.settings[kind])


def _prove(
    plan: BackupPlan, made: MadeArchive, reading: ArchiveReading, after: Dict[str, TableCounts], host: "BackupHost"
) -> List[Problem]:
    """Return everything that keeps this archive from being a proven backup."""
    expected = {kind: item.name for kind, item in plan.databases.items()}
    problems = missing_lines(made.stdout, expected, "files" in plan.expected.scopes)
    problems += check_archive(reading, "full", plan.expected.scopes)
    for kind, item in sorted(plan.databases.items()):
        dump = reading.dumps.get(kind)
        if dump is not None and dump.tables is not None:
            after[kind] = _settle(kind, item.before, dump.tables, after[kind], plan, host)
            problems += compare_rows(kind, item.before, dump.tables, after[kind])
            if kind != "grafana":
                problems += compare_schemas(kind, item.before, list(dump.schemas), after[kind])
    return problems


def check_freshness(reading: ArchiveReading, began: float) -> List[Problem]:
    """Return whether the tool left an old archive; both times are of the file system that the tool worked on."""
    if not reading.members or created_of(reading) >= began - CLOCK_SLACK:
        return []
    text = "the archive was made %s, before this run began at %s: the tool left an old one"
    return [Problem("archive_stale", text % (to_iso(created_of(reading)), to_iso(began)))]


def _settle(
    kind: str, before: TableCounts, dumped: Dict[str, int], after: TableCounts, plan: BackupPlan, host: "BackupHost"
) -> TableCounts:
    """Wait for late statistics while they may still explain a mismatch: a busy engine never fails a good backup.

    The rows stay those of the first count. Counted anew, a table that stays busy would run away from its statistics.
    """
    deadline = host.clock.monotonic() + SETTLE_SECONDS
    while kind != "grafana" and unsettled_tables(before, dumped, after) and host.clock.monotonic() < deadline:
        host.clock.sleep(SETTLE_PAUSE)
        after = with_later_statistics(after, host.databases.read_statistics(plan.installation.settings[kind]))
    return after


def _describe(
    plan: BackupPlan,
    made: MadeArchive,
    reading: ArchiveReading,
    after: Dict[str, TableCounts],
    host: "BackupHost",
    work: str,
) -> Dict[str, Any]:
    planned = describe_plan(plan)
    databases = planned["databases"]
    for kind, item in databases.items():
        dump = reading.dumps[kind]
        item.update(format=dump.format, compressor=dump.compressor, size=dump.size, tables=dump.tables)
        item["rows"] = sum((dump.tables or {}).values())
        item["live_rows"] = sum(state.rows for state in after[kind].tables.values())
    texts = reading.files.certificates if reading.files is not None else {}
    planned.update(
        name=posixpath.basename(plan.path),
        size=reading.size,
        sha256=reading.sha256,
        version=version_of(reading),
        os_version=os_version_of(reading),
        scopes=scopes_of(reading),
        log_path=made.log_path,
        dumps=describe_dumps(reading),
        hosted_engine=hosted_engine_of(reading),
        certificates=host.archives.read_certificates(texts, work),
    )
    return build_manifest(planned)


def _read_engine_record(plan: BackupPlan, log_path: str, host: "BackupHost") -> Optional[Dict[str, Any]]:
    """Return what the engine believes of this backup, and which scopes it believes in without reason.

    An engine that can not be asked does not make a proven archive worse; then there is no record to show.
    """
    if plan.installation.notified is None:
        return None
    try:
        rows = host.databases.read_records(plan.installation.notified, log_path)
    except BackupError as error:
        return {"scopes": [], "not_in_archive": [], "problem": error.message}
    names = {kind.record: kind.scope for kind in KINDS}
    names[FILES_RECORD] = "files"
    passed = [names.get(scope, scope) for scope, is_passed, _message in rows if is_passed]
    return {
        "scopes": passed,
        "not_in_archive": [scope for scope in passed if scope not in plan.expected.scopes],
        "problem": "" if passed else "the engine has no record of this backup",
    }
