# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""--mode=restore: unpack, files, provisioning, checks, databases, configuration; in that order, whatever fails."""

from __future__ import annotations

import os
import time
from pathlib import Path

from . import credentials, load
from .files import restore_files
from .kinds import ENGINE, GRAFANA_MEMBER, Kind
from .options import die
from .provision import provision_databases, wants_automatic_provisioning
from .run import Run
from .verify import unpack

NOTE = """------------------------------------------------------------------------------
Please note:

The engine database was backed up at {} .

Objects that were added, removed or changed after this date, such as virtual
machines, disks, etc., are missing in the engine, and will probably require
recovery or recreation.
------------------------------------------------------------------------------"""
NO_FLAG = (
    "Please pass one of --restore-permissions or --no-restore-permissions "
    "when restoring a backup with a custom dump format"
)


def restore(run: Run) -> None:
    """The whole of it."""
    run.output("Preparing to restore:")
    _refuse_live_engine(run)
    _announce_credentials(run)
    unpack(run)
    _log_scopes(run)
    _mark_provisioned(run)
    run.output("Restoring:")
    if "files" in run.options.selected:
        run.output("- Files")
        run.step("restore-files")
        run.log("Restoring files")
        restore_files(run)
    run.log("Reloading configuration")
    run.load_configuration()
    run.generate_pgpass()
    if wants_automatic_provisioning(run):
        _provision_everything(run)
    _check_permissions_flag(run)
    if run.options.provisioning:
        run.step("provision")
        provision_databases(run)
        run.output("Restoring:")
    for kind in _changed(run):
        credentials.apply(run, kind)
    _load_databases(run)
    run.step("rewrite")
    credentials.rewrite_configuration(run)
    run.run_hooks("dorestore")
    run.output("You should now run engine-setup.")


def _refuse_live_engine(run: Run) -> None:
    mark = Path(run.conf.get("ENGINE_UP_MARK", "") or "/nonexistent")
    if os.access(mark, os.R_OK):
        pid = mark.read_text(encoding="utf-8").strip()
        process = run.start(["ps", pid], stdout=-1)
        if b"ovirt-engine.py" in process.communicate()[0]:
            run.fatal("Engine service is active - can not restore backup")


def _changed(run: Run) -> list[Kind]:
    return [kind for kind in run.variant.restore if run.options.databases[kind.name].change]


def _announce_credentials(run: Run) -> None:
    for kind in _changed(run):
        database = run.options.databases[kind.name].database
        run.output("- Setting credentials for {} database '{}'".format(kind.credentials_title, database))
        credentials.apply(run, kind)
        run.generate_pgpass()
        load.verify_connection(run, kind)


def _log_scopes(run: Run) -> None:
    run.log("Scope after checking backup content:")
    names = [("SCOPE_FILES", "files"), *((kind.scope_variable, kind.scope) for kind in run.variant.restore)]
    for name, scope in [*names, ("SCOPE_GRAFANA_DB", "grafanadb")]:
        run.log("{}:{}".format(name, "1" if scope in run.options.selected else ""))
    if {"cinderlibdb", "managedblockdb"} <= run.options.selected:
        run.output("Warning: both Cinderlib and Managed Block dumps found in the backup file")


def _mark_provisioned(run: Run) -> None:
    for kind in run.variant.restore:
        if run.options.provision_all and kind.scope in run.options.selected:
            run.options.databases[kind.name].provision = True


def _provision_everything(run: Run) -> None:
    run.options.provisioning = run.options.provision_all = True
    for database in run.options.databases.values():
        database.provision = True
    if run.options.restore_permissions is None:
        run.options.restore_permissions = True


def _check_permissions_flag(run: Run) -> None:
    formats = [database.format for database in run.options.databases.values()]
    if run.options.restore_permissions is None and "custom" in formats:
        die(NO_FLAG)


def _load_databases(run: Run) -> None:
    run.log("Generating pgpass")
    run.generate_pgpass()
    run.log("Verifying connection")
    run.step("check")
    kinds = [k for k in run.variant.restore if k.scope in run.options.selected and run.conf.get(k.conf + "_USER")]
    for kind in kinds:
        load.verify_connection(run, kind)
    for kind in kinds:
        run.output("- {} database '{}'".format(kind.restore_title, run.conf.get(kind.conf + "_DATABASE", "")))
        run.step(kind.name)
        path = run.folder / "db" / kind.member
        run.log("Restoring {} backup at {}".format(kind.restore_log, path))
        load.load_dump(run, kind, path)
        run.step("loaded-" + kind.name)
        if kind is ENGINE:
            _finish_engine(run, path)
    if "grafanadb" in run.options.selected:
        _restore_grafana(run)


def _finish_engine(run: Run, path: Path) -> None:
    if not run.options.keep_temporary_data:
        load.clean_engine_database(run)
    made = path.stat().st_mtime_ns
    moment = time.localtime(made // 10**9)
    stamp = "{}.{:09d} {}".format(time.strftime("%Y-%m-%d %H:%M:%S", moment), made % 10**9, time.strftime("%z", moment))
    run.say(NOTE.format(stamp))
    if run.options.he_remove_storage_vm:
        run.output("  - Removing the hosted-engine storage domain, all its entities and the hosted-engine VM.")
        _clean_hosted_engine(run, "R")
    if run.options.he_remove_hosts:
        run.output("  - Removing all the hosted-engine hosts.")
        _clean_hosted_engine(run, "M")


def _clean_hosted_engine(run: Run, letter: str) -> None:
    cleaner = run.prefix / "share/ovirt-engine/setup/dbutils/hecleaner.sh"
    target = run.connection(ENGINE.conf)
    os.environ["DBFUNC_DB_PGPASSFILE"] = run.pgpass
    words = ["-l", run.options.log, "-u", target.user, "-s", target.host, "-p", target.port, "-d", target.database]
    if run.call(str(cleaner), *words, "-v", "-q", "-" + letter) != 0:
        run.fatal("Failed cleaning hosted-engine")


def _restore_grafana(run: Run) -> None:
    target = run.prefix / "var/lib/grafana/grafana.db"
    run.output("- Grafana database '{}'".format(target))
    run.step("grafana")
    if not target.parent.is_dir():
        target.parent.mkdir(parents=True)
        target.parent.chmod(0o750)
        if run.call("chown", "grafana:grafana", str(target.parent)) != 0:
            run.output("Warning: grafana:grafana user or group missing")
    if run.call("cp", "-a", str(run.folder / "db" / GRAFANA_MEMBER), str(target)) != 0:
        run.fatal("cp failed")
    if run.start(["restorecon", str(target)]).wait() != 0:
        run.log("Restoring selinux context failed")
