# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proven archive makes a new one unnecessary: by its age in a directory, or because it stands at the path."""

from typing import Any, Dict, Optional

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError, Problem, Refused
from ansible_collections.ovirt.backup.plugins.module_utils._common.times import to_iso
from ansible_collections.ovirt.backup.plugins.module_utils._engine.backup.run import make_backup, preview_backup
from unit.fakes import world
from unit.fakes.engine_host import WRITING, FakeEngineHost, make_request
from unit.fakes.errors import error_of

HERE = "/srv/backup/one.backup"


def host_with(age: float = 100, path: str = HERE, is_proven: bool = True, **changes: Any) -> FakeEngineHost:
    """Return a host with one proven archive, so many seconds old."""
    host = FakeEngineHost()
    host.manifests[path] = world.manifest(**dict({"created": to_iso(world.NOW - age)}, **changes))
    host.existing |= {path, path + ".manifest.json"}
    host.unproven = set() if is_proven else {path}
    return host


YOUNGER_THAN_AN_HOUR: Dict[str, Any] = {
    "one second before its time": (host_with(3599), True),
    "too old": (host_with(3600), False),
    "from the future": (host_with(-5), False),
    "of another engine": (host_with(fqdn="other.lab.test"), False),
    "lacks a scope": (host_with(scopes=["files", "db"]), False),
    "without grants": (host_with(profile="small"), False),
    "more scopes than needed": (host_with(scopes=["files", "db", "dwhdb", "keycloakdb"]), True),
    "another hash": (host_with(is_proven=False), False),
    "in another directory": (host_with(path="/srv/tmp/one.backup"), False),
}


@pytest.mark.parametrize(("host", "enough"), list(YOUNGER_THAN_AN_HOUR.values()), ids=list(YOUNGER_THAN_AN_HOUR))
def test_young_proven_archive_is_enough(host: FakeEngineHost, enough: bool) -> None:
    result = make_backup(make_request(max_age=3600), host)
    assert result.changed is not enough
    assert ("run_tool" in host.calls) is not enough
    if enough:
        assert result.archive["path"] == HERE
        assert (result.cmd, result.attempts, result.engine_record) == ([], 0, None)
        assert make_backup(make_request(), host).changed, "no archive is young enough without an age"


def test_newest_of_the_proven_ones_is_taken() -> None:
    host = host_with()
    for age, name in ((50, "newer"), (10, "newest"), (5, "damaged")):
        host.manifests["/srv/backup/%s.backup" % name] = world.manifest(created=to_iso(world.NOW - age))
    host.unproven = {"/srv/backup/damaged.backup"}
    assert make_backup(make_request(max_age=3600), host).archive["path"] == "/srv/backup/newest.backup"


def test_host_that_can_not_be_backed_up_is_refused_even_with_a_young_archive() -> None:
    host = host_with()
    host.fail("read_identity", BackupError("down", "database_unreachable"))
    with pytest.raises(Refused):
        make_backup(make_request(max_age=3600), host)


@pytest.mark.parametrize("act", [make_backup, preview_backup], ids=["run", "check mode"])
def test_second_run_for_a_path_changes_nothing(act: Any) -> None:
    host = host_with(10**6)
    result = act(make_request(path=HERE), host)
    assert not result.changed
    assert result.archive["sha256"] == "a" * 64
    assert "run_tool" not in host.calls
    if act is preview_backup:
        assert not WRITING & set(host.calls)


def test_first_and_second_run_for_a_path_give_the_same_archive(host: FakeEngineHost) -> None:
    first = make_backup(make_request(path=HERE), host)
    host.manifests[HERE] = host.published[HERE]
    second = make_backup(make_request(path=HERE), host)
    assert (first.changed, second.changed) == (True, False)
    assert first.archive == second.archive


BAD_AT_PATH: Dict[str, Any] = {
    "no manifest": (None, False, "no .manifest.json"),
    "another hash": (world.manifest(), True, "another hash"),
    "lacks a scope": (world.manifest(scopes=["files"]), False, "lacks the scopes db, dwhdb"),
    "of another engine": (world.manifest(fqdn="other.lab.test"), False, "other.lab.test"),
}


@pytest.mark.parametrize(("manifest", "is_damaged", "part"), list(BAD_AT_PATH.values()), ids=list(BAD_AT_PATH))
def test_what_stands_at_the_path_is_never_overwritten(
    host: FakeEngineHost, manifest: Optional[Dict[str, Any]], is_damaged: bool, part: str
) -> None:
    host.existing = {HERE}
    if manifest is not None:
        host.manifests[HERE] = manifest
        host.existing.add(HERE + ".manifest.json")
    host.unproven = {HERE} if is_damaged else set()
    error = error_of(Refused, make_backup, make_request(path=HERE), host)
    assert error.code == "path_exists"
    assert part in error.message
    assert "run_tool" not in host.calls


def test_unreadable_manifest_at_the_path_is_told(host: FakeEngineHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host.existing = {HERE, HERE + ".manifest.json"}
    garbled = (None, [Problem("manifest_unreadable", "garbled")])
    monkeypatch.setattr(host, "read_manifest", lambda _path: garbled)
    with pytest.raises(Refused, match="garbled"):
        make_backup(make_request(path=HERE), host)


@pytest.mark.parametrize("act", [make_backup, preview_backup], ids=["run", "check mode"])
def test_leftovers_make_a_change_even_where_an_archive_is_reused(act: Any) -> None:
    host = host_with()
    host.leftovers = ["/srv/backup/.engine_backup-1"]
    result = act(make_request(max_age=3600), host)
    assert result.changed
    assert result.cleaned_up == ["/srv/backup/.engine_backup-1"]
    assert result.cmd == []
