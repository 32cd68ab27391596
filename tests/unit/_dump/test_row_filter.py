# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of a dump that say what it is a dump of, however its data arrives."""

from typing import List, Sequence, Tuple

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._dump.row_filter import (
    MOST_ROWS,
    WATCHES,
    RowFilter,
    backup_log_path,
    hosted_engine_name,
    list_columns,
    watch_table,
)
from ansible_collections.ovirt.backup.plugins.module_utils._dump.sql import MARK, NAME, WORD, Token

AUDIT = WATCHES["public.audit_log"]
VIRTUAL = WATCHES["public.vm_static"]
COLUMNS = ("audit_log_id", "user_id", "log_type", "message")
STARTED = "engine-backup: Backup Started, scope=%s, log=%s"


def started(number: int, log: str = "/l/one.log", scope: str = "db", kind: str = "9024") -> str:
    return "\t".join((str(number), "\\N", kind, STARTED % (scope, log))) + "\n"


def watched(data: str, columns: Sequence[str] = COLUMNS, cut: int = 0) -> List[Tuple[str, ...]]:
    watch, content = RowFilter(AUDIT, columns), data.encode()
    for block in (content[:cut], content[cut:]):
        watch.feed(block)
    return watch.rows


def copy_tokens(*columns: str) -> List[Token]:
    found = [Token(WORD, "copy"), Token(NAME, "public"), Token(MARK, "."), Token(NAME, "audit_log"), Token(MARK, "(")]
    for column in columns:
        found += [Token(NAME, column), Token(MARK, ",")]
    return found[:-1] + [Token(MARK, ")"), Token(WORD, "from"), Token(WORD, "stdin")]


def test_columns_are_those_between_the_parentheses() -> None:
    assert list_columns(copy_tokens(*COLUMNS)) == list(COLUMNS)
    assert list_columns([Token(WORD, "copy"), Token(NAME, "x"), Token(WORD, "from")]) == []
    assert list_columns(copy_tokens(*COLUMNS)[:6]) == []


def test_only_rows_of_a_started_backup_are_kept() -> None:
    data = "1\t\\N\t30\tVM started\n" + started(2) + started(3, kind="9025") + "4\t\\N\t9024\tother\n\\.\n"
    assert watched(data) == [("2", STARTED % ("db", "/l/one.log"))]


def test_blocks_may_end_anywhere() -> None:
    data = "1\t\\N\t30\tx\n" + started(2) + started(3, "/l/two.log") + "\\.\n"
    whole = watched(data)
    assert len(whole) == 2
    assert all(watched(data, cut=cut) == whole for cut in range(len(data)))


def test_columns_may_stand_in_any_order_and_are_all_needed() -> None:
    row = "\t".join((STARTED % ("db", "/l/x.log"), "9024", "8")) + "\n"
    assert watched(row, ("message", "log_type", "audit_log_id")) == [("8", STARTED % ("db", "/l/x.log"))]
    assert watched(started(1), ("audit_log_id", "user_id", "kind", "message")) == []
    assert watched(started(1), ()) == []
    assert len(watched("".join(started(number) for number in range(MOST_ROWS + 5)))) == MOST_ROWS


@pytest.mark.parametrize(("schema", "table"), [("public", "audit_log"), ("public", "vm_static")])
def test_watched_tables_are_those_of_the_engine(schema: str, table: str) -> None:
    assert watch_table(schema, table, copy_tokens("x")) is not None
    assert watch_table("other", table, copy_tokens("x")) is None
    assert watch_table(schema, "vms", copy_tokens("x")) is None


@pytest.mark.parametrize(("origin", "name"), [("5", "HostedEngine"), ("6", "HostedEngine"), ("3", ""), ("15", "")])
def test_engine_runs_in_a_virtual_machine_of_its_own_by_its_origin(origin: str, name: str) -> None:
    watch = RowFilter(VIRTUAL, ("vm_guid", "vm_name", "origin"))
    watch.feed(("guid\tother\t3\nguid\tHostedEngine\t%s\n" % origin).encode())
    assert hosted_engine_name({"public.vm_static": watch.rows}) == name
    assert hosted_engine_name({}) == ""


def test_the_newest_started_backup_is_the_one_of_the_dump() -> None:
    rows = watched(started(9, "/l/nine.log") + started(10, "/l/ten.log", "files") + started(8, "/l/eight.log"))
    assert backup_log_path({"public.audit_log": rows}) == "/l/ten.log"


@pytest.mark.parametrize("rows", [[], [("x", "log=/l")], [("1", "no path")]], ids=["none", "no number", "no path"])
def test_without_a_usable_row_there_is_no_identity(rows: List[Tuple[str, ...]]) -> None:
    assert backup_log_path({"public.audit_log": [("1", "x log=/no log=/l/one.log (more)")]}) == "/l/one.log"
    assert backup_log_path({"public.audit_log": rows}) == ""
    assert backup_log_path({}) == ""
