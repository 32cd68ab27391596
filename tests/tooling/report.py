# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of tests/demo: reads the archive back with engine_backup_info and shows it beside the live databases."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .places import COLLECTIONS, VENV

SETTINGS = {
    "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
    "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
    "ANSIBLE_LOCALHOST_WARNING": "false",
    "ANSIBLE_NOCOLOR": "1",
}
ROW = "  {:<14}{:>8}{:>18}{:>18}   {}"


def main(arguments: Sequence[str]) -> int:
    archive = newest_archive(Path(arguments[0]))
    manifest = json.loads(Path(f"{archive}.manifest.json").read_text(encoding="utf-8"))
    found = look(archive)
    differences = compare(found, manifest)
    print("\n".join([*describe(archive, found, manifest), *map("  PROBLEM: {}".format, differences), ""]))
    return 1 if differences else 0


def newest_archive(folder: Path) -> Path:
    archives = sorted(folder.glob("*.backup"))
    if not archives:
        raise SystemExit(f"demo: there is no archive in {folder}")
    return archives[-1]


def look(archive: Path) -> dict[str, Any]:
    """Read the archive to its last row; nothing of the lab takes part in it."""
    done = subprocess.run(
        look_command(archive), check=False, env={**os.environ, **SETTINGS}, stdout=subprocess.PIPE, text=True
    )
    if done.returncode != 0:
        raise SystemExit(f"demo: {shlex.join(look_command(archive))} ended with {done.returncode}:\n{done.stdout}")
    result: dict[str, Any] = json.loads(done.stdout.partition("=>")[2])["archives"][0]
    return result


def look_command(archive: Path) -> list[str]:
    options = f"path={shlex.quote(str(archive))} verify=full"
    return [str(VENV / "bin" / "ansible"), "localhost", "-m", "ovirt.backup.engine_backup_info", "-a", options]


def compare(found: Mapping[str, Any], manifest: Mapping[str, Any]) -> list[str]:
    """Return what speaks against the archive."""
    differences = [f"[{problem['code']}] {problem['message']}" for problem in found["problems"]]
    if found["sha256"] != manifest["sha256"]:
        differences.append("its SHA-256 is not the one of the manifest")
    for kind, said in manifest["databases"].items():
        read = found["databases"].get(kind, {})
        if read.get("tables") != said["tables"]:
            differences.append(f"the tables or rows read back of {kind} are not those of the manifest")
    return differences


def describe(archive: Path, found: Mapping[str, Any], manifest: Mapping[str, Any]) -> list[str]:
    again = f"ANSIBLE_COLLECTIONS_PATH={shlex.quote(str(COLLECTIONS))} {shlex.join(look_command(archive))}"
    return [
        "",
        f"A backup of {manifest['fqdn']}, read back from the archive",
        "",
        f"  archive   {archive}",
        f"  size      {found['size']:,} bytes",
        f"  SHA-256   {found['sha256']}",
        f"  version   {found['version']} on {found['os_version']}",
        f"  scopes    {', '.join(found['scopes'])}",
        "",
        ROW.format("database", "tables", "rows read back", "rows live", "").rstrip(),
        *(describe_database(kind, found, manifest) for kind in manifest["databases"]),
        "",
        f"  {'GOOD' if found['ok'] else 'NOT GOOD'}: every hash compared, every dump and every file read to the end",
        "",
        f"The archive and its manifest are in {archive.parent}",
        "Look again; it needs no engine and no lab:",
        f"  {again}",
    ]


def describe_database(kind: str, found: Mapping[str, Any], manifest: Mapping[str, Any]) -> str:
    read = found["databases"].get(kind, {})
    live = manifest["databases"][kind].get("live_rows")
    rows = read.get("rows")
    return ROW.format(kind, len(read.get("tables") or {}), number(rows), number(live), explain(rows, live)).rstrip()


def explain(rows: int | None, live: int | None) -> str:
    if rows is None or live is None:
        return ""
    return "same" if rows == live else f"{live - rows:+,} while the backup ran"


def number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
