# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tool made is not what it should be: named, discarded, never published. A busy engine is no fault."""

from typing import Any, Dict, List

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._archive.model import ArchiveReading
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import NotProven, Problem
from ansible_collections.ovirt.backup.plugins.module_utils._engine.backup.run import (
    CLOCK_SLACK,
    SETTLE_SECONDS,
    make_backup,
)
from ansible_collections.ovirt.backup.plugins.module_utils._postgres.model import TableCounts, TableState
from unit.fakes import world
from unit.fakes.engine_host import GOOD, FakeEngineHost, make_installation, make_request

CALENDAR = "public.calendar"


def host_making(reading: ArchiveReading, **changes: Any) -> FakeEngineHost:
    """Return a host whose tool says that all is well and leaves this archive."""
    host = FakeEngineHost()
    host.runs = [GOOD._replace(reading=reading, **changes)]
    return host


def fresh(**options: Any) -> ArchiveReading:
    return world.reading(mtime=world.NOW + 5, **options)


def with_rows(**rows: Dict[str, int]) -> ArchiveReading:
    return fresh(live=dict(world.LIVE, **rows))


def codes_of(host: FakeEngineHost) -> List[str]:
    """Run where the proof must fail, and see that nothing stays."""
    with pytest.raises(NotProven) as caught:
        make_backup(make_request(), host)
    assert host.published == {}
    assert (host.is_held, host.state) == (False, None)
    assert "publish" not in host.calls
    facts = caught.value.facts
    assert facts["phase"] == "proving"
    assert facts["log_path"] in host.logs
    assert facts["cmd"] == host.commands[-1]
    return [item["code"] for item in facts["problems"]]


def quiet(rows: Dict[str, int]) -> TableCounts:
    return world.snapshot(rows)


LOST_TABLE = {name: rows for name, rows in world.ENGINE_ROWS.items() if name != "public.vm_static"}
LOST_SCHEMA = {name: rows for name, rows in world.ENGINE_ROWS.items() if not name.startswith("aaa_jdbc")}
FEWER = dict(world.DWH_ROWS, **{CALENDAR: 299})
MORE = dict(world.DWH_ROWS, **{CALENDAR: 301})
CASES: Dict[str, Any] = {
    "dump missing": (fresh(without=["db/dwh_backup.db"]), ["dump_missing"]),
    "files missing": (fresh(without=["files"]), ["files_missing"]),
    "one row lost": (with_rows(dwh=FEWER), ["rows_differ"]),
    "one row too many": (with_rows(dwh=MORE), ["rows_differ"]),
    "no rows at all": (with_rows(dwh=dict.fromkeys(world.DWH_ROWS, 0)), ["rows_differ"] * 2),
    "table lost": (with_rows(engine=LOST_TABLE), ["table_missing"]),
    "schema lost": (with_rows(engine=LOST_SCHEMA), ["table_missing", "schema_missing"]),
    "dump of another database": (with_rows(dwh=world.ENGINE_ROWS), ["table_missing"] * 2),
    "hash wrong": (
        fresh()._replace(small=dict(fresh().small, sha256sum=fresh().small["sha256sum"].replace(
            world.member("config", b"config").sha256, "0" * 64))), ["hash_mismatch"]),
    "key of the engine lost": (
        fresh()._replace(files=world.files(["etc/pki/ovirt-engine/keys/engine.p12"])), ["files_incomplete"]),
    "cut archive": (
        fresh()._replace(problems=(Problem("archive_truncated", "cut"),)), ["archive_truncated"]),
    "old archive": (world.reading(mtime=world.NOW - 60), ["archive_stale"]),
    "nothing": (
        fresh()._replace(members=(), dumps={}, problems=(Problem("archive_empty", "0 bytes"),)), ["archive_empty"]),
}  # fmt: skip


@pytest.mark.parametrize(("reading", "codes"), list(CASES.values()), ids=list(CASES))
def test_archive_that_is_not_right_is_named_and_discarded(reading: ArchiveReading, codes: List[str]) -> None:
    assert codes_of(host_making(reading)) == codes


def test_silent_skip_is_named_even_where_the_archive_is_whole() -> None:
    stdout = world.tool_output(["files", "db"], {"engine": "engine"})
    assert codes_of(host_making(fresh(), stdout=stdout)) == ["database_skipped"]


def test_several_faults_are_all_named() -> None:
    stdout = world.tool_output(["db"], {"engine": "engine"})
    reading = fresh(live={"engine": LOST_TABLE})
    assert codes_of(host_making(reading, stdout=stdout)) == [
        "database_skipped",
        "files_skipped",
        "dump_missing",
        "table_missing",
    ]


def busy(rows: int, inserted: int = 0, deleted: int = 0, filenode: int = 1) -> TableCounts:
    """Return a count of the Data Warehouse whose calendar moved."""
    found = world.snapshot(world.DWH_ROWS)
    found.tables[CALENDAR] = TableState(rows, inserted, deleted, filenode)
    return found


BUSY: Dict[str, Any] = {
    "rows were inserted meanwhile": (310, [busy(320, 20)]),
    "rows were deleted meanwhile": (290, [busy(280, 0, 20)]),
    "table was truncated meanwhile": (0, [busy(0, filenode=2)]),
    "table was dropped meanwhile": (300, [TableCounts({"public.vm_samples_history": TableState(7000, 0, 0, 1)}, ())]),
}


@pytest.mark.parametrize(("dumped", "later"), list(BUSY.values()), ids=list(BUSY))
def test_busy_engine_does_not_fail_a_good_backup(dumped: int, later: List[TableCounts]) -> None:
    host = host_making(with_rows(dwh=dict(world.DWH_ROWS, **{CALENDAR: dumped})))
    host.later["dwh"] = later
    assert make_backup(make_request(), host).changed
    assert host.calls.count("sleep") == 0


def test_late_statistics_are_waited_for() -> None:
    host = host_making(with_rows(dwh=dict(world.DWH_ROWS, **{CALENDAR: 310})))
    host.later["dwh"] = [busy(300), busy(300), busy(300), busy(300, 10, 10)]
    assert make_backup(make_request(), host).changed
    assert host.calls.count("sleep") == 3


def test_table_that_stays_busy_is_held_against_its_first_count() -> None:
    host = host_making(with_rows(dwh=dict(world.DWH_ROWS, **{CALENDAR: 301})))
    host.later["dwh"] = [busy(330, 20), busy(400, 90)]
    archive = make_backup(make_request(), host).archive
    assert host.calls.count("sleep") == 1
    assert archive["databases"]["dwh"]["live_rows"] == sum(world.DWH_ROWS.values()) + 30


def test_statistics_that_never_explain_are_waited_for_no_longer_than_the_limit() -> None:
    host = host_making(with_rows(dwh=FEWER))
    assert codes_of(host) == ["rows_differ"]
    assert host.calls.count("sleep") == SETTLE_SECONDS


def test_unexplained_difference_within_the_two_counts_is_accepted_after_the_wait() -> None:
    host = host_making(with_rows(dwh=dict(world.DWH_ROWS, **{CALENDAR: 310})))
    host.later["dwh"] = [busy(320)]
    assert make_backup(make_request(), host).changed
    assert host.calls.count("sleep") == SETTLE_SECONDS


def test_quiet_engine_is_counted_once_and_never_waited_for() -> None:
    host = FakeEngineHost()
    make_backup(make_request(), host)
    assert (host.calls.count("count_after"), host.calls.count("sleep")) == (2, 0)


def with_grafana() -> FakeEngineHost:
    host = FakeEngineHost()
    kinds = frozenset(["engine", "dwh", "grafana"])
    host.installation = make_installation(enabled=kinds, answered=kinds, grafana_file="/var/lib/grafana/grafana.db")
    host.live["grafana"] = quiet({"dashboard": 4})
    return host


def test_sqlite_file_is_not_waited_for() -> None:
    host = with_grafana()
    reading = fresh(live=dict(world.LIVE, grafana={"dashboard": 3}))
    sqlite = reading.dumps["grafana"]._replace(format="sqlite")
    host.runs = [GOOD._replace(reading=reading._replace(dumps=dict(reading.dumps, grafana=sqlite)))]
    assert codes_of(host) == ["rows_differ"]
    assert host.calls.count("sleep") == 0


def test_plan_that_dumps_tables_without_rows_is_proven_too() -> None:
    host = FakeEngineHost()
    rows = dict(world.DWH_ROWS, **{"public.no_rows": 0})
    host.live["dwh"] = quiet(rows)
    assert make_backup(make_request(), host).archive["databases"]["dwh"]["tables"]["public.no_rows"] == 0


@pytest.mark.parametrize("lag", [0, 1, CLOCK_SLACK])
def test_archive_of_this_second_is_not_stale(lag: int) -> None:
    assert make_backup(make_request(), host_making(world.reading(mtime=world.NOW - lag))).changed


def test_time_is_compared_on_the_file_system_of_the_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    host = host_making(world.reading(mtime=world.NOW - 3590))
    monkeypatch.setattr(host, "modified", lambda _path: world.NOW - 3600)
    assert make_backup(make_request(), host).changed
