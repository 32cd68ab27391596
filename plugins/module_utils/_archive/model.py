# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was read from an archive, and what is wrong with it.

The format is that of engine-backup 4.3 to 4.5: an outer tar with a version, a config, a hash list, a tar of files and a
dump per database. Nothing of it is ever run. This file is private to the collection.
"""

import re
from types import MappingProxyType
from typing import Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from .._common.errors import Problem
from .configuration import is_enabled, parse_setup_state
from .databases import BY_MEMBER, BY_NAME, KINDS
from .versions import minor_release

HASH_FILES = ("sha256sum", "md5sum")
SMALL_MEMBERS = ("version", "os_version", "config") + HASH_FILES
SMALL_LIMIT = 64 * 1024
FILES_MEMBER = "files"
SETUP_STATE = "etc/ovirt-engine-setup.conf.d/20-setup-ovirt-post.conf"
CONFIG_LINE = re.compile(r"^([A-Z]+_)?DB_DUMP_(COMPRESSOR=(gzip|bzip2|xz)?|FORMAT=(plain|custom))$")

# What a restore cannot do without besides the dumps, and the database whose presence makes it necessary.
NEEDED_FILES = (
    (SETUP_STATE, ""),
    ("etc/pki/ovirt-engine/ca.pem", "engine"),
    ("etc/pki/ovirt-engine/private/ca.pem", "engine"),
    ("etc/pki/ovirt-engine/keys/engine.p12", "engine"),
    ("etc/ovirt-engine/engine.conf.d/10-setup-database.conf", "engine"),
    ("etc/ovirt-engine-dwh/ovirt-engine-dwhd.conf.d/10-setup-database.conf", "dwh"),
    ("etc/ovirt-engine/engine.conf.d/12-setup-keycloak.conf", "keycloak"),
)


class Member(NamedTuple):
    """One member of the outer tar: size in bytes, hashes in hexadecimal, mtime in seconds since the epoch."""

    name: str
    size: int
    sha256: str
    md5: str
    mtime: float


class DumpReading(NamedTuple):
    """What was read of a dump."""

    format: str  # custom, plain, sqlite; empty where it was not looked at
    compressor: str  # none, gzip, bzip2, xz
    size: int  # bytes of the member
    tables: Optional[Dict[str, int]]  # None where it was not read
    schemas: Tuple[str, ...]
    dump_version: str
    problem: Optional[Problem]
    owners: Tuple[str, ...] = ()
    grantees: Tuple[str, ...] = ()
    extensions: Tuple[str, ...] = ()
    server_version: str = ""
    noted: Mapping[str, List[Tuple[str, ...]]] = MappingProxyType({})  # the rows that say what it is a dump of


class FileEntry(NamedTuple):
    """An ordinary file of the files part."""

    size: int
    mode: int
    mtime: int  # seconds
    owner: str  # name, and number where there is none
    owner_id: int
    group: str
    group_id: int


class FilesReading(NamedTuple):
    """What was read of the files part."""

    entry_count: int
    found: FrozenSet[str]  # those of NEEDED_FILES and of certificates that are there and not empty
    setup_state: str
    certificates: Dict[str, str]  # path -> PEM text
    problem: Optional[Problem]
    configuration: Mapping[str, str] = MappingProxyType({})  # path -> text of the files that name the databases
    entries: Mapping[str, FileEntry] = MappingProxyType({})  # path -> what it was, of ordinary files
    size: int = 0  # bytes of all files


class ArchiveReading(NamedTuple):
    """Everything that was read from an archive."""

    path: str
    size: int
    sha256: str  # of the archive; empty at level none
    compressor: str
    members: Tuple[Member, ...]
    small: Dict[str, str]  # text of the small members
    dumps: Dict[str, DumpReading]  # by kind
    files: Optional[FilesReading]
    problems: Tuple[Problem, ...]  # met while reading


def version_of(reading: ArchiveReading) -> str:
    """Return the engine version that made the archive, empty where it does not say."""
    return reading.small.get("version", "").strip()


def os_version_of(reading: ArchiveReading) -> str:
    """Return the distribution id and major version, e.g. 'centos9'; empty in old archives."""
    return reading.small.get("os_version", "").strip()


def created_of(reading: ArchiveReading) -> float:
    """Return when the archive was made, by the newest time inside it, in seconds since the epoch; 0 if unknown."""
    return max([member.mtime for member in reading.members] or [0.0])


def scopes_of(reading: ArchiveReading) -> List[str]:
    """Return the scopes that the archive holds, in the tool's order."""
    names = {member.name for member in reading.members if member.size > 0}
    found = ["files"] if FILES_MEMBER in names else []
    return found + [kind.scope for kind in KINDS if kind.member in names]


def check_archive(reading: ArchiveReading, level: str, expected_scopes: Sequence[str]) -> List[Problem]:
    """Return everything that is wrong with an archive at the asked level.

    ``expected_scopes`` are the scopes that it must hold; pass those of its manifest, or none.
    """
    problems = list(reading.problems)
    if not reading.members:
        return problems
    problems += _check_small_members(reading)
    if level != "none":
        problems += _check_hashes(reading)
    problems += _check_dumps(reading)
    if reading.files is not None:
        problems += _check_files(reading, reading.files)
    present = scopes_of(reading)
    for scope in expected_scopes:
        if scope not in present and not _is_named(problems, scope):
            problems.append(Problem("dump_missing" if scope != "files" else "files_missing", missing_scope_text(scope)))
    return problems


def missing_scope_text(scope: str) -> str:
    """Return the sentence for a scope that is not in the archive."""
    if scope == "files":
        return "the archive has no files part"
    kind = next(kind for kind in KINDS if kind.scope == scope)
    return "the archive has no dump of the %s database (%s)" % (kind.name, kind.member)


def _is_named(problems: Sequence[Problem], scope: str) -> bool:
    text = missing_scope_text(scope)
    member = next((kind.member for kind in KINDS if kind.scope == scope), FILES_MEMBER)
    return any(item.message == text or (item.code == "dump_empty" and member in item.message) for item in problems)


def set_up_scopes(setup_state: str) -> List[str]:
    """Return the scopes that belong to what a setup state says is set up; empty for an empty text."""
    state = parse_setup_state([setup_state])
    return [kind.scope for kind in KINDS if is_enabled(state, kind)]


def _check_small_members(reading: ArchiveReading) -> List[Problem]:
    problems: List[Problem] = []
    if not version_of(reading):
        problems.append(Problem("version_missing", "the archive does not say which engine version made it"))
    elif not minor_release(version_of(reading)):
        text = "the archive says that version %r made it, which is no version of an engine"
        problems.append(Problem("version_missing", text % version_of(reading)[:40]))
    if "config" not in reading.small:
        problems.append(Problem("config_missing", "the archive has no config member; a restore would stop at once"))
    for number, line in enumerate(reading.small.get("config", "").splitlines(), 1):
        if line and not CONFIG_LINE.match(line):
            text = "line %d of the config member is not a dump format or compressor; a restore would run it as root"
            problems.append(Problem("config_forbidden", text % number))
    return problems


def _check_hashes(reading: ArchiveReading) -> List[Problem]:
    name = next((name for name in HASH_FILES if name in reading.small), "")
    if not name:
        return [Problem("hash_missing", "the archive has no hash list (sha256sum or md5sum)")]
    listed, problems = _parse_hash_list(name, reading.small[name])
    by_name = {member.name: member for member in reading.members}
    for path, value in sorted(listed.items()):
        member = by_name.get(path)
        if member is None:
            problems.append(_missing_member(path))
        elif value != (member.sha256 if name == "sha256sum" else member.md5):
            problems.append(Problem("hash_mismatch", "the hash of %s is not the one in the archive's list" % path))
    for path in sorted(set(by_name) - set(listed) - set(HASH_FILES)):
        problems.append(Problem("member_unlisted", "%s is in the archive but not in its hash list" % path))
    return problems


def _missing_member(path: str) -> Problem:
    if path in BY_MEMBER:
        return Problem("dump_missing", missing_scope_text(BY_MEMBER[path].scope))
    return Problem("member_missing", "%s is in the hash list but not in the archive" % path)


def _parse_hash_list(name: str, text: str) -> Tuple[Dict[str, str], List[Problem]]:
    listed: Dict[str, str] = {}
    problems: List[Problem] = []
    for line in text.splitlines():
        match = re.match(r"^([0-9a-f]{32,64}) [ *](?:\./)?(.+)$", line)
        if match:
            listed[match.group(2)] = match.group(1)
        elif line.strip():
            problems.append(Problem("hash_unreadable", "a line of %s is not '<hash>  <path>'" % name))
    return listed, problems


def _check_dumps(reading: ArchiveReading) -> List[Problem]:
    problems: List[Problem] = []
    for name, dump in sorted(reading.dumps.items()):
        kind = BY_NAME[name]
        if dump.size == 0:
            problems.append(Problem("dump_empty", "the dump of the %s database (%s) is empty" % (name, kind.member)))
        elif dump.problem is not None:
            problems.append(dump.problem)
        elif dump.tables is not None and not dump.tables and not kind.may_be_empty:
            text = "the dump of the %s database (%s) holds no table" % (name, kind.member)
            problems.append(Problem("dump_empty", text))
        problems += _check_declared_format(reading, name, dump)
    return problems


def _check_declared_format(reading: ArchiveReading, name: str, dump: DumpReading) -> List[Problem]:
    kind = BY_NAME[name]
    if not kind.option or not dump.format:
        return []
    variable = kind.option.strip("-").replace("-", "_").upper() + "_DUMP_"
    declared: Dict[str, str] = {}
    for line in reading.small.get("config", "").splitlines():
        key, _separator, value = line.partition("=")
        declared[key] = value
    wrong = []
    if declared.get(variable + "FORMAT", dump.format) != dump.format:
        wrong.append("format %s" % declared[variable + "FORMAT"])
    if (declared.get(variable + "COMPRESSOR", "") or "none") != dump.compressor:
        wrong.append("compressor %s" % (declared.get(variable + "COMPRESSOR") or "none"))
    if not wrong:
        return []
    text = "the config member declares %s for the %s dump, which is %s compressed with %s" % (
        " and ".join(wrong),
        name,
        dump.format,
        dump.compressor,
    )
    return [Problem("config_disagrees", text)]


def _check_files(reading: ArchiveReading, files: FilesReading) -> List[Problem]:
    if files.problem is not None:
        return [files.problem]
    state = parse_setup_state([files.setup_state])
    here = {kind.name for kind in KINDS if kind.name in reading.dumps or is_enabled(state, kind)}
    problems = []
    for path, needs in NEEDED_FILES:
        if path not in files.found and (not needs or needs in here):
            problems.append(Problem("files_incomplete", "the files part lacks %s, which a restore needs" % path))
    return problems
