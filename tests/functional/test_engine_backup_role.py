# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role engine_backup asks nothing, is quiet on the second run, compares its copies and keeps what it should."""

import json
import re
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from .archive_store import copy_archive, manifest_of, read_manifest
from .installation import Site, program
from .playbooks import Engine
from .role import Ran, Role
from .side_effects import photograph, processes

DAY = 24 * 60 * 60
UNIT = "ovirt-backup-engine"
SETTINGS = re.compile(r"^ExecStart=.* --extra-vars '(.*)'$", re.MULTILINE)
ANALYZE = shutil.which("systemd-analyze") == "/usr/bin/systemd-analyze"


class Four(NamedTuple):
    """Check, run, check, run."""

    runs: list[Ran]
    planned: dict[str, Any]
    root: Path

    @property
    def archive(self) -> Path:
        return Path(self.runs[1].statistics["ovirt_backup_archive"])


@pytest.fixture(scope="module")
def four(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Four]:
    """Everything that the role can do, four times."""
    root = tmp_path_factory.mktemp("four")
    places = [root / "archives", root / "copies", root / "store", root / "units"]
    for place in (places[0], places[3]):
        place.mkdir()
    host, before = Engine(site, root / "ansible"), processes(site)
    role = Role(
        host, places[0],
        engine_backup_fetch_dest=places[1],
        engine_backup_copy_host="store",
        engine_backup_copy_dest=places[2],
        engine_backup_timer=True,
        engine_backup_timer_directory=places[3],
        engine_backup_timer_command=f"{program('ansible-playbook')} --version",
    )  # fmt: skip
    planned = role.run("--check", "--diff").made()
    seen = {place.name: photograph(place) for place in places if place.exists()}
    runs = [planned, *(role.run(*options).made() for options in ([], ["--check"], []))]
    yield Four(runs, seen, root)
    host.assert_left_no_trace(root, before)


def test_check_mode_plans_and_writes_nothing(four: Four) -> None:
    assert four.runs[0].changed > 0
    assert four.planned == {"archives": {}, "units": {}}
    assert "would be copied" in four.runs[0].output
    assert four.runs[0].statistics == {}


def test_run_makes_one_archive_and_the_next_ones_are_quiet(four: Four) -> None:
    assert [run.changed > 0 for run in four.runs] == [True, True, False, False]
    assert [path.name for path in (four.root / "archives").glob("*.backup")] == [four.archive.name]


def test_directory_is_closed_to_others(four: Four) -> None:
    modes = [stat.filemode((four.root / name).stat().st_mode) for name in ("archives", "copies", "store")]
    assert modes == ["drwx------"] * 3


@pytest.mark.parametrize("place", ["copies", "store"])
def test_copies_are_what_the_engine_host_has(four: Four, place: str) -> None:
    made, copied = photograph(four.root / "archives"), photograph(four.root / place)
    assert {name: photo.content for name, photo in copied.items()} == {n: photo.content for n, photo in made.items()}
    assert {photo.mode for photo in copied.values()} == {"-rw-------"}


def test_next_step_of_a_workflow_gets_the_archive(four: Four) -> None:
    manifest = read_manifest(four.archive)
    wanted = {"ovirt_backup_archive": str(four.archive), "ovirt_backup_archive_sha256": manifest["sha256"],
              "ovirt_backup_archive_version": manifest["version"]}  # fmt: skip
    assert four.runs[1].statistics == four.runs[3].statistics == wanted


def test_summary_shows_what_was_read_back(four: Four) -> None:
    engine = read_manifest(four.archive)["databases"]["engine"]
    line = f"engine: {len(engine['tables'])} tables, {engine['rows']} rows read back, {engine['live_rows']} live"
    assert line in four.runs[1].output
    assert "Proven backup made" in four.runs[1].output
    assert "Proven backup found" in four.runs[3].output


def test_units_are_readable_for_all_and_the_timer_names_the_service(four: Four) -> None:
    units = photograph(four.root / "units")
    assert {name: photo.mode for name, photo in units.items()} == {
        f"{UNIT}.service": "-rw-r--r--",
        f"{UNIT}.timer": "-rw-r--r--",
    }
    timer = (four.root / "units" / f"{UNIT}.timer").read_text()
    assert f"Unit={UNIT}.service" in timer
    assert "OnCalendar=*-*-* 02:30:00" in timer
    assert "is not switched on" in four.runs[1].output


@pytest.mark.skipif(not ANALYZE, reason="there is no systemd-analyze here")
def test_systemd_accepts_the_units(four: Four) -> None:
    units = sorted((four.root / "units").iterdir())
    done = subprocess.run(
        ["systemd-analyze", "verify", *map(str, units)], check=False, stderr=subprocess.PIPE, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@pytest.fixture
def role(engine: Engine, shelf_of_three: Path) -> Role:
    """The role on a directory with three old proven archives; nothing is removed and a new one is not needed."""
    return Role(engine, shelf_of_three, engine_backup_max_age=10 * DAY, engine_backup_keep=0)


@pytest.fixture
def shelf_of_three(four: Four, tmp_path: Path) -> Path:
    """Proven archives of one, two and three days ago."""
    directory = tmp_path / "shelf"
    directory.mkdir(mode=0o700)
    for days in (1, 2, 3):
        created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - days * DAY))
        copy_archive(four.archive, directory / f"{days}.backup", created=created)
    return directory


def test_damaged_copies_are_replaced_and_leftovers_of_a_killed_copy_removed(role: Role, tmp_path: Path) -> None:
    copies, store = tmp_path / "copies", tmp_path / "store"
    places = {"engine_backup_fetch_dest": copies, "engine_backup_copy_host": "store", "engine_backup_copy_dest": store}
    copy_archive(role.directory / "1.backup", make_closed(copies) / "1.backup")
    copy_archive(role.directory / "1.backup", make_closed(store) / "1.backup")
    flip_a_byte(copies / "1.backup")
    flip_a_byte(manifest_of(store / "1.backup"))
    leftovers = make_closed(copies / f".engine_backup_fetch-{role.engine.site.name}")
    (leftovers / "1.backup").write_bytes(b"half an arch")
    planned = role.run("--check", **places).made()
    assert "Would copy" in planned.output
    assert role.run(**places).made().changed > 0
    wanted = {name: photo.content for name, photo in photograph(role.directory).items() if name.startswith("1.")}
    for place in (copies, store):
        assert {name: photo.content for name, photo in photograph(place).items()} == wanted


def test_copy_to_another_host_alone_leaves_nothing_on_the_controller(role: Role, tmp_path: Path) -> None:
    places = {"engine_backup_copy_host": "store", "engine_backup_copy_dest": tmp_path / "store"}
    assert role.run(**places).made().changed > 0
    assert sorted(photograph(tmp_path / "store")) == ["1.backup", "1.backup.manifest.json"]
    assert role.run(**places).made().changed == 0


def test_large_archive_is_not_brought_through_memory(role: Role, tmp_path: Path) -> None:
    # Stands in for a user that reads the archive by privilege escalation only.
    hidden = {"__engine_backup_is_readable": False, "engine_backup_fetch_dest": tmp_path / "copies"}
    before = photograph(role.directory)
    role.run(engine_backup_fetch_memory_limit=1000, **hidden).refused("would pass through memory", "Connect as root")
    assert photograph(role.directory) == before
    assert photograph(tmp_path / "copies") == {}
    role.run(**hidden).made()
    assert sorted(photograph(tmp_path / "copies")) == ["1.backup", "1.backup.manifest.json"]


def test_copies_of_other_engines_and_more_than_asked_stay(role: Role, tmp_path: Path) -> None:
    copies = make_closed(tmp_path / "copies")
    for days in (2, 3):
        copy_archive(role.directory / f"{days}.backup", copies / f"{days}.backup",
                     created=read_manifest(role.directory / f"{days}.backup")["created"])  # fmt: skip
    copy_archive(role.directory / "3.backup", copies / "other.backup", fqdn="other.example.com")
    role.run(engine_backup_fetch_dest=copies, engine_backup_fetch_keep=2).made()
    assert sorted(path.name for path in copies.glob("*.backup")) == ["1.backup", "2.backup", "other.backup"]


def test_retention_counts_proven_archives_only_and_leaves_the_rest(role: Role) -> None:
    stock = role.directory / "engine-backup-made-by-the-stock-tool.backup"
    shutil.copy2(role.directory / "1.backup", stock)
    flip_a_byte(role.directory / "2.backup")
    asked = {"engine_backup_max_age": 0, "engine_backup_keep": 2}
    planned = role.run("--check", **asked).made()
    assert re.findall(r"Would remove \S+/(\S+\.backup)", planned.output) == ["3.backup"]
    ran = role.run(**asked).made()
    new = Path(ran.statistics["ovirt_backup_archive"]).name
    assert role.archives() == sorted(["1.backup", "2.backup", stock.name, new])
    assert f"Removed {role.directory}/3.backup" in ran.output


def test_retention_by_age_never_goes_below_the_minimum(role: Role) -> None:
    role.run(engine_backup_keep_days=1, engine_backup_minimum=2).made()
    assert role.archives() == ["1.backup", "2.backup"]


@pytest.mark.faults
def test_failed_backup_removes_nothing(role: Role, fault: Callable[..., Path]) -> None:
    before = photograph(role.directory)
    fault("missing-dump", "engine")
    role.run(engine_backup_max_age=0, engine_backup_keep=1).refused("dump_missing")
    assert photograph(role.directory) == before


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"engine_backup_fetch_dest": "copies"}, "engine_backup_fetch_dest"),
        ({"engine_backup_minimum": 0}, "engine_backup_minimum"),
        (
            {"engine_backup_copy_host": "nowhere", "engine_backup_copy_dest": "/x"},
            "engine_backup_copy_host is 'nowhere'",
        ),
        ({"engine_backup_profile": "tiny"}, "engine_backup_profile"),
    ],
    ids=["relative_path", "minimum_of_nothing", "unknown_host", "unknown_profile"],
)
def test_wrong_setting_is_refused_by_name_before_anything_is_made(
    engine: Engine, tmp_path: Path, variables: dict[str, Any], named: str
) -> None:
    Role(engine, tmp_path / "archives").run(**variables).refused(named)
    assert not (tmp_path / "archives").exists()


def test_directory_for_copies_that_is_open_to_all_is_refused_before_the_backup(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o1777)
    role = Role(engine, tmp_path / "archives", engine_backup_fetch_dest=tmp_path / "open")
    role.run().refused("can not take the copies")
    assert not role.directory.exists()


def test_check_mode_says_that_it_would_make_the_directory(engine: Engine, tmp_path: Path) -> None:
    ran = Role(engine, tmp_path / "archives").run("--check").made()
    assert ran.changed == 1
    assert "does not exist yet" in ran.output
    assert not (tmp_path / "archives").exists()


@pytest.mark.skipif(not ANALYZE, reason="there is no systemd-analyze here")
def test_calendar_that_systemd_does_not_understand_is_refused(role: Role, tmp_path: Path) -> None:
    units = make_closed(tmp_path / "units")
    timer = {"engine_backup_timer": True, "engine_backup_timer_directory": units}
    command = program("ansible-playbook")
    ran = role.run(**timer, engine_backup_timer_command=command, engine_backup_timer_on_calendar="at noon-ish")
    ran.refused("failed to validate", "at noon-ish")
    assert sorted(path.name for path in units.iterdir()) == [f"{UNIT}.service"]


def test_service_carries_the_settings_of_the_run_through_the_quoting_of_systemd(role: Role, tmp_path: Path) -> None:
    units = make_closed(tmp_path / "units")
    odd = tmp_path / "it's 100% $HOME\\x"
    odd.mkdir()
    timer = {"engine_backup_timer": True, "engine_backup_timer_directory": units, "engine_backup_tmpdir": odd}
    role.run(**timer, __engine_backup_analyze="/nonexistent").made()
    found = SETTINGS.search((units / f"{UNIT}.service").read_text())
    assert found
    text = found[1].replace("$$", "$").replace("%%", "%").replace("\\x27", "'").replace("\\\\", "\\")
    settings = json.loads(text)
    assert settings["engine_backup_tmpdir"] == str(odd)
    assert settings["engine_backup_keep"] == 0
    assert settings["engine_backup_scope"] == ["files", "db"]
    assert "engine_backup_log_path" not in settings


def make_closed(path: Path) -> Path:
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
