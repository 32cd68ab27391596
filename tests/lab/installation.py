# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine installation below a prefix: configuration, PKI, setup state, ordinary files, stand-in programs."""

from __future__ import annotations

import hashlib
import os
import shlex
import sys
from pathlib import Path

from . import configuration
from .databases import make_grafana
from .host import uninstall
from .layout import Lab
from .pki import TEMPLATES, make_pki, make_templates
from .processes import write_scripts

# oVirt's packages use this fixed uid and gid; Grafana has none, its container images use this one.
OVIRT_ID = 108
GRAFANA_ID = 472
POSTGRES_PROGRAMS = ("psql", "pg_dump", "pg_restore")
TOOLS = {
    "bin/engine-backup": "engine-backup",
    "bin/otopi-config-query": "otopi-config-query",
    "bin/systemctl": "systemctl",
    "bin/engine-setup": "engine-setup",
    "bin/engine-cleanup": "engine-cleanup",
    "bin/engine-config": "engine-config",
    "share/ovirt-engine/setup/bin/ovirt-engine-provisiondb": "ovirt-engine-provisiondb",
    "share/ovirt-engine/setup/dbutils/hecleaner.sh": "hecleaner",
}
# As the real script begins; Python itself is started once.
CLEAN_ENVIRONMENT = (
    '[ -z "$BACKUP_ENV_CLEAN" ] && exec env -i PATH="$PATH" TMPDIR="$TMPDIR" BACKUP_ENV_CLEAN=1 "$0" "$@"\n'
)
DIRECTORIES = (
    "bin",
    "etc/ovirt-engine/engine.conf.d",
    "etc/ovirt-engine/aaa",
    "etc/ovirt-engine/branding",
    "etc/ovirt-vmconsole",
    "etc/ovirt-engine-setup.conf.d",
    "etc/httpd/conf.d",
    "var/lib/ovirt-engine/backups",
    "var/lib/ovirt-engine/setup/answers",
    "var/lib/ovirt-engine/content",
    "var/lib/ovirt-engine-backup",
    "var/log/ovirt-engine/setup",
    "var/log/ovirt-engine-backup",
    "share/ovirt-engine/services/ovirt-engine",
    "share/ovirt-engine/setup/bin",
    "share/ovirt-engine/setup/ovirt_engine_setup/engine",
)
CONSTANTS = '''"""What the restore asks the setup code for."""


class Const:
    PKI_PASSWORD = "mypass"


class FileLocations:
    OVIRT_ENGINE_PKIKEYSDIR = "{prefix}/etc/pki/ovirt-engine/keys"
    OVIRT_ENGINE_SERVICE_CONFIG_PKI = "{prefix}/etc/ovirt-engine/engine.conf.d/10-setup-pki.conf"
'''


def install(lab: Lab) -> None:
    """Make everything below the prefix: an engine that is set up."""
    install_packages(lab)
    make_pki(lab.prefix / "etc/pki/ovirt-engine", lab.fqdn)
    for path, (mode, text) in configuration.setup_files(lab).items():
        _write(lab.prefix / path, text, mode)
    _write_ordinary_files(lab.prefix / "var/lib/ovirt-engine")
    if "grafana" in lab.components:
        make_grafana(lab.prefix / "var/lib/grafana/grafana.db")
        (lab.prefix / "var/lib/grafana/grafana.db").chmod(0o640)
        (lab.prefix / "var/lib/grafana/plugins").mkdir(exist_ok=True)
    uninstall.write(lab.prefix, setup_groups(lab.prefix), "20260101000000")
    _set_owners(lab)


def install_packages(lab: Lab) -> None:
    """What is there before engine-setup ran: programs, defaults, empty directories."""
    for directory in DIRECTORIES:
        (lab.prefix / directory).mkdir(parents=True, exist_ok=True)
    for path, (mode, text) in configuration.packaged_files(lab).items():
        _write(lab.prefix / path, text, mode)
    make_templates(lab.prefix / "etc/pki/ovirt-engine")
    if "grafana" in lab.components:
        (lab.prefix / "var/lib/grafana").mkdir(parents=True, exist_ok=True)
    _write_setup_package(lab)
    _write_programs(lab)
    write_scripts(lab.home)
    _set_owners(lab)


def setup_groups(prefix: Path) -> dict[str, list[Path]]:
    """The files that engine-setup registers for removal, by group."""

    def below(*patterns: str) -> list[Path]:
        return [path for pattern in patterns for path in prefix.glob(pattern)]

    return {
        "core": below(
            "etc/ovirt-engine/engine.conf.d/*.conf",
            "etc/ovirt-engine/aaa/*.properties",
            "etc/ovirt-engine-setup.conf.d/20-*.conf",
            "etc/httpd/conf.d/z-ovirt-engine-proxy.conf",
        ),
        "ca_pki": [path for path in below("etc/pki/ovirt-engine/**/*") if path.name not in TEMPLATES],
        "dwh_files": below("etc/ovirt-engine-dwh/ovirt-engine-dwhd.conf.d/*.conf", configuration.DWH_EXAMPLE),
    }


def _write(path: Path, text: str, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def _write_setup_package(lab: Lab) -> None:
    package = lab.prefix / "share/ovirt-engine/setup/ovirt_engine_setup"
    _write(package / "__init__.py", "", 0o644)
    _write(package / "engine/__init__.py", "", 0o644)
    _write(package / "engine/constants.py", CONSTANTS.format(prefix=lab.prefix), 0o644)
    _write(
        package / "config.py",
        "PACKAGE_NAME = 'ovirt-engine'\nPACKAGE_VERSION = '{0}'\nDISPLAY_VERSION = '{0}-1.el9'\n".format(lab.version),
        0o644,
    )


def _write_ordinary_files(root: Path) -> None:
    for number in range(300):
        seed = hashlib.sha256(str(number).encode()).hexdigest()
        text = "".join("{} line {} of file {}\n".format(seed[:12], line, number) for line in range(1 + number % 40))
        _write(root / "content" / "d{}".format(number % 10) / "file-{}.txt".format(number), text, 0o644)
    _write(root / "host-deploy" / "name with spaces.conf", "x\n", 0o600)
    _write(root / "backups" / "not-in-a-backup.dump", "x\n", 0o600)
    os.symlink("../content/d0", root / "host-deploy" / "link")


def _write_programs(lab: Lab) -> None:
    launcher = Path(__file__).with_name("launch.py")
    for path, name in TOOLS.items():
        command = " ".join(map(shlex.quote, (sys.executable, "-I", "-S", str(launcher), name, str(lab.home))))
        clean = CLEAN_ENVIRONMENT if name == "engine-backup" else ""
        _write(lab.prefix / path, '#!/bin/sh\n{}exec {} "$0" "$@"\n'.format(clean, command), 0o755)
    # The clients of the very server, not whatever wrapper PATH holds.
    for name in POSTGRES_PROGRAMS:
        (lab.prefix / "bin" / name).unlink(missing_ok=True)
        os.symlink(lab.server_programs / name, lab.prefix / "bin" / name)


def _set_owners(lab: Lab) -> None:
    if os.geteuid() != 0:
        return
    for pattern, uid, gid in (
        ("etc/ovirt-engine/engine.conf.d/*", 0, OVIRT_ID),
        ("etc/ovirt-engine/engine.conf.d/10-setup-dwh-database.conf", OVIRT_ID, OVIRT_ID),
        ("etc/ovirt-engine-dwh/ovirt-engine-dwhd.conf.d/*", OVIRT_ID, OVIRT_ID),
        ("etc/ovirt-engine-dwh/examples/*", OVIRT_ID, OVIRT_ID),
        ("etc/ovirt-engine/aaa/*", OVIRT_ID, OVIRT_ID),
        ("etc/pki/ovirt-engine/keys/*", OVIRT_ID, OVIRT_ID),
        ("var/lib/ovirt-engine/**/*", OVIRT_ID, OVIRT_ID),
        ("var/lib/grafana/**/*", GRAFANA_ID, GRAFANA_ID),
    ):
        for path in lab.prefix.glob(pattern):
            _own(path, uid, gid)


def _own(path: Path, uid: int, gid: int) -> None:
    try:
        os.lchown(path, uid, gid)
    except PermissionError:
        # Root without the right to give files away (some containers): owners stay as they are.
        return
