# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of pg_hba.conf: whom they let in, and where a new line has to stand."""

from typing import List, Optional, Tuple

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._postgres.pg_hba_rules import (
    END,
    EVERYWHERE,
    AddressRange,
    Place,
    Rule,
    find_place,
    insert_lines,
    make_line,
    remove_lines,
)

FILE = "/data/pg_hba.conf"
ONE = AddressRange(4, 10, 10)
NET = AddressRange(4, 0, 255)
ELSEWHERE = AddressRange(4, 256, 511)
SIX = AddressRange(6, 10, 10)


def rule(
    line: int, method: str, databases: str = "all", users: str = "all", addresses: Optional[AddressRange] = NET,
    kind: str = "host",
) -> Rule:  # fmt: skip
    return Rule(FILE, line, kind, tuple(databases.split(",")), tuple(users.split(",")), addresses, method)


@pytest.mark.parametrize(
    "found",
    [
        [rule(1, "scram-sha-256")],
        [rule(1, "md5", "engine", "engine", ONE)],
        [rule(1, "md5", "x,engine", "+x,engine")],
        [rule(1, "scram-sha-256", addresses=EVERYWHERE)],
        [rule(1, "reject", "x"), rule(2, "reject", users="x"), rule(3, "reject", addresses=ELSEWHERE), rule(4, "md5")],
        [rule(1, "peer", kind="local"), rule(2, "gss", kind="hostgssenc"), rule(3, "md5")],
        [rule(1, "reject", "replication"), rule(2, "md5")],
        [rule(1, "md5", addresses=None), rule(2, "md5", users="+group"), rule(3, "md5")],
        [rule(1, "md5", kind="hostssl"), rule(2, "md5")],
        [rule(1, "trust", addresses=SIX), rule(2, "md5")],
    ],
    ids=str,
)  # fmt: skip
def test_client_that_comes_in_with_a_password_needs_no_line(found: List[Rule]) -> None:
    assert find_place(found, "engine", "engine", ONE) is None


@pytest.mark.parametrize(
    ("found", "line"),
    [
        ([], 0),
        ([rule(1, "md5", "x")], 0),
        ([rule(1, "md5", "replication")], 0),
        ([rule(1, "md5", users="x")], 0),
        ([rule(1, "md5", addresses=ELSEWHERE)], 0),
        ([rule(1, "md5", addresses=SIX)], 0),
        ([rule(1, "md5", addresses=None)], 0),
        ([rule(1, "md5", users="+group")], 0),
        ([rule(1, "md5", "sameuser")], 0),
        ([rule(1, "md5", kind="hostssl")], 0),
        ([rule(3, "reject"), rule(4, "md5")], 3),
        ([rule(3, "trust"), rule(4, "md5")], 3),
        ([rule(3, "ident", "engine", "engine", ONE)], 3),
        ([rule(3, "reject", addresses=None), rule(4, "md5")], 3),
        ([rule(3, "reject", users="+group"), rule(4, "md5")], 3),
        ([rule(3, "reject", users="/^eng"), rule(4, "md5")], 3),
        ([rule(3, "reject", "samerole"), rule(4, "md5")], 3),
        ([rule(3, "cert", kind="hostssl"), rule(4, "md5")], 3),
        ([rule(2, "md5", addresses=SIX), rule(3, "reject", addresses=EVERYWHERE)], 3),
    ],
    ids=str,
)  # fmt: skip
def test_line_goes_before_the_first_rule_that_could_catch_the_client(found: List[Rule], line: int) -> None:
    place = find_place(found, "engine", "engine", ONE)
    assert place == (Place(FILE, line) if line else END)


def test_network_that_a_rule_lets_in_only_in_part_needs_a_line() -> None:
    assert find_place([rule(1, "md5", addresses=ONE)], "engine", "engine", NET) == END
    assert find_place([rule(1, "reject", addresses=ONE)], "engine", "engine", NET) == Place(FILE, 1)


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (("engine", "engine"), "engine engine"),
        (("", "reporting"), "all reporting"),
        (("all", "all"), '"all" "all"'),
        (("replication", "+x"), '"replication" "+x"'),
        (("a,b", "@x"), '"a,b" "@x"'),
        (("/x", "a-b.c_1"), '"/x" a-b.c_1'),
    ],
)
def test_name_that_would_mean_something_else_is_quoted(names: Tuple[str, str], shown: str) -> None:
    assert make_line(names[0], names[1], "192.0.2.1/32") == "host " + shown + " 192.0.2.1/32 scram-sha-256"


TEXT = "# one\n\n  # two\nlocal all all peer\nhost all all all reject\n"


@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        (TEXT, Place(FILE, 5), "# one\n\n  # two\nlocal all all peer\nNEW\nhost all all all reject\n"),
        (TEXT, Place("/other", 1), "# one\n\n  # two\nNEW\nlocal all all peer\nhost all all all reject\n"),
        (TEXT, END, TEXT + "NEW\n"),
        ("local all all peer", END, "local all all peer\nNEW\n"),
        ("", END, "NEW\n"),
        ("# x\n", Place("/other", 7), "# x\nNEW\n"),
    ],
    ids=["before a rule", "rule of an included file", "end", "no last line break", "empty", "only comments"],
)
def test_line_is_put_in_its_place_and_the_rest_stays(text: str, place: Place, expected: str) -> None:
    assert insert_lines(text, FILE, [(place, "NEW")]) == expected


def test_several_lines_go_to_the_places_that_the_old_text_had() -> None:
    lines: List[Tuple[Place, str]] = [(Place(FILE, 2), "X"), (END, "Y"), (Place(FILE, 1), "Z")]
    assert insert_lines("a\nb\n", FILE, lines) == "Z\na\nX\nb\nY\n"
    assert insert_lines(TEXT, FILE, []) == TEXT


def test_line_is_removed_however_it_is_spaced_and_nothing_else() -> None:
    line = make_line("twin", "twin", "0.0.0.0/0")
    text = "host\ttwin   twin  0.0.0.0/0 scram-sha-256\nhost twin twin 0.0.0.0/0 md5\n# " + line + "\n"
    assert remove_lines(text, [line]) == "host twin twin 0.0.0.0/0 md5\n# " + line + "\n"
