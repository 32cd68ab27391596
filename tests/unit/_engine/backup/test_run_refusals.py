# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused before anything is written: each reason by its code, in a real run and in check mode alike."""

from typing import Any, Dict, List, Tuple

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import (
    BackupError,
    CommandError,
    Problem,
    Refused,
)
from ansible_collections.ovirt.backup.plugins.module_utils._engine.backup.run import make_backup, preview_backup
from unit.fakes import world
from unit.fakes.engine_host import WRITING, FakeEngineHost, make_installation, make_request
from unit.fakes.errors import assert_refused, codes_of, error_of
from unit.fakes.faults import Change, having, installed, no_change

LOG = "/var/log/ovirt-engine-backup/engine-backup-engine.lab.test-20261122T134352Z.log"
UNSAFE = [Problem("directory_unsafe", "writable for everybody")]


def failing(method: str, code: str) -> Change:
    return lambda host: host.fail(method, BackupError("it is down", code))


ENGINE = frozenset(["engine"])
SHELL_READS = world.settings("engine")._replace(password_as_shell=r"p\:w")
CASES: Dict[str, Tuple[Change, Dict[str, Any], List[str]]] = {
    "target missing": (no_change, {"directory": "/nowhere"}, ["directory_missing"]),
    "target of a path missing": (no_change, {"path": "/nowhere/x.backup"}, ["directory_missing"]),
    "target unsafe": (lambda host: host.directories.update({"/srv/backup": UNSAFE}), {}, ["directory_unsafe"]),
    "target relative": (no_change, {"directory": "backup"}, ["path_relative"]),
    "path relative": (no_change, {"path": "x.backup"}, ["path_relative"]),
    "temporary directory missing": (no_change, {"tmpdir": "/nowhere"}, ["tmpdir_missing"]),
    "log directory missing": (no_change, {"log_path": "/nowhere/x.log"}, ["log_directory_missing"]),
    "log exists": (having(existing={LOG}), {}, ["log_exists"]),
    "log is the archive": (
        no_change, {"path": "/srv/backup/x", "log_path": "/srv/backup/./x"}, ["path_is_log"]),
    "blank in the path of the log": (no_change, {"log_path": "/srv/tmp/a b.log"}, ["log_path_blank"]),
    "manifest without its archive": (
        having(existing={"/srv/backup/x.manifest.json"}), {"path": "/srv/backup/x"}, ["path_exists"]),
    "zstd not read by tar": (having(zstd=False), {"profile": "small"}, ["zstd_unsupported"]),
    "no room": (having(free={"/srv/backup": 1000}), {}, ["space_target"]),
    "no room for the tool": (
        having(free={"/srv/tmp": 1000}, file_systems={"/srv/tmp": 2}), {"tmpdir": "/srv/tmp"}, ["space_tmpdir"]),
    "timeout of nothing": (no_change, {"timeout": 0}, ["option_out_of_range"]),
    "negative age": (no_change, {"max_age": -1}, ["option_out_of_range"]),
    "tool missing": (
        lambda host: host.fail("read_installation", CommandError("no tool", "tool_missing")), {}, ["tool_missing"]),
    "query tool missing": (
        installed(missing_programs=("otopi-config-query",), answered=frozenset()), {}, ["query_tool_missing"]),
    "program missing": (installed(missing_programs=("pg_dump", "tar")), {}, ["program_missing", "program_missing"]),
    "engine-setup has not run": (installed(is_set_up=False), {}, ["not_set_up"]),
    "flag dropped": (installed(enabled=ENGINE, answered=ENGINE), {}, ["flag_disagrees"]),
    "query answers otherwise": (installed(answered=ENGINE), {}, ["flag_disagrees"]),
    "tool lacks the scope": (no_change, {"scopes": ["cinderlibdb"]}, ["scope_unsupported"]),
    "not set up here": (no_change, {"scopes": ["keycloakdb"]}, ["scope_not_set_up"]),
    "no configuration of the database": (
        installed(settings={"engine": world.settings("engine")}), {}, ["database_unconfigured"]),
    "database down": (failing("read_identity", "database_unreachable"), {}, ["database_unreachable"]),

    "database unreadable": (failing("count_before", "database_unreadable"), {}, ["database_unreadable"]),
    "database empty": (
        lambda host: host.live.update(engine=world.snapshot({})), {"scopes": ["db"]}, ["database_empty"]),
    "password that sh reads otherwise": (
        installed(settings={"engine": SHELL_READS}), {"scopes": ["db"]}, ["password_unusable"]),
    "engine can not be notified": (
        failing("read_identity", "database_unreachable"), {"scopes": ["files"]}, ["database_unreachable"]),
    "nobody to notify": (installed(notified=None), {"scopes": ["files"]}, ["database_unconfigured"]),
    "path taken": (having(existing={"/srv/backup/x"}), {"path": "/srv/backup/x"}, ["path_exists"]),
}  # fmt: skip


@pytest.mark.parametrize("act", [make_backup, preview_backup], ids=["run", "check mode"])
@pytest.mark.parametrize("name", list(CASES))
def test_reason_is_named_and_nothing_is_written(host: FakeEngineHost, name: str, act: Any) -> None:
    assert_refused(CASES[name], act, make_request, host, WRITING)
    assert act is make_backup or not WRITING & set(host.calls)


def test_lock_is_taken_where_it_can_be_before_the_run_looks_at_anything(host: FakeEngineHost) -> None:
    error_of(Refused, make_backup, make_request(directory="/nowhere"), host)
    assert "lock" not in host.calls
    host.locked_by_another = True
    host.calls.clear()
    assert error_of(BackupError, make_backup, make_request(), host).code == "locked"
    assert not {"remove_leftovers", "begin", "run_tool", "read_installation"} & set(host.calls)
    assert error_of(Refused, preview_backup, make_request(), host).code == "locked"


def test_sweep_is_before_the_plan_that_is_refused(host: FakeEngineHost) -> None:
    host.leftovers = ["/srv/backup/.engine_backup-1"]
    host.installation = make_installation(is_set_up=False)
    error_of(Refused, make_backup, make_request(), host)
    assert host.leftovers == []
    assert host.calls.index("remove_leftovers") < host.calls.index("read_installation")


@pytest.mark.parametrize("act", [make_backup, preview_backup], ids=["run", "check mode"])
def test_every_reason_is_named_at_once(host: FakeEngineHost, act: Any) -> None:
    host.installation = make_installation(answered=ENGINE, missing_programs=("pg_dump",))
    host.zstd = False
    with pytest.raises(Refused) as caught:
        act(make_request(profile="small", directory="/nowhere", log_path="/nowhere/x.log"), host)
    codes = [item["code"] for item in caught.value.facts["problems"]]
    assert sorted(codes) == [
        "directory_missing",
        "flag_disagrees",
        "log_directory_missing",
        "program_missing",
        "zstd_unsupported",
    ]


@pytest.mark.parametrize(("lacking", "systems"), [(0, {}), (1, {}), (1, {"/srv/tmp": 2})], ids=["room", "no", "two"])
def test_room_is_counted_once_where_both_directories_are_on_one_file_system(
    host: FakeEngineHost, lacking: int, systems: Dict[str, int]
) -> None:
    size = 2 * 1000000
    host.free, host.file_systems = {"/srv/backup": 2 * (int(size * 0.35) + 64 * 1024 * 1024) - lacking}, systems
    if lacking and not systems:
        error_of(Refused, make_backup, make_request(tmpdir="/srv/tmp"), host)
    else:
        make_backup(make_request(tmpdir="/srv/tmp"), host)


@pytest.mark.parametrize("scopes", [["all"], ["db"], ["files"]], ids=str)
def test_engine_that_is_down_is_named_once(host: FakeEngineHost, scopes: List[str]) -> None:
    down = world.settings("engine")
    host.installation = make_installation(settings={"engine": down}, enabled=ENGINE, answered=ENGINE, owned=ENGINE)
    for number in range(1, 5):
        host.fail("read_identity", BackupError("it is down", "database_unreachable"), at=number)
    error = error_of(Refused, make_backup, make_request(scopes=scopes), host)
    assert codes_of(error) == ["database_unreachable"]


def test_database_of_another_host_is_not_asked(host: FakeEngineHost) -> None:
    host.installation = make_installation(enabled=ENGINE, answered=ENGINE, owned=ENGINE)
    make_backup(make_request(), host)
    assert host.calls.count("count_before") == 1
