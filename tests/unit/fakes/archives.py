# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives of engine-backup, and broken ones, built by Python's tarfile; dumps in them are recorded ones."""

import bz2
import gzip
import hashlib
import io
import lzma
import sqlite3
import subprocess
import tarfile
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence, Tuple, Union

from ansible_collections.ovirt.backup.plugins.module_utils._archive.model import NEEDED_FILES, SETUP_STATE

from . import world

RECORDED = Path(__file__).resolve().parents[1] / "recorded_dumps"
CUSTOM = (RECORDED / "15-custom.dump").read_bytes()
PLAIN = (RECORDED / "15-plain.dump").read_bytes()
ROWS = {"aaa_jdbc.Odd name": 3, "public.no_columns": 2, "public.no_rows": 0, "public.vm_static": 20}
MTIME = 1795355032

Part = Union[Tuple[str, bytes], tarfile.TarInfo]


def pack_zstd(data: bytes) -> bytes:
    done = subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True)
    return done.stdout


PACKERS: Dict[str, Callable[[bytes], bytes]] = {
    "none": lambda data: data,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": pack_zstd,
}


def make_tar(parts: Sequence[Part], form: int = tarfile.GNU_FORMAT) -> bytes:
    """Return a tar of files, given as (name, content), and of bare headers."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=form) as archive:
        for part in parts:
            if isinstance(part, tarfile.TarInfo):
                archive.addfile(part)
            else:
                archive.addfile(header(part[0], size=len(part[1])), io.BytesIO(part[1]))
    return made.getvalue()


def header(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, link: str = "") -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.size, found.linkname, found.mtime, found.mode = kind, size, link, MTIME, 0o600
    return found


def directory(name: str) -> tarfile.TarInfo:
    return header(name, tarfile.DIRTYPE)


def make_files(lacks: str = "", more: Sequence[Part] = (), state: str = world.STATE) -> bytes:
    """Return the files part, uncompressed, of an engine with its Data Warehouse."""
    parts: List[Part] = [directory("etc/ovirt-engine")]
    for path, _kind in NEEDED_FILES:
        if path != lacks:
            parts.append((path, state.encode() if path == SETUP_STATE else b"content of " + path.encode()))
    return make_tar(parts + list(more))


def make_sqlite(path: Path) -> bytes:
    """Return an SQLite file with two tables, one of a nasty name."""
    connection = sqlite3.connect(str(path))
    connection.executescript(
        "CREATE TABLE dashboard (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT);"
        'CREATE TABLE "odd ""name" (x);'
        "CREATE VIEW seen AS SELECT * FROM dashboard;"
        "CREATE INDEX by_title ON dashboard (title);"
        "INSERT INTO dashboard (title) VALUES ('a'), ('b'), ('c');"
    )
    connection.commit()
    connection.close()
    return path.read_bytes()


def make_members(
    dumps: Optional[Dict[str, bytes]] = None, config: str = world.CONFIG, files: Optional[bytes] = None
) -> List[Tuple[str, bytes]]:
    """Return name and content of the members of a good archive, without the hash list."""
    if dumps is None:
        dumps = {"engine_backup.db": CUSTOM, "dwh_backup.db": CUSTOM}
    members = [("./config", config.encode()), ("./os_version", b"centos9\n"), ("./version", b"4.5.7\n")]
    members.append(("./files", lzma.compress(make_files()) if files is None else files))
    return members + [("./db/" + name, content) for name, content in sorted(dumps.items())]


def hash_list(members: Sequence[Tuple[str, bytes]], algorithm: str = "sha256") -> Tuple[str, bytes]:
    lines = ["%s  %s\n" % (hashlib.new(algorithm, content).hexdigest(), name[2:]) for name, content in members]
    return "./%ssum" % algorithm, "".join(lines).encode()


def make_archive(
    members: Optional[Sequence[Tuple[str, bytes]]] = None, algorithm: str = "sha256", more: Sequence[Part] = ()
) -> bytes:
    """Return an archive, uncompressed, with the hashes of its members; ``more`` is in no hash list."""
    found = make_members() if members is None else list(members)
    parts: List[Part] = [directory("./"), *found, hash_list(found, algorithm), directory("./db/"), *more]
    return make_tar(parts)
