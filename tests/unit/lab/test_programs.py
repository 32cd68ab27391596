# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The small stand-ins and the lab's own pure parts."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from lab.config_query import main as config_query
from lab.configuration import files
from lab.databases import make_password, plan_databases
from lab.faults import FAULTS, clear, set_fault
from lab.layout import Lab, LabError, load, save
from lab.lifecycle import parse_components, start
from lab.systemctl import main as systemctl
from lab.systemctl import read_state, write_state
from lab.tool.shell import configuration_files, source

STATE = "[environment:default]\nA/enable=bool:True\nB/text=str:x=y # z\n"


def make_lab(home: Path, *kinds: str, version: str = "4.5.7") -> Lab:
    """A lab that exists on paper."""
    return Lab(
        home,
        version,
        ("engine", *kinds),
        1,
        "engine.lab.test",
        5433,
        home / "postgres",
        "nobody",
        Path("/usr/bin"),
        plan_databases(("engine", *kinds)),
        tuple(make_password() for _number in range(4)),
    )


def query(path: Path, key: str, value: str) -> int:
    """Exit status of the query tool."""
    return config_query(["match", "--key", key, "--value", value, "--file", str(path)])


def test_query_tool_tells_match_mismatch_and_missing_apart(tmp_path: Path) -> None:
    path = tmp_path / "setup.conf"
    directory = tmp_path / "setup.conf.d"
    directory.mkdir()
    (directory / "20-post.conf").write_text(STATE, encoding="ascii")
    assert query(path, "A/enable", "bool:True") == 0
    assert query(path, "A/enable", "bool:False") == 1
    assert query(path, "a/enable", "bool:True") == 2
    assert query(tmp_path / "other", "A/enable", "bool:True") == 2


def test_later_files_win_in_the_query_tool(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "setup.conf"
    path.write_text(STATE, encoding="ascii")
    (tmp_path / "setup.conf.d").mkdir()
    (tmp_path / "setup.conf.d" / "99.conf").write_text("[environment:default]\nA/enable=bool:False\n", encoding="ascii")
    assert query(path, "A/enable", "bool:False") == 0
    assert config_query(["query", "--key", "B/text", "--file={}".format(path)]) == 0
    assert capsys.readouterr().out == "str:x=y # z\n"


def test_systemctl_keeps_state_between_calls(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "services").mkdir()
    write_state(tmp_path / "services", "ovirt-engine", active=True, enabled=True)
    assert systemctl(tmp_path, ["is-active", "ovirt-engine.service"]) == 0
    assert systemctl(tmp_path, ["disable", "--now", "ovirt-engine"]) == 0
    assert read_state(tmp_path / "services", "ovirt-engine") == (False, False)
    assert systemctl(tmp_path, ["is-active", "ovirt-engine"]) == 3
    assert systemctl(tmp_path, ["is-enabled", "ovirt-engine"]) == 1
    assert capsys.readouterr().out == "active\ninactive\ndisabled\n"


def test_systemctl_does_not_know_every_unit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "services").mkdir()
    assert systemctl(tmp_path, ["start", "nonsense"]) == 5
    assert systemctl(tmp_path, ["is-active", "-q", "nonsense"]) == 3
    assert systemctl(tmp_path, ["dance", "nonsense"]) == 1
    assert capsys.readouterr().out == ""


def test_saved_lab_is_loaded_as_it_was_and_is_private(tmp_path: Path) -> None:
    lab = make_lab(tmp_path, "dwh")
    save(lab)
    assert load(tmp_path) == lab
    assert (tmp_path / "lab.json").stat().st_mode & 0o777 == 0o600


def test_directory_without_a_lab_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="there is no lab below"):
        load(tmp_path)


def test_directory_with_other_files_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "precious").touch()
    with pytest.raises(LabError, match="holds files that are not a lab"):
        start(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


@pytest.mark.parametrize(
    ("text", "components"),
    [
        ("engine", ("engine",)),
        ("all", ("engine", "dwh", "keycloak", "grafana")),
        ("dwh", ("engine", "dwh")),
        ("all+block", ("engine", "dwh", "keycloak", "grafana", "block")),
    ],
)
def test_components_are_read(text: str, components: tuple[str, ...]) -> None:
    assert parse_components(text) == components


def test_unknown_component_is_named() -> None:
    with pytest.raises(LabError, match="unknown component 'reports'"):
        parse_components("all+reports")


def test_configuration_is_sourced_in_the_tools_order(tmp_path: Path) -> None:
    lab = make_lab(tmp_path, "dwh")
    for name, (_mode, text) in files(lab).items():
        path = lab.prefix / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    extra = lab.prefix / "etc/ovirt-engine-dwh/ovirt-engine-dwhd.conf.d/99.conf"
    extra.write_text("ENGINE_DB_HOST=${ENGINE_FQDN}\n", encoding="utf-8")
    found = source(configuration_files(lab.prefix), {})
    assert (found["ENGINE_DB_HOST"], found["DWH_DB_PASSWORD"]) == ("engine.lab.test", lab.databases["dwh"].password)
    assert (found["CINDERLIB_DB_USER"], found["KEYCLOAK_DB_USER"]) == ("ovirt_cinderlib", "ovirt_engine_keycloak")
    assert "PATH" not in found


def test_no_process_shows_what_was_sourced_before(tmp_path: Path) -> None:
    look = tmp_path / "look.conf"
    look.write_text('SHOWN="$(tr "\\0" " " < /proc/$$/environ; tr "\\0" " " < /proc/$$/cmdline)"\n', encoding="utf-8")
    known = {"ENGINE_DB_PASSWORD": 'it\'s\n"deep" $(secret)', "ENGINE_DB_USER": "engine"}
    found = source([look], known)
    assert "posix" in found["SHOWN"] and "secret" not in found.pop("SHOWN")
    assert found == known


def test_every_configuration_file_is_one_a_shell_reads(tmp_path: Path) -> None:
    lab = make_lab(tmp_path, "dwh", "keycloak")
    texts = [text for name, (_mode, text) in files(lab).items() if ".conf.d/" in name and "setup.conf.d" not in name]
    assert len(texts) > 10
    for text in texts:
        assert subprocess.run(["sh", "-n"], input=text.encode(), check=False, capture_output=True).stderr == b""


def test_cleared_faults_are_gone_and_strangers_stay(tmp_path: Path) -> None:
    for name in FAULTS:
        set_fault(tmp_path, name)
    (tmp_path / "stranger").touch()
    clear(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["stranger"]
