# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restoring the files, and the check of key stores that follows."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from .backup import backup_paths, os_version
from .run import Run

NEVER_RESTORED = (
    "etc/ovirt-engine/engine-config/engine-config.properties",
    "etc/ovirt-engine-setup.conf.d/*packaging*",
    "etc/pki/ovirt-engine/cacert.template.in",
    "etc/pki/ovirt-engine/cert.template.in",
    "etc/pki/ovirt-engine/openssl.conf",
    "etc/ovirt-engine/engine.conf.d/20-branding-rhv.conf",
    "etc/ovirt-engine/branding/50-rhv-2.brand",
    "ovirt-engine/engine.conf.d/10-scl-postgres.conf",
    "ovirt-engine-dwh/ovirt-engine-dwhd.conf.d/10-scl-postgres.conf",
)
APACHE_FILES = ("etc/httpd/conf.d/ssl.conf", "etc/httpd/conf.d/ovirt-engine-root-redirect.conf")
STATE = "etc/ovirt-engine-setup.conf.d/20-setup-ovirt-post.conf"
APACHE_CONFIGURED = "OVESETUP_APACHE/configured=bool:True"
OTHER_SYSTEM = """------------------------------------------------------------------------------
Please note:

Operating system is different from the one used during backup.
Current operating system: {}
Operating system at backup: {}

Apache httpd configuration will not be restored.
You will be asked about it on the next engine-setup run.
------------------------------------------------------------------------------"""
CONSTANTS = {
    "config": "oenginecons.FileLocations.OVIRT_ENGINE_SERVICE_CONFIG_PKI",
    "password": "oenginecons.Const.PKI_PASSWORD",
    "keys": "oenginecons.FileLocations.OVIRT_ENGINE_PKIKEYSDIR",
}


def restore_files(run: Run) -> None:
    """Extract over the installation; nothing is deleted."""
    archive, apart = run.folder / "files", run.folder / "files.d"
    apart.mkdir(exist_ok=True)
    if run.call("tar", "-C", str(apart), "-pSsx", "-f", str(archive)) != 0:
        run.fatal("Failed extracting {}".format(archive))
    left_out = list(NEVER_RESTORED)
    moved = _comes_from_other_system(run, apart)
    if moved:
        run.say(OTHER_SYSTEM.format(os_version(), moved))
        left_out += APACHE_FILES
    excluded = run.folder / "excluded_files"
    excluded.write_text("".join(line + "\n" for line in left_out), encoding="utf-8")
    words = ["-C", str(run.prefix) + "/", "-pSsx", "--exclude-from", str(excluded), "-f", str(archive)]
    if run.call("tar", *words) != 0:
        run.fatal("Failed restoring {}".format("\n".join(map(str, backup_paths(run.prefix)))))
    if moved:
        state = run.prefix / STATE
        lines = state.read_text(encoding="utf-8").splitlines(keepends=True)
        state.write_text("".join(line for line in lines if line.rstrip("\n") != APACHE_CONFIGURED), encoding="utf-8")
    check_key_stores(run)
    _relabel(run)


def _comes_from_other_system(run: Run, apart: Path) -> str:
    member = run.folder / "os_version"
    made_on = member.read_text(encoding="utf-8").strip() if member.exists() and member.stat().st_size else "Unknown"
    state = apart / STATE
    configured = state.exists() and APACHE_CONFIGURED in state.read_text(encoding="utf-8").splitlines()
    return made_on if made_on != os_version() and configured else ""


def _relabel(run: Run) -> None:
    if shutil.which("selinuxenabled") is None:
        run.complain("selinuxenabled: command not found")
    elif run.start(["selinuxenabled"]).wait() == 0:
        for path in backup_paths(run.prefix):
            if os.path.exists(path) and run.start(["restorecon", "-R", str(path)]).wait() != 0:
                run.fatal("Failed setting selinux contexts")


def check_key_stores(run: Run) -> None:
    """Look for key stores that this OpenSSL reads only in legacy mode."""
    run.output("Checking certificates for legacy encryption:")
    found = {name: _constant(run, expression) for name, expression in CONSTANTS.items()}
    if not found["keys"] or not found["password"]:
        run.output("  - Warning: Could not determine PKI configuration, skipping certificate check")
        run.log("PKI config file: '{config}', password: '{password}', keys dir: '{keys}'".format(**found))
        return
    run.output("  - Scanning {}".format(found["keys"]))
    stores = sorted(Path(found["keys"]).glob("*.p12"))
    changed = sum(_modernise(run, store, found["password"]) for store in stores)
    if changed:
        run.output("  - Check complete (re-encrypted {} certificate(s))".format(changed))
    else:
        run.output("  - Check complete (no legacy certificates found)")


def _modernise(run: Run, store: Path, password: str) -> bool:
    """Re-encrypt one key store where that is needed and possible."""
    if _can_read(run, store, password):
        return False
    run.log("Cannot read {} with standard openssl, trying with -legacy".format(store))
    if not _can_read(run, store, password, "-legacy"):
        run.log("Cannot read {} even with -legacy flag".format(store))
        run.output("    - Warning: Cannot read {} (may be corrupt or use wrong password)".format(store.name))
        return False
    run.log("Found legacy encryption in {}, re-encrypting.".format(store))
    copy, content = Path("{}.backup.{}".format(store, time.strftime("%Y%m%d%H%M%S"))), run.folder / "store.pem"
    store.rename(copy)
    secret = "pass:" + password
    opening = ("-in", str(copy), "-passin", secret, "-legacy", "-nodes", "-out", str(content))
    opened = run.call("openssl", "pkcs12", *opening)
    if opened or run.call("openssl", "pkcs12", "-export", "-in", str(content), "-passout", secret, "-out", str(store)):
        run.output("  - Warning: Failed to re-encrypt {0}; restoring {0} from backup".format(store.name))
        copy.rename(store)
        return False
    for program in ("chown", "chmod"):
        run.call(program, "--reference={}".format(copy), str(store))
    run.output("  - Successfully re-encrypted {} (backup: {})".format(store.name, copy.name))
    return True


def _can_read(run: Run, store: Path, password: str, *extra: str) -> bool:
    words = ["openssl", "pkcs12", "-info", "-in", str(store), "-passin", "pass:" + password, *extra, "-noout"]
    return run.start(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).wait() == 0


def _constant(run: Run, expression: str) -> str:
    code = "\nfrom ovirt_engine_setup.engine import constants as oenginecons\nprint({})\n".format(expression)
    environment = {**os.environ, "PYTHONPATH": str(run.prefix / "share/ovirt-engine/setup")}
    process = run.start(["python3", "-c", code], stdout=-1, stderr=subprocess.STDOUT, environment=environment)
    text = process.communicate()[0].decode("utf-8", "replace").strip()
    if process.returncode != 0:
        run.log("Warning: Failed to get engine constant {}: {}".format(expression, text))
        return ""
    return text
