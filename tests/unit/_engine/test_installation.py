# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is installed and set up below a prefix, read from a small tree of real files and programs."""

from pathlib import Path
from typing import Any, Dict

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._archive.databases import BY_NAME
from ansible_collections.ovirt.backup.plugins.module_utils._common import command
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import CommandError
from ansible_collections.ovirt.backup.plugins.module_utils._engine import installation
from ansible_collections.ovirt.backup.plugins.module_utils._engine.installation import read_installation
from unit.fakes.errors import error_of
from unit.fakes.machine import write_program

HELP = """#!/bin/sh
echo '    files                   files'
echo '    db                      engine'
echo '    dwhdb                   dwh'
echo '    cinderlibdb             cinderlib (restore only)'
"""
# Answers as otopi-config-query does: 0 where the key has the value in the file or in its directory.
QUERY = """#!/bin/sh
[ "$1 $2 $4 $6" = "match --key --value --file" ] || exit 9
grep -qsx "$3=$5" "$7" "$7".d/*.conf
"""
ENGINE_FILE = "etc/ovirt-engine/engine.conf.d/10-setup-database.conf"
DWH_FILE = "etc/ovirt-engine-dwh/ovirt-engine-dwhd.conf.d/10-setup-database.conf"
STATE = "etc/ovirt-engine-setup.conf.d/20-setup-ovirt-post.conf"
FILES: Dict[str, str] = {
    "share/ovirt-engine/services/ovirt-engine/ovirt-engine.conf":
        "ENGINE_DB_USER=engine\nKEYCLOAK_DB_USER=ovirt_engine_keycloak\nENGINE_DB_HOST=localhost\n",
    "share/ovirt-engine/setup/ovirt_engine_setup/config.py": "X = 1\nPACKAGE_VERSION = '4.5.7'\n",
    ENGINE_FILE: 'ENGINE_DB_PASSWORD="p\\:w"\nENGINE_DB_DATABASE="engine"\n',
    "etc/ovirt-engine/engine.conf.d/10-setup-protocols.conf": "ENGINE_FQDN=engine.lab.test\n",
    DWH_FILE: 'DWH_DB_PASSWORD="d"\nDWH_DB_DATABASE="ovirt_engine_history"\nDWH_DB_USER="u"\n',
    STATE: "[environment:default]\nOVESETUP_ENGINE_CORE/enable=bool:True\nOVESETUP_CONFIG/fqdn=str:other.lab.test\n"
           "OVESETUP_DWH_CORE/enable=bool:True\n",
    "var/lib/grafana/grafana.db": "x",
}  # fmt: skip


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    write_program(tmp_path / "bin/engine-backup", HELP)
    write_program(tmp_path / "bin/otopi-config-query", QUERY)
    return tmp_path


def read(prefix: Path) -> Any:
    return read_installation(str(prefix), (installation.HELP, installation.DUMPS))


def test_installation_is_read_whole(prefix: Path) -> None:
    found = read(prefix)
    assert (found.version, found.fqdn, found.is_set_up) == ("4.5.7", "engine.lab.test", True)
    assert found.tool == str(prefix / "bin/engine-backup")
    assert found.supported == {"files", "db", "dwhdb"}
    assert found.enabled == found.answered == found.owned == set(found.settings) == {"engine", "dwh"}
    engine = found.settings["engine"]
    assert engine == found.notified
    assert (engine.password, engine.password_as_shell, engine.user) == ("p:w", "p\\:w", "engine")
    assert found.grafana_file == str(prefix / "var/lib/grafana/grafana.db")
    assert found.log_directory == str(prefix / "var/log/ovirt-engine-backup")
    (prefix / "etc/ovirt-engine/engine.conf.d/10-setup-protocols.conf").unlink()
    assert read(prefix).fqdn == "other.lab.test", "that of the setup state"


def test_later_files_win_as_they_do_for_the_tool_and_copies_are_not_read(prefix: Path) -> None:
    with open(str(prefix / DWH_FILE), "a") as stream:
        stream.write('ENGINE_DB_HOST="elsewhere"\n')
    (prefix / "etc/ovirt-engine/engine.conf.d/99-local.conf").write_text('ENGINE_DB_DATABASE="moved"\n')
    (prefix / (ENGINE_FILE + ".20261122134352")).write_text('ENGINE_DB_DATABASE="old"\n')
    (prefix / "etc/ovirt-engine/engine.conf.d/99-local.conf.rpmsave").write_text('ENGINE_DB_DATABASE="old"\n')
    engine = read(prefix).settings["engine"]
    assert (engine.host, engine.database) == ("elsewhere", "moved")


@pytest.mark.parametrize("is_there", [True, False], ids=["not a program", "missing"])
def test_tool_that_is_missing_is_named(prefix: Path, is_there: bool) -> None:
    tool = prefix / "bin/engine-backup"
    tool.chmod(0o644)
    if not is_there:
        tool.unlink()
    error = error_of(CommandError, read, prefix)
    assert (error.code, str(tool) in error.message) == ("tool_missing", True)


def test_missing_programs_are_named_and_answer_nothing(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (prefix / "bin/otopi-config-query").unlink()
    monkeypatch.setattr(installation, "QUERY_TOOL", "query-that-is-nowhere")
    monkeypatch.setattr(installation, "NEEDED_PROGRAMS", ("sh", "program-that-is-nowhere"))
    found = read(prefix)
    assert sorted(found.missing_programs) == ["program-that-is-nowhere", "query-that-is-nowhere"]
    assert (found.answered, found.enabled) == (frozenset(), {"engine", "dwh"})


def test_query_is_asked_and_not_only_the_files(prefix: Path) -> None:
    write_program(prefix / "bin/otopi-config-query", '#!/bin/sh\n[ "$3" = "%s" ]\n' % BY_NAME["keycloak"].flag)
    found = read(prefix)
    assert (found.answered, found.enabled) == ({"keycloak"}, {"engine", "dwh"})


def test_no_program_is_started_for_those_who_do_not_need_it(prefix: Path) -> None:
    for name in ("engine-backup", "otopi-config-query"):
        write_program(prefix / "bin" / name, "#!/bin/sh\ntouch %s\n" % (prefix / "asked"))
    found = read_installation(str(prefix))
    assert (found.answered, found.restorable, found.enabled) == (frozenset(), frozenset(), {"engine", "dwh"})
    assert not (prefix / "asked").exists()


PYTHON = """#!/bin/sh
[ "$1 $2" = "-c import looseversion" ] && exit %d
exit 9
"""


@pytest.mark.parametrize("status", [0, 1])
def test_the_module_that_versions_are_compared_with_is_needed(
    prefix: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(installation, "NEEDED_PROGRAMS", ("python3",))
    write_program(prefix / "bin/python3", PYTHON % status)
    asked = (installation.HELP, installation.MODULES)
    assert read_installation(str(prefix), asked).missing_programs == (), "an older script does without it"
    with open(str(prefix / "bin/engine-backup"), "a") as stream:
        stream.write("# python3 -c 'from looseversion import LooseVersion'\n")
    missing = read_installation(str(prefix), asked).missing_programs
    assert missing == (() if status == 0 else ("the module looseversion of python3",))
    assert read(prefix).missing_programs == (), "a backup does without it"


@pytest.mark.parametrize("enabled", [True, False])
def test_sqlite3_is_needed_for_grafana_alone(prefix: Path, monkeypatch: pytest.MonkeyPatch, enabled: bool) -> None:
    monkeypatch.setattr(installation, "tool_environment", lambda _prefix: {"PATH": str(prefix / "bin")})
    for name in installation.NEEDED_PROGRAMS:
        write_program(prefix / "bin" / name, "#!/bin/sh\n")
    (prefix / STATE).write_text("OVESETUP_GRAFANA_CORE/enable=bool:%s\n" % enabled)
    write_program(prefix / "bin/otopi-config-query", "#!/bin/sh\nexit 1\n")
    assert read(prefix).missing_programs == (("sqlite3",) if enabled else ())


@pytest.mark.parametrize(
    ("state", "is_set_up", "enabled"),
    [
        (None, False, set()),
        ("", True, set()),
        ("OVESETUP_DWH_CORE/enable=bool:True\n", True, {"dwh"}),
        ("OVESETUP_DWH_CORE/enable=bool:False\nOVESETUP_ENGINE_CORE/enable=bool:True\n", True, {"engine"}),
    ],
    ids=["never set up", "empty state", "Data Warehouse alone", "engine alone"],
)
def test_setup_state_says_what_is_set_up(prefix: Path, state: Any, is_set_up: bool, enabled: Any) -> None:
    if state is None:
        (prefix / STATE).unlink()
    else:
        (prefix / STATE).write_text(state)
    found = read(prefix)
    assert (found.is_set_up, found.enabled) == (is_set_up, enabled)


def test_version_is_empty_where_there_are_no_packages(prefix: Path, tmp_path: Path) -> None:
    assert installation.installed_version(str(tmp_path / "nowhere")) == ""
    (prefix / "share/ovirt-engine/setup/ovirt_engine_setup/config.py").write_text("nothing\n")
    assert installation.installed_version(str(prefix)) == ""


def test_tools_get_nothing_of_the_callers_environment_but_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "secret")
    monkeypatch.setenv("PATH", "/opt/x::/usr/bin")
    found = command.tool_environment("/pre")
    assert sorted(found) == ["LC_ALL", "PATH"]
    parts = found["PATH"].split(":")
    assert parts[:2] == ["/pre/bin", "/pre/sbin"]
    assert "" not in parts
    assert {"/opt/x", "/usr/sbin", "/usr/bin", "/sbin", "/bin"} <= set(parts)
    assert command.tool_environment("")["PATH"].startswith("/opt/x:/usr/bin:/usr/sbin")


@pytest.mark.parametrize(
    ("prefix_", "path", "expected"),
    [("", "bin/x", "/usr/bin/x"), ("", "share/x", "/usr/share/x"), ("", "etc/x", "/etc/x"), ("", "var/x", "/var/x"),
     ("/pre", "bin/x", "/pre/bin/x"), ("/pre", "etc/x", "/pre/etc/x")],
)  # fmt: skip
def test_places_of_packages_and_of_a_prefix(prefix_: str, path: str, expected: str) -> None:
    assert installation.below(prefix_, path) == expected


def test_program_must_be_an_executable_file(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("x")
    (tmp_path / "folder").mkdir()
    write_program(tmp_path / "good", "#!/bin/sh\n")
    env = {"PATH": "/nowhere:%s" % tmp_path}
    assert command.find_program("good", env) == str(tmp_path / "good")
    assert [command.find_program(name, env) for name in ("plain", "folder", "none")] == ["", "", ""]
