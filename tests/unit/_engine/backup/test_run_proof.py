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
from unit.fakes.errors import error_of

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
    error = error_of(NotProven, make_backup, make_request(), host)
    assert host.published == {}
    assert (host.is_held, host.state) == (False, None)
    assert "publish" not in host.calls
    facts = error.facts
    assert facts["phase"] == "proving"
    assert facts["log_path"] in host.logs
    assert facts["cmd"] == host.commands[-1]
    return [item["code"] for item in facts["problems"]]


LOST_TABLE = {name: rows for name, rows in world.ENGINE_ROWS.items() if name != "public.vm_static"}
LOST_SCHEMA = {name: rows for name, rows in world.ENGINE_ROWS.items() if not name.startswith("aaa_jdbc")}
FEWER = dict(world.DWH_ROWS, **{CALENDAR: 299})
CASES: Dict[str, Any] = {
    "dump missing": (fresh(without=["db/dwh_backup.db"]), ["dump_missing"]),
    "one row lost": (with_rows(dwh=FEWER), ["rows_differ"]),
    "table and schema lost": (with_rows(engine=LOST_SCHEMA), ["table_missing", "schema_missing"]),
    "dump of another database": (with_rows(dwh=world.ENGINE_ROWS), ["table_missing"] * 2),
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


@pytest.mark.parametrize(
    ("dumped", "later"),
    [(300, world.snapshot(world.DWH_ROWS)), (290, busy(280, 0, 20)), (0, busy(0, filenode=2))],
    ids=["quiet", "rows were deleted meanwhile", "table was truncated meanwhile"],
)
def test_busy_engine_does_not_fail_a_good_backup(dumped: int, later: TableCounts) -> None:
    host = host_making(with_rows(dwh=dict(world.DWH_ROWS, **{CALENDAR: dumped})))
    host.later["dwh"] = [later]
    assert make_backup(make_request(), host).changed
    assert (host.calls.count("count_after"), host.calls.count("sleep")) == (2, 0)


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


def test_sqlite_file_is_not_waited_for(host: FakeEngineHost) -> None:
    kinds = frozenset(["engine", "dwh", "grafana"])
    host.installation = make_installation(enabled=kinds, answered=kinds, grafana_file="/var/lib/grafana/grafana.db")
    host.live["grafana"] = world.snapshot({"dashboard": 4})
    reading = fresh(live=dict(world.LIVE, grafana={"dashboard": 3}))
    sqlite = reading.dumps["grafana"]._replace(format="sqlite")
    host.runs = [GOOD._replace(reading=reading._replace(dumps=dict(reading.dumps, grafana=sqlite)))]
    assert codes_of(host) == ["rows_differ"]
    assert host.calls.count("sleep") == 0


def test_plan_that_dumps_tables_without_rows_is_proven_too(host: FakeEngineHost) -> None:
    rows = dict(world.DWH_ROWS, **{"public.no_rows": 0})
    host.live["dwh"] = world.snapshot(rows)
    assert make_backup(make_request(), host).archive["databases"]["dwh"]["tables"]["public.no_rows"] == 0


def test_archive_of_this_second_is_not_stale() -> None:
    assert make_backup(make_request(), host_making(world.reading(mtime=world.NOW - CLOCK_SLACK))).changed


def test_time_is_compared_on_the_file_system_of_the_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    host = host_making(world.reading(mtime=world.NOW - 3590))
    monkeypatch.setattr(host, "modified", lambda _path: world.NOW - 3600)
    assert make_backup(make_request(), host).changed
