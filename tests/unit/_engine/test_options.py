# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options are read and set with the tool, and read back: a small engine-config with a real file."""

from pathlib import Path

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError, CommandError, Refused
from ansible_collections.ovirt.backup.plugins.module_utils._engine.options import Option
from unit.fakes.errors import error_of

# Prints what the real one prints, to the same channels.
TOOL = r"""#!/bin/sh
cd "$(dirname "$0")/../options" || exit 9
echo "$@" >> calls
echo "Picked up JAVA_TOOL_OPTIONS: -Dcom.redhat.fips=false" >&2
[ -e down ] && { echo "Connection to the Database failed. Please check that the Database service is up."; exit 1; }
version=${3#--cver=}
case "$1" in
    -g) cat "$2-$version" 2>/dev/null && exit 0
        echo "Error fetching $2 value: no such entry with version '$version'."; exit 1 ;;
    -s) name=${2%%=*}; value=${2#*=}
        [ "$value" = bad ] && { echo "Cannot set value bad to key $name. "; exit 1; }
        [ -e deaf ] || printf '%s\n' "$value" > "$name-$version" ;;
esac
"""
NAME = "DisableFenceAtStartupInSec"
PROPERTIES = "etc/ovirt-engine/engine-config/engine-config.properties"


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    for name, text in {
        "bin/engine-config": TOOL, PROPERTIES: NAME + ".type=Integer\nWord.type=Password\n",
        "options/" + NAME + "-general": "300\n", "options/" + NAME + "-4.7": "100\n",
    }.items():  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "bin/engine-config").chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("value", ["", "a = b", "'quoted' $HOME"])
def test_a_value_is_set_as_it_is_for_its_version_and_read_back(prefix: Path, value: str) -> None:
    option = Option(str(prefix), NAME, "4.7")
    assert option.read() == "100"
    option.set(value)
    assert option.read() == value
    assert Option(str(prefix), NAME, "general").read() == "300"


def test_a_tool_that_sets_nothing_is_found_out(prefix: Path) -> None:
    (prefix / "options/deaf").write_text("")
    error = error_of(BackupError, Option(str(prefix), NAME, "general").set, "86400")
    assert (error.code, "'86400'" in error.message, "'300'" in error.message) == ("option_not_set", True, True)


def test_a_value_that_the_tool_refuses_is_told_with_its_words(prefix: Path) -> None:
    error = error_of(CommandError, Option(str(prefix), NAME, "general").set, "bad")
    assert (error.code, error.facts["rc"]) == ("option_refused", 1)
    assert "Cannot set value bad to key %s." % NAME in error.message


@pytest.mark.parametrize(
    ("name", "version", "is_down", "code", "part"),
    [
        (NAME, "4.6", False, "option_unreadable", "no such entry with version '4.6'"),
        ("Nothing", "general", False, "option_unknown", PROPERTIES),
        (NAME, "general", True, "option_unreadable", "Connection to the Database failed"),
    ],
)
def test_an_option_that_can_not_be_read_says_why(
    prefix: Path, name: str, version: str, is_down: bool, code: str, part: str
) -> None:
    if is_down:
        (prefix / "options/down").write_text("")
    error = error_of(CommandError, Option(str(prefix), name, version).read)
    assert (error.code, part in error.message) == (code, True)


def test_a_password_is_refused_before_the_tool_runs(prefix: Path) -> None:
    for name in ("Word", "SysPrepDefaultPassword"):
        assert error_of(Refused, Option(str(prefix), name, "general").read).code == "option_is_secret"
    assert not (prefix / "options/calls").exists()


def test_a_host_without_the_tool_is_named(tmp_path: Path) -> None:
    error = error_of(CommandError, Option(str(tmp_path), NAME, "general").read)
    assert (error.code, str(tmp_path / "bin/engine-config") in error.message) == ("tool_missing", True)
