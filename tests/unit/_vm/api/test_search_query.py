# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A text becomes a search that finds it, whatever is in it."""

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._vm.api.search_query import any_equals, begins, equals, is_id


@pytest.mark.parametrize(
    ("name", "search"),
    [
        ("my app", 'name="my app"'),
        ("app-01_x.y", 'name="app-01_x.y"'),
        ("Größe", 'name="Größe"'),
        ('say "hi"', 'name="say *hi*"'),
        ("x -- y; drop", 'name="x * y* drop"'),
        ("(old)[1]", 'name="*old*1*"'),
    ],
)
def test_what_the_search_language_does_not_know_is_a_wildcard(name: str, search: str) -> None:
    assert equals("name", name) == search


def test_a_search_for_a_beginning_ends_in_a_wildcard() -> None:
    assert begins("description", "ovirt.backup restore: app [") == 'description="ovirt.backup restore: app *"'
    assert begins("description", "app") == 'description="app*"'


def test_several_texts_are_searched_for_at_a_time() -> None:
    assert any_equals("vnic.mac", ["56:6f:00:00:00:01", "56:6f:00:00:00:02"]) == (
        'vnic.mac="56:6f:00:00:00:01" or vnic.mac="56:6f:00:00:00:02"'
    )


def test_an_id_is_told_from_a_name() -> None:
    assert is_id("a0000000-0000-4000-8000-000000000001")
    assert is_id("A0000000-0000-4000-8000-00000000000F")
    assert not is_id("a0000000-0000-4000-8000-000000000001-old")
    assert not is_id("a0000000-0000-4000-8000-00000000000")
