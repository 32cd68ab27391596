# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore the engine and prove it: refuse first, run the tool, mend what it breaks, read back, compare.

This file is private to the collection.
"""

import posixpath
from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..._common.errors import BackupError, CommandError, NotProven, Problem, Refused
from ..backup.output import evidence, last_lines
from .commands import password_files, restore_command
from .model import Restored, RestoreRequest, RestoreTarget, is_restored_as_it_was, rewritten_files
from .output import cascaded_tables, check_load, check_restore, missing_restore_lines, provisioning_twins
from .plan import RestorePlan, describe_plan, insisted_files, plan_restore
from .proof import check_marks, compare_restored, comparison_of, sum_rows

if TYPE_CHECKING:
    from ..protocols import RestoreHost

OUTCOME = "engine-backup ended well, but what it restored is not what the archive holds. Do not start this engine"
RUN_NAME = "restore"
HARMLESS_WHEN_DONE = frozenset(
    (  # what forbids a restore, and says nothing against one that is there already
        "target_not_empty",
        "database_lacks_extension",
        "log_exists",
        "space_tmpdir",
        "space_data",
    )
)


class RestoreResult(NamedTuple):
    """What a restore did."""

    changed: bool
    restore: Dict[str, Any]
    cmd: List[str]
    cleaned_up: List[str]  # what a killed run had left behind
    repaired: List[str]  # configuration files whose lost lines were put back


def preview_restore(request: RestoreRequest, host: "RestoreHost") -> RestoreResult:
    """Return what make_restore would do; raise Refused with everything that would make it fail. Writes nothing."""
    directory = host.engine.lock_directory(request.prefix)
    plan = plan_restore(request, host)
    if host.session.is_locked(directory):
        plan.problems.append(Problem("locked", "another run holds the directory %s" % directory))
    done = find_restored(plan, host)
    if done is not None:
        broken = host.config.find_broken(request.prefix, originals_of(plan, host), changed_targets(plan))
        return RestoreResult(bool(plan.leftovers or broken), done, [], plan.leftovers, broken)
    if plan.problems:
        raise Refused(plan.problems, phase="plan")
    return RestoreResult(
        True, dict(describe_plan(plan), already=False), command_of(plan, plan.tmpdir), plan.leftovers, []
    )


def make_restore(request: RestoreRequest, host: "RestoreHost") -> RestoreResult:
    """Restore, or find that everything is already as the archive holds it."""
    directory = host.engine.lock_directory(request.prefix)
    problems = host.files.check_directory(directory, "directory", "directory for locks and state", sticky_is_safe=True)
    if problems:
        raise Refused(problems, phase="plan")
    host.session.lock(directory)
    try:
        cleaned_up = host.session.remove_leftovers(directory)
        plan = plan_restore(request, host)
        done = find_restored(plan, host)
        if done is not None:  # a run that was killed just before may have left broken configuration
            repaired = host.config.repair_config_files(request.prefix, originals_of(plan, host), changed_targets(plan))
            return RestoreResult(bool(cleaned_up or repaired), done, [], cleaned_up, repaired)
        if plan.problems:
            raise Refused(plan.problems, phase="plan")
        return restore_planned(plan, directory, host)._replace(cleaned_up=cleaned_up)
    finally:
        host.session.unlock()


def command_of(plan: RestorePlan, work: str) -> List[str]:
    """Return the command of the tool."""
    targets = [plan.targets[kind] for kind in plan.targets]
    return restore_command(
        plan.installation.tool, plan.request, plan.scopes, targets, plan.permissions.are_restored, plan.log_path, work
    )


def changed_targets(plan: RestorePlan) -> List[RestoreTarget]:
    """Return the databases with other credentials than those of the configuration."""
    return [plan.targets[kind] for kind in plan.targets if plan.targets[kind].is_changed]


def originals_of(plan: RestorePlan, host: "RestoreHost") -> Dict[str, Any]:
    """Return each configuration file that the tool rewrites as it is meant to be, but for its credentials."""
    return host.config.read_originals(plan.request.prefix, insisted_files(plan), plan.scopes, plan.reading)


def find_restored(plan: RestorePlan, host: "RestoreHost") -> Optional[Dict[str, Any]]:
    """Return the result where the host already holds exactly what the archive does, None where it does not."""
    if [problem for problem in plan.problems if problem.code not in HARMLESS_WHEN_DONE]:
        return None
    if any(look.fitness is None or not look.fitness.tables for look in plan.looks.values()):
        return None
    try:
        if check_marks_of(plan, host):  # what takes long, to count every row, comes last
            return None
        restored = read_restored(plan, (), host)
    except BackupError:
        return None
    if compare_everything(plan, restored, host):
        return None
    return dict(describe_plan(plan), **describe_restored(plan, restored), already=True, log_path="")


def check_marks_of(plan: RestorePlan, host: "RestoreHost") -> List[Problem]:
    """Return why the engine database, where one is to be restored, is not the one of this backup."""
    if "engine" not in plan.targets:
        return []
    marks = host.databases.read_marks(plan.targets["engine"].settings, plan.backup_log_path)
    return check_marks(marks, plan.backup_log_path, plan.request.keep_temporary_data)


def restore_planned(plan: RestorePlan, directory: str, host: "RestoreHost") -> RestoreResult:
    """Run the tool in work directories of its own and prove what it did; whatever happens, they are removed."""
    try:
        _stage, work = host.session.begin(posixpath.join(directory, RUN_NAME), plan.tmpdir, plan.log_path)
        return restore_in(work, plan, host)
    finally:
        host.session.finish()


def restore_in(work: str, plan: RestorePlan, host: "RestoreHost") -> RestoreResult:
    """Run the tool and prove what it did; whatever happens, no placeholder stays."""
    placeholders: List[str] = []
    originals: Dict[str, Any] = {}
    cmd = command_of(plan, work)
    try:
        changed = changed_targets(plan)
        originals = originals_of(plan, host)
        placeholders = host.config.make_placeholders(plan.request.prefix, insisted_files(plan))
        host.config.write_secrets(password_files(changed, work))
        stdout, log = run_tool(plan, cmd, work, host)
        if {"files", "grafanadb"} & set(plan.scopes):  # of another moment than the restored file; before it is read
            host.config.remove_side_files(plan.grafana_file)
        repaired = host.config.repair_config_files(plan.request.prefix, originals, changed)
        return prove(plan, cmd, stdout, log, host)._replace(repaired=repaired)
    except BackupError as error:
        complete_failure(error, plan, cmd, host)
        raise
    finally:
        host.config.remove_placeholders(plan.request.prefix, placeholders, originals)


def run_tool(plan: RestorePlan, cmd: List[str], work: str, host: "RestoreHost") -> Tuple[str, str]:
    """Run engine-backup; return what it printed and logged, or raise CommandError."""
    host.session.note_phase("engine-backup")
    with host.archives.same_times(plan.request.path):
        result = host.tool.run_tool(cmd, plan.request.timeout, posixpath.join(work, "tool"))
    log = host.tool.read_log(plan.log_path)
    if result.returncode is None:
        text = "engine-backup was ended: it took longer than the timeout of %d seconds%s" % (
            plan.request.timeout,
            evidence(log, result.stderr),
        )
        raise CommandError(text, "tool_timeout", phase="engine-backup", rc=None)
    outcome = check_restore(result.returncode, result.stdout, result.stderr, log)
    if outcome.code:
        twins = provisioning_twins(result.stderr + log) if outcome.code == "provision_leftovers" else []
        hint = "; it made %s: remove them and what they stand for, then run again" % ", ".join(twins) if twins else ""
        raise CommandError(outcome.message + hint, outcome.code, phase="engine-backup", rc=result.returncode)
    return result.stdout, log


def prove(plan: RestorePlan, cmd: List[str], stdout: str, log: str, host: "RestoreHost") -> RestoreResult:
    """Hold what is there now against the archive; raise NotProven with every difference."""
    host.session.note_phase("proving")
    planned = describe_plan(plan)
    names = {kind: item["name"] for kind, item in planned["databases"].items()}
    problems = missing_restore_lines(stdout, names, "files" in plan.scopes) + check_load(log)
    restored = read_restored(plan, cascaded_tables(log), host)
    problems += compare_everything(plan, restored, host)
    if problems:
        raise NotProven(problems, OUTCOME, phase="proving")
    return RestoreResult(True, dict(planned, **describe_restored(plan, restored), already=False), cmd, [], [])


def read_restored(plan: RestorePlan, cascaded: Sequence[str], host: "RestoreHost") -> Restored:
    """Read the rows and marks of the databases."""
    rows: Dict[str, Dict[str, int]] = {}
    for kind in describe_plan(plan)["databases"]:
        if kind == "grafana":
            counted = host.databases.count_sqlite(plan.grafana_file)
            rows[kind] = {name: state.rows for name, state in counted.tables.items()}
        else:
            rows[kind] = host.databases.count_rows(plan.targets[kind].settings)
    marks = (
        host.databases.read_marks(plan.targets["engine"].settings, plan.backup_log_path)
        if "engine" in plan.targets
        else None
    )
    return Restored(rows, marks, tuple(cascaded))


def compare_everything(plan: RestorePlan, restored: Restored, host: "RestoreHost") -> List[Problem]:
    """Return each difference between the archive and what the host holds."""
    request = plan.request
    removes = request.remove_storage_vm or request.remove_hosts
    problems: List[Problem] = []
    for kind, rows in sorted(restored.rows.items()):
        rule = comparison_of(kind, request.keep_temporary_data, removes, restored.emptied)
        problems += compare_restored(rule, plan.reading.dumps[kind].tables or {}, rows)
    if restored.marks is not None:
        problems += check_marks(restored.marks, plan.backup_log_path, request.keep_temporary_data)
    if "files" in plan.scopes and plan.reading.files is not None:
        changed = frozenset(kind for kind, target in plan.targets.items() if target.is_changed)
        rewritten = rewritten_files(changed) if changed else frozenset()
        entries = {
            path: entry
            for path, entry in plan.reading.files.entries.items()
            if is_restored_as_it_was(path, plan.os_differs, rewritten)
        }
        problems += host.config.compare_files(request.prefix, entries)
    return problems


def describe_restored(plan: RestorePlan, restored: Restored) -> Dict[str, Any]:
    """Return what was read back of each database."""
    databases = describe_plan(plan)["databases"]
    for kind, rows in restored.rows.items():
        emptied = comparison_of(kind, plan.request.keep_temporary_data, False, restored.emptied).emptied
        archived = plan.reading.dumps[kind].tables or {}
        databases[kind].update(
            tables=len(rows), rows=sum_rows(rows), emptied=sorted(name for name in emptied if archived.get(name))
        )
    return {"databases": databases}


def complete_failure(error: BackupError, plan: RestorePlan, cmd: List[str], host: "RestoreHost") -> None:
    """Add what a person needs at three in the morning: the log, and what now stands where."""
    facts: Dict[str, Any] = {
        "phase": "proving",
        "log_path": plan.log_path,
        "last_lines": last_lines(host.tool.read_log(plan.log_path)),
        "cmd": cmd,
        "standing": {kind: describe_database_now(kind, plan, host) for kind in sorted(plan.targets)},
    }
    facts.update(error.facts)
    error.facts.update(facts)


def describe_database_now(kind: str, plan: RestorePlan, host: "RestoreHost") -> str:
    """Return in words what a database holds now."""
    settings = plan.targets[kind].settings
    where = "%s on %s:%d" % (settings.database, settings.host, settings.port)
    try:
        rows = host.databases.count_rows(settings)
    except BackupError as error:
        return "%s: %s" % (where, error.message)
    archived = sum_rows(plan.reading.dumps[kind].tables or {})
    return "%s: %d tables, %d rows (the archive holds %d rows)" % (where, len(rows), sum_rows(rows), archived)
