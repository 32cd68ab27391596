# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""--mode=backup: notify, files, databases, hashes, archive, notify."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from . import children
from .kinds import GRAFANA_KEY, GRAFANA_MEMBER, Kind
from .run import Run

PATHS = (
    "etc/ovirt-engine",
    "etc/ovirt-engine-dwh",
    "etc/ovirt-provider-ovn/conf.d",
    "etc/ovirt-provider-ovn/logger.conf",
    "etc/ovirt-vmconsole",
    "etc/pki/ovirt-engine",
    "etc/pki/ovirt-vmconsole",
    "etc/ovirt-engine-setup.conf.d",
    "etc/httpd/conf.d/internalsso-openidc.conf",
    "etc/httpd/conf.d/ovirt-engine-grafana-proxy.conf",
    "etc/httpd/conf.d/ovirt-engine-root-redirect.conf",
    "etc/httpd/conf.d/ssl.conf",
    "etc/httpd/conf.d/z-ovirt-engine-proxy.conf",
    "etc/httpd/conf.d/z-ovirt-engine-keycloak-proxy.conf",
    "etc/httpd/http.keytab",
    "etc/httpd/conf.d/ovirt-sso.conf",
    "etc/yum/pluginconf.d/versionlock.list",
    "etc/dnf/plugins/versionlock.list",
    "etc/firewalld/services/ovirt-https.xml",
    "etc/firewalld/services/ovirt-http.xml",
    "etc/firewalld/services/ovirt-postgres.xml",
    "etc/firewalld/services/ovirt-provider-ovn.xml",
    "etc/firewalld/services/ovn-central-firewall-service.xml",
    "var/lib/openvswitch",
    "etc/grafana",
)
STATE_NOT_SAVED = ("backups", "jboss_runtime", "ansible-runner-service.log", "ansible-runner", ".ansible")


def backup_paths(prefix: Path) -> list[Path]:
    """Every path the tool asks for, there or not."""
    state, grafana = prefix / "var/lib/ovirt-engine", prefix / "var/lib/grafana"
    found = [prefix / path for path in PATHS]
    for root, left_out in ((state, STATE_NOT_SAVED), (grafana, ("grafana.db",))):
        names = sorted(path.name for path in root.glob("*") if not path.name.startswith("."))
        found += [root / name for name in names or ["*"] if name not in left_out]
    return found


def backup(run: Run) -> None:
    """The whole of it."""
    run.output("Backing up:")
    run.log("Generating pgpass")
    run.generate_pgpass()
    _notify(run, 0, "Backup Started", "notify-start")
    root = run.folder / "tar"
    run.log("Creating temp folder {}".format(root))
    _make_directory(run, root)
    _make_directory(run, root / "db")
    if "files" in run.options.selected:
        _backup_files(run, root / "files")
    for kind in run.variant.backup:
        user = run.conf.get(kind.conf + "_USER")
        if _wants(run, kind.key, kind.name) and kind.scope in run.options.selected and user:
            _backup_database(run, kind, root / "db" / kind.member)
    if _wants(run, GRAFANA_KEY, "grafana") and "grafanadb" in run.options.selected:
        _backup_grafana(run, root / "db" / GRAFANA_MEMBER)
    _write_members(run, root)
    _pack(run, root)
    _notify(run, 1, "Backup Finished", "notify-end")


def _notify(run: Run, status: int, text: str, step: str) -> None:
    run.step(step)
    if run.conf.get("ENGINE_DB_USER"):
        run.notify(status, text)


def _make_directory(run: Run, path: Path) -> None:
    try:
        path.mkdir()
    except OSError:
        run.fatal("Cannot create '{}'".format(path))


def _wants(run: Run, key: str, name: str) -> bool:
    # The question is put even where the scope does not ask for the database.
    return run.is_enabled(key) and not run.sabotage.strikes("skip-database", name)


def _backup_files(run: Run, target: Path) -> None:
    run.output("- Files")
    run.step("files")
    run.log("Backing up files to {}".format(target))
    paths = backup_paths(run.prefix)
    names = "".join("{}\n".format(path.relative_to(run.prefix)) for path in paths if os.path.exists(path))
    words = ["tar", "-C", str(run.prefix) + "/", "--files-from", "-", "-cpS" + run.options.files_compressor]
    with open(run.options.log, "ab") as errors, run.sabotage.changing_file(run.prefix):
        status = children.tar(run, "files", words, target, errors, os.fsencode(names))
    if status != 0:
        run.fatal("Failed backing up {}".format("\n".join(map(str, paths))))


def _backup_database(run: Run, kind: Kind, target: Path) -> None:
    name = run.conf.get(kind.conf + "_DATABASE", "")
    run.output("- {} database '{}'".format(kind.backup_title, name))
    run.step(kind.name)
    run.log("Backing up {} to {}".format(kind.backup_log, target))
    complaints = run.folder / "pgdump.log"
    with open(complaints, "wb") as errors:
        status = children.dump(run, kind, target, errors)
        errors.write(run.sabotage.dump_warning(name).encode())
    compressor = run.options.databases[kind.name].compressor
    failed = "Database {} backup failed".format(name)
    if complaints.stat().st_size:
        run.append_to_log(complaints.read_bytes())
        status = status or 1
    elif status and compressor:
        failed = "{} failed compressing the backup of database {}".format(compressor, name)
    if status:
        run.fatal(failed)
    run.sabotage.spoil_dump(kind.name, target)


def _backup_grafana(run: Run, target: Path) -> None:
    source = run.prefix / "var/lib/grafana/grafana.db"
    run.output("- Grafana database '{}'".format(source))
    run.step("grafana")
    run.log("Backing up grafana database to {}".format(target))
    with open(run.options.log, "ab") as errors:
        process = run.start(["sqlite3", str(source)], stdin=subprocess.PIPE, stderr=errors)
        process.communicate(".timeout 10000\n.backup {}\n".format(target).encode())
    if process.returncode != 0:
        run.fatal("failed to backup {} with sqlite3".format(source))
    for program in ("chown", "chmod"):
        if run.call(program, "--reference={}".format(source), str(target)) != 0:
            run.fatal("{} failed".format(program))
    run.sabotage.spoil_dump("grafana", target)


def _write_members(run: Run, root: Path) -> None:
    (root / "version").write_text(run.version + "\n", encoding="utf-8")
    (root / "os_version").write_text(os_version() + "\n", encoding="utf-8")
    run.run_hooks("dobackup", tardir=str(root))
    lines = []
    for kind in run.variant.config:
        database = run.options.databases[kind.name]
        lines += [
            "{}_DUMP_COMPRESSOR={}\n".format(kind.dump, database.compressor),
            "{}_DUMP_FORMAT={}\n".format(kind.dump, database.format),
        ]
    (root / "config").write_text("".join(lines), encoding="utf-8")
    run.sabotage.plant(root / "config")
    run.step("hash")
    run.log("Creating sha256sum at {}".format(root / "sha256sum"))
    _write_hashes(run, root)


def _write_hashes(run: Run, root: Path) -> None:
    hashes = root / "sha256sum"
    # In the order of the directory, as the tool's find gives it.
    found = run.start(["find", str(root), "-type", "f", "-printf", "%P\\n"], stdout=subprocess.PIPE).communicate()[0]
    names = os.fsdecode(found).splitlines()
    with open(hashes, "wb") as stream:
        for name in names:
            if run.start(["sha256sum", name], stdout=stream, cwd=root).wait() != 0:
                run.fatal("Cannot create checksum for '{}'".format(name))


def _pack(run: Run, root: Path) -> None:
    target = Path(run.options.file)
    run.output("Packing into file '{}'".format(target))
    run.step("pack")
    run.log("Creating tarball {}".format(target))
    if run.sabotage.replaces_archive(target):
        return
    report = run.folder / "createtar.log"
    words = ["tar", "-C", str(root), "-cpS" + run.options.archive_compressor]
    with open(report, "wb") as errors:
        status = children.tar(run, "pack", [*words, "."], target, errors)
    if status != 0:
        run.append_to_log(report.read_bytes())
        run.say(report.read_text(encoding="utf-8", errors="surrogateescape").rstrip("\n"))
        run.fatal("Cannot create '{}'".format(target))


def os_version() -> str:
    """Distribution and major version, as one word."""
    words = {}
    with open("/etc/os-release", encoding="utf-8") as stream:
        for line in stream:
            name, _separator, value = line.strip().partition("=")
            words[name] = value.strip('"')
    return words.get("ID", "linux") + words.get("VERSION_ID", "").split(".")[0]
