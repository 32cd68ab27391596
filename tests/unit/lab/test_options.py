# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in's option parser."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest
from lab.tool.credentials import block
from lab.tool.kinds import CINDERLIB_VARIANT, ENGINE, MANAGEDBLOCK_VARIANT, Variant, variant_of
from lab.tool.options import DatabaseOptions, Death, Options, check_credentials
from lab.tool.usage import usage
from lab.tool.verify import is_restorable


def parse(*arguments: str, variant: Variant = CINDERLIB_VARIANT) -> Options:
    """Options after parsing."""
    options = Options(variant, {"ENGINE_DB_USER": "engine"})
    options.parse(list(arguments), lambda: None)
    return options


def test_nothing_given_means_backup_of_everything() -> None:
    options = parse()
    assert (options.mode, options.scope, options.selected) == ("backup", ["all"], set(CINDERLIB_VARIANT.scopes))
    assert (options.archive_compressor, options.files_compressor) == ("z", "J")
    assert {(d.format, d.compressor, d.jobs) for d in options.databases.values()} == {("custom", "", "2")}


def test_scopes_add_up_in_the_order_given() -> None:
    assert parse("--scope=db", "--scope=files").scope == ["db", "files"]
    assert parse("--scope=db", "--scope=all").selected == set(CINDERLIB_VARIANT.scopes)


def test_mode_is_remembered_even_when_it_is_wrong() -> None:
    options = Options(CINDERLIB_VARIANT, {})
    with pytest.raises(Death):
        options.parse(["--mode=wrong"], lambda: None)
    assert options.mode == "wrong"


def test_small_size_concerns_engine_and_data_warehouse_only() -> None:
    options = parse("--small-size", "--dwh-db-compressor=gzip")
    found = {name: (d.format, d.compressor) for name, d in options.databases.items()}
    assert found == {
        "engine": ("plain", "xz"),
        "dwh": ("plain", "gzip"),
        "cinderlib": ("custom", ""),
        "keycloak": ("custom", ""),
    }


@pytest.mark.parametrize(
    "argument",
    [
        "--help=x",
        "--managedblock-db-host=x",
        "--grafana-db-compressor=xz",
        "--keep-temporary-data=1",
        "backup",
    ],
)
def test_unknown_option_is_refused(argument: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Death):
        parse(argument)
    assert capsys.readouterr().err == "FATAL: Unknown option '{}'. Please see '--help' for details.\n".format(argument)


def test_password_file_gives_its_first_line_without_blanks(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text(" \t se cret\t \nsecond\n", encoding="ascii")
    assert parse("--db-passfile={}".format(path)).databases["engine"].password == "se cret"


def test_user_option_remembers_the_configured_user() -> None:
    assert parse("--db-user=other").databases["engine"].orig_user == "engine"


def test_provisioning_makes_restoring_permissions_the_default() -> None:
    assert parse("--provision-dwh-db").restore_permissions is True
    assert parse("--provision-all-databases", "--no-restore-permissions").restore_permissions is False
    assert parse().restore_permissions is None


def test_port_and_security_alone_need_no_switch() -> None:
    check_credentials(parse("--db-port=1", "--db-secured", "--db-sec-validation"))


@pytest.mark.parametrize("variant", [CINDERLIB_VARIANT, MANAGEDBLOCK_VARIANT])
def test_help_names_every_scope_that_is_accepted(variant: Variant) -> None:
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        usage(variant, "engine-backup")
    block_of_scopes = text.getvalue().split("SCOPE is one of the following:\n")[1].split("\n    Give")[0]
    named = [line.split()[0] for line in block_of_scopes.splitlines()]
    assert named == ["all", *variant.scopes]


def test_managed_block_came_with_458() -> None:
    assert (variant_of("4.5.7"), variant_of("4.5.8_master")) == (CINDERLIB_VARIANT, MANAGEDBLOCK_VARIANT)
    assert "managedblockdb" not in CINDERLIB_VARIANT.scopes
    assert "cinderlib" not in [kind.name for kind in MANAGEDBLOCK_VARIANT.backup]


@pytest.mark.parametrize(
    ("made_by", "installed", "fine"),
    [
        ("4.5.7", "4.5.7", True),
        ("4.5.6", "4.5.7", True),
        ("4.5.10", "4.5.7", False),
        ("4.5.8_master", "4.5.7", False),
        ("4.5.7", "4.5.8_master", True),
        ("4.4.10.7", "4.5.7", True),
        ("4.3.10", "4.5.7", True),
        ("4.3.9", "4.5.7", False),
        ("4.2.8", "4.5.7", False),
        ("4.6.0", "4.5.7", False),
        ("", "4.5.7", False),
    ],
)
def test_version_rule(made_by: str, installed: str, fine: bool) -> None:
    assert is_restorable(made_by, installed) is fine


def test_credentials_escape_what_the_tool_escapes_and_no_more() -> None:
    values = DatabaseOptions()
    values.password, values.user, values.database, values.host = 'a"b\\c$d`e', "u", "n", "h"
    lines = block(ENGINE, values).splitlines()
    assert 'ENGINE_DB_PASSWORD="a\\"b\\\\c\\$d`e"' in lines
    assert lines[-1].endswith('?sslfactory=org.postgresql.ssl.NonValidatingFactory"')
    assert len(lines) == 9
