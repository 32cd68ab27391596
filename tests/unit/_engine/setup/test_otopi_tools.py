# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host of engine-setup and engine-cleanup: places, answers, what a tool leaves, and the look into its log."""

import json
import os
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common import command, files
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError, Interrupted
from ansible_collections.ovirt.backup.plugins.module_utils._engine.setup.otopi_model import CLEANUP, SETUP
from unit.fakes import archives, world
from unit.fakes.errors import error_of
from unit.fakes.machine import write_program as write_executable

pytest.importorskip("psycopg2")

from ansible_collections.ovirt.backup.plugins.module_utils._engine.setup.otopi_tools import LogPosition, OtopiHost

QUERY = "2026-11-22 13:45:47,123+0000 DEBUG otopi.plugins.otopi.dialog.human human.queryString:174 query %s\n"
HEADER = "[environment:default]\n"
ENGINE_CONF = "etc/ovirt-engine/engine.conf.d/10-setup-database.conf"


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """A development installation with little in it."""
    root = tmp_path / "prefix"
    for name in ("lib/ovirt-engine-backup", "log/ovirt-engine/setup", "lib/ovirt-engine/setup/answers"):
        (root / "var" / name).mkdir(parents=True)
    write_program(root, "engine-setup", "exit 0")
    write_program(root, "engine-cleanup", "exit 0")
    return root


def write_program(root: Path, name: str, script: str) -> None:
    write_executable(root / "bin" / name, "#!/bin/sh\n%s\n" % script)


def test_a_run_works_in_the_usual_directory_unless_told_otherwise(prefix: Path, tmp_path: Path) -> None:
    choose = OtopiHost(str(prefix)).tool.choose_places
    places, usual = choose(SETUP, ""), str(prefix / "var/lib/ovirt-engine-backup")
    assert places[:3] == (str(prefix / "bin/engine-setup"), usual, usual) and places.problems == ()
    assert places.log_path.startswith(str(prefix / "var/log/ovirt-engine/setup/ovirt-engine-setup-"))
    assert choose(CLEANUP, "").log_path != choose(CLEANUP, "").log_path
    elsewhere = choose(SETUP, str(tmp_path))
    assert (elsewhere.lock, elsewhere.work) == (usual, str(tmp_path))


def test_without_the_usual_directory_or_the_tool_there_is_a_problem(prefix: Path, tmp_path: Path) -> None:
    (prefix / "var/lib/ovirt-engine-backup").rmdir()
    choose = OtopiHost(str(prefix)).tool.choose_places
    assert world.codes(choose(SETUP, "").problems) == ("tmpdir_missing",)
    assert choose(SETUP, str(tmp_path)).lock == str(tmp_path)
    (prefix / "bin/engine-setup").unlink()
    assert world.codes(choose(SETUP, str(tmp_path)).problems) == ("tool_missing",)


@pytest.mark.parametrize("name", ["a:b", "a b", "a'b", "a$b", "a\nb", "open"])
def test_a_path_that_the_tool_would_take_apart_and_one_for_everybody_are_refused(
    prefix: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name).chmod(0o777 if name == "open" else 0o700)
    problems = OtopiHost(str(prefix)).tool.choose_places(SETUP, str(tmp_path / name)).problems
    assert world.codes(problems) == ("tmpdir_unsafe" if name == "open" else "path_unusable",)


def test_answers_are_private_from_the_first_byte_on_and_gone_in_the_end(prefix: Path) -> None:
    host = OtopiHost(str(prefix))
    places = host.tool.choose_places(SETUP, "")
    host.session.lock(places.lock)
    work = Path(host.session.begin_private(places))
    before = os.umask(0)
    try:
        host.tool.write_answers(str(work / "answers.conf"), "text\n")
    finally:
        os.umask(before)
    assert stat.S_IMODE((work / "answers.conf").stat().st_mode) == 0o600
    assert stat.S_IMODE(work.stat().st_mode) == 0o700
    host.session.finish()
    host.session.unlock()
    assert [path.name for path in Path(places.lock).iterdir()] == [files.LOCK_NAME]


def test_a_killed_run_is_swept_up_by_the_next_one(prefix: Path, tmp_path: Path) -> None:
    killed = OtopiHost(str(prefix))
    places = killed.tool.choose_places(SETUP, str(tmp_path))
    work = Path(killed.session.begin_private(places))
    killed.tool.write_answers(str(work / "answers.conf"), "text\n")
    state = json.loads((Path(places.lock) / files.STATE_NAME).read_text())
    assert state["directories"] == [str(work)] and state["log_path"] == places.log_path
    host = OtopiHost(str(prefix))
    assert host.session.list_leftovers(places.lock) == [str(work)]
    host.session.lock(places.lock)
    assert host.session.remove_leftovers(places.lock) == [str(work)]
    host.session.unlock()
    assert not work.exists()


def test_a_tool_that_asks_for_ever_is_ended_and_its_answers_are_removed(
    prefix: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "LOOK_PAUSE", 0.05)
    answers = prefix / "var/lib/ovirt-engine/setup/answers"
    (answers / "old-setup.conf").write_text("kept\n")
    line = (QUERY % "OVESETUP_DB_HOST").strip()
    trap = "trap 'echo secret > %s/new-setup.conf; exit 1' TERM\n" % answers
    write_program(prefix, "engine-setup", trap + "while :; do echo '%s' >> $1; echo asking; sleep 0.02; done" % line)
    ran = run(OtopiHost(str(prefix)))
    assert (ran.returncode, ran.repeated, ran.asked) == (None, "OVESETUP_DB_HOST", ("OVESETUP_DB_HOST",))
    assert ran.stdout.startswith("asking") and "query OVESETUP_DB_HOST" in ran.log
    assert [path.name for path in answers.iterdir()] == ["old-setup.conf"]


def run(host: OtopiHost) -> Any:
    places = host.tool.choose_places(SETUP, "")
    work = host.session.begin_private(places)
    try:
        return host.tool.run_otopi([places.tool, places.log_path], 60, work + "/tool", places.log_path)
    finally:
        host.session.finish()


def test_a_run_that_is_told_to_stop_removes_what_its_tool_wrote_down(
    prefix: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = prefix / "var/lib/ovirt-engine/setup/answers"
    trap = "trap 'echo secret > %s/new-setup.conf; exit 1' TERM\n" % answers
    write_program(prefix, "engine-setup", trap + "touch %s/ready; while :; do sleep 0.02; done" % prefix)
    host = OtopiHost(str(prefix))

    def stop(_session: int) -> None:
        while not (prefix / "ready").exists():
            time.sleep(0.02)
        raise Interrupted("told to stop")

    monkeypatch.setattr(host.session, "_note_process", stop)
    with pytest.raises(Interrupted):
        run(host)
    assert list(answers.iterdir()) == []


def test_a_tool_that_ends_by_itself_keeps_the_answers_it_wrote_down(prefix: Path) -> None:
    answers = prefix / "var/lib/ovirt-engine/setup/answers/new-setup.conf"
    line = (QUERY % "OVESETUP_A").strip()
    write_program(prefix, "engine-setup", "echo x > %s; echo '%s' >> $1; exit 3" % (answers, line))
    ran = run(OtopiHost(str(prefix)))
    assert (ran.returncode, ran.repeated, ran.asked) == (3, "", ("OVESETUP_A",))
    assert answers.exists()


def test_copies_with_another_password_that_the_tool_kept_are_removed(prefix: Path) -> None:
    conf = "etc/ovirt-engine/engine.conf.d/10-setup-database.conf"
    aaa = "etc/ovirt-engine/aaa/internal.properties"
    write(prefix, conf, 'ENGINE_DB_PASSWORD="new"\nENGINE_DB_URL="b"\n')
    write(prefix, conf + ".20200101000000", 'ENGINE_DB_PASSWORD="old"\n')  # not of this run
    write(prefix, aaa, "config.datasource.dbpassword=old\n")
    examples = prefix / "etc/ovirt-engine-dwh/examples"
    examples.mkdir(parents=True)
    kept = (
        "cp {0} {2}/10-setup-dwh-database.conf.20261123014604; cp {0} {0}.20261123014602;"
        " sed s/b/a/ {0} > {0}.20261123014603; sed s/old/new/ {1} > {1}.20261123014605"
    )
    write_program(prefix, "engine-setup", "cd %s; " % prefix + kept.format(conf, aaa, examples))
    run(OtopiHost(str(prefix)))
    found = sorted(path.suffix for path in (prefix / "etc").rglob("*.20*"))
    assert found == [".20200101000000", ".20261123014602", ".20261123014603"]


def test_the_log_is_read_on_where_it_grows(tmp_path: Path) -> None:
    look, whole = LogPosition(str(tmp_path / "log")), QUERY % "OVESETUP_A"
    assert not look.is_endless() and look.asked == []
    pieces = [piece for _number in range(5) for piece in (whole[:60], whole[60:])]
    for piece in [*pieces, QUERY % "OVESETUP_B" + whole]:
        assert not look.is_endless()
        with (tmp_path / "log").open("a") as stream:
            stream.write(piece)
    assert look.is_endless() and look.endless == "OVESETUP_A" and look.asked == ["OVESETUP_A"]


def write(prefix: Path, name: str, text: str, age: float = 0.0) -> Path:
    path = prefix / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    now = 1795355032.0
    os.utime(str(path), (now - age, now - age))
    return path


def test_what_engine_setup_would_find_is_read(prefix: Path) -> None:
    versions = "PACKAGE_VERSION = '4.5.7'\nDISPLAY_VERSION = '4.5.7-1.el9'\n"
    write(prefix, "share/ovirt-engine/setup/ovirt_engine_setup/config.py", versions)
    write(prefix, "etc/ovirt-engine-setup.conf.d/10-packaging.conf", HEADER + "A/a=str:one\nA/b=str:two\n")
    write(prefix, "etc/ovirt-engine-setup.conf.d/20-setup-ovirt-post.conf", HEADER + "A/b=str:three\n")
    write(prefix, "etc/ovirt-engine-dwh/ovirt-engine-dwhd.conf.d/10-setup-uuid.conf", "DWH_UUID=some-uuid\n")
    host = OtopiHost(str(prefix))
    state = host.engine.read_setup_state()
    assert state.answers == {"A/a": "str:one", "A/b": "str:three"}
    assert (state.display_version, state.dwh_uuid, state.is_unprivileged) == ("4.5.7-1.el9", "some-uuid", True)
    assert state.memory > 100 and state.engine_package == ""
    assert host.engine.read_recorded_answers() == {"A/b": "str:three"}


@pytest.mark.parametrize(("age", "answer"), [(0.0, True), (9.0, False)])
def test_credentials_that_were_written_after_engine_setup_ran_are_noticed(
    prefix: Path, age: float, answer: bool
) -> None:
    write(prefix, "var/lib/ovirt-engine/setup/answers/20261122134603-setup.conf", "", 10.0)
    write(prefix, "var/lib/ovirt-engine/setup/answers/20261122134603-cleanup.conf", "", 0.0)
    write(prefix, "var/lib/ovirt-engine/setup/answers/20251122134603-setup.conf", "", 900.0)
    write(prefix, ENGINE_CONF, "", age)
    write(prefix, "etc/ovirt-engine/engine.conf.d/10-setup-protocols.conf", "", 0.0)
    assert OtopiHost(str(prefix)).engine.read_setup_state().was_configured_since is answer


@pytest.mark.parametrize(("end", "answer"), [("failed", True), ("completed successfully", False)])
def test_a_run_that_failed_does_not_count(prefix: Path, end: str, answer: bool) -> None:
    write(prefix, "var/lib/ovirt-engine/setup/answers/20261122134603-setup.conf", "", 900.0)
    write(prefix, ENGINE_CONF, "", 60.0)
    write(prefix, "var/lib/ovirt-engine/setup/answers/20261122135903-setup.conf", "", 10.0)
    logs, text = "var/log/ovirt-engine/setup/ovirt-engine-", "ERROR Execution of setup %s\nDEBUG\n" % end
    write(prefix, logs + "setup-20261122135900-a1b2c3.log", text, 9.5)
    write(prefix, logs + "remove-20261122135900-a1b2c3.log", "", 9.5)
    assert OtopiHost(str(prefix)).engine.read_setup_state().was_configured_since is answer


DATABASE = (
    'ENGINE_DB_HOST="db.lab.test"\nENGINE_DB_PORT="5433"\nENGINE_DB_USER="engine"\n'
    'ENGINE_DB_PASSWORD="of-the-archive"\nENGINE_DB_DATABASE="engine2"\n'
)


@pytest.mark.parametrize("packer", ["none", "zstd"])
def test_the_databases_of_an_archive_are_read_from_its_configuration(prefix: Path, tmp_path: Path, packer: str) -> None:
    more = [("./" + ENGINE_CONF, DATABASE.encode())]
    members = archives.make_members(files=archives.make_files(more=more, lacks=ENGINE_CONF))
    path = tmp_path / "x.backup"
    path.write_bytes(archives.PACKERS[packer](archives.make_archive(members)))
    host = OtopiHost(str(prefix))
    found = host.engine.read_archived_databases(str(path))
    assert list(found) == ["engine"]
    assert (found["engine"].host, found["engine"].port, found["engine"].database) == ("db.lab.test", 5433, "engine2")
    assert "of-the-archive" in host.passwords
    setup = host.engine.read_archived_setup(str(path))
    assert setup.settings["engine"] == found["engine"]
    assert setup.answers["OVESETUP_ENGINE_CORE/enable"] == "bool:True"


def test_files_that_engine_cleanup_will_remove_are_counted_once_where_they_are(prefix: Path) -> None:
    lists, kept = prefix / "etc/ovirt-engine/uninstall.d", prefix / "etc/kept"
    lists.mkdir(parents=True)
    kept.mkdir(parents=True)
    (kept / "one").touch()
    (kept / "two").touch()
    names = "".join(f"file.00{number}.name = {kept / name}\n" for number, name in enumerate(("one", "two", "gone")))
    (lists / "1-uninstall.conf").write_text("[file_group_core]\ndescription = Core files\n" + names)
    (lists / "2-uninstall.conf").write_text(f"[file_group_core]\nfile.000.name = {kept / 'one'}\n")
    assert OtopiHost(str(prefix)).engine.count_registered_files() == {str(kept): 2}


def no_files() -> bytes:
    return archives.make_archive([pair for pair in archives.make_members() if pair[0] != "./files"])


@pytest.mark.parametrize("content", [None, b"", b"no archive", archives.make_archive()[:2000], no_files()])
def test_an_archive_without_a_configuration_is_an_error(prefix: Path, tmp_path: Path, content: Any) -> None:
    path = tmp_path / "x.backup"
    if content is not None:
        path.write_bytes(content)
    error = error_of(BackupError, OtopiHost(str(prefix)).engine.read_archived_databases, str(path))
    assert error.code == "archive_unreadable" and str(path) in error.message
