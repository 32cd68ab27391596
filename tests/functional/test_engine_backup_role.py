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
MAX_AGE = "engine_backup_max_age"
# Stands in for a user that reads the archive by privilege escalation only.
HIDDEN = {"__engine_backup_is_readable": False}
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


def test_a_run_puts_right_what_it_finds_and_leaves_what_is_not_its_own(role: Role, tmp_path: Path) -> None:
    """Damaged copies, leftovers of a killed copy, more copies than asked for, old archives, a timer with odd paths."""
    copies, store, units = (make_closed(tmp_path / name) for name in ("copies", "store", "units"))
    odd = make_closed(tmp_path / "it's 100% $HOME\\x")
    for place in (copies, store):
        copy_archive(role.directory / "1.backup", place / "1.backup")
    flip_a_byte(copies / "1.backup")
    flip_a_byte(manifest_of(store / "1.backup"))
    for days in (2, 3):
        created = read_manifest(role.directory / f"{days}.backup")["created"]
        copy_archive(role.directory / f"{days}.backup", copies / f"{days}.backup", created=created)
    copy_archive(role.directory / "3.backup", copies / "other.backup", fqdn="other.example.com")
    leftovers = make_closed(copies / f".engine_backup_fetch-{role.engine.site.name}")
    (leftovers / "1.backup").write_bytes(b"half an arch")
    wanted = {
        "engine_backup_fetch_dest": copies, "engine_backup_fetch_keep": 2, "engine_backup_copy_host": "store",
        "engine_backup_copy_dest": store, "engine_backup_keep_days": 1, "engine_backup_minimum": 2,
        "engine_backup_timer": True, "engine_backup_timer_directory": units, "engine_backup_tmpdir": odd,
        "__engine_backup_analyze": "/nonexistent",
    }  # fmt: skip
    before = photograph(tmp_path)
    planned = role.run("--check", **wanted).made().says("Would copy")
    assert re.findall(r"Would remove \S+/(\S+\.backup)", planned.output) == ["3.backup"]
    assert {name: photo for name, photo in photograph(tmp_path).items() if name in before} == before
    role.run(**wanted).made().says(f"Removed {role.directory}/3.backup")

    assert role.archives() == ["1.backup", "2.backup"], "never fewer than the minimum"
    good = contents(role.directory, "1.")
    assert contents(store) == contents(copies, "1.") == good
    names = [name for stem in ("1", "2", "other") for name in (f"{stem}.backup", f"{stem}.backup.manifest.json")]
    assert sorted(photograph(copies)) == names
    found = SETTINGS.search((units / f"{UNIT}.service").read_text())
    assert found
    text = found[1].replace("$$", "$").replace("%%", "%").replace("\\x27", "'").replace("\\\\", "\\")
    settings = json.loads(text)
    assert settings["engine_backup_tmpdir"] == str(odd), "the quoting of systemd changes nothing"
    assert (settings["engine_backup_keep"], settings["engine_backup_scope"]) == (0, ["files", "db"])
    assert "engine_backup_log_path" not in settings


def test_copy_to_another_host_alone_and_through_memory_leaves_nothing_on_the_controller(
    role: Role, tmp_path: Path
) -> None:
    places = {"engine_backup_copy_host": "store", "engine_backup_copy_dest": tmp_path / "store"}
    assert role.run(**places, **HIDDEN).made().changed > 0
    assert contents(tmp_path / "store") == contents(role.directory, "1.")


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


@pytest.mark.faults
def test_each_refusal_says_why_and_changes_and_removes_nothing(
    role: Role, tmp_path: Path, fault: Callable[..., Path]
) -> None:
    """Wrong settings before a directory is made, a timer that systemd does not understand, and a backup that fails."""
    before, nowhere = photograph(role.directory), {"engine_backup_directory": tmp_path / "archives"}
    units, copies, open_to_all = make_closed(tmp_path / "units"), tmp_path / "copies", make_closed(tmp_path / "open")
    open_to_all.chmod(0o1777)
    fault("missing-dump", "engine")
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({**nowhere, "engine_backup_fetch_dest": "copies"}, ["engine_backup_fetch_dest"]),
        ({**nowhere, "engine_backup_minimum": 0}, ["engine_backup_minimum"]),
        ({**nowhere, "engine_backup_copy_host": "nobody", "engine_backup_copy_dest": "/x"}, ["is 'nobody'"]),
        ({**nowhere, "engine_backup_profile": "tiny"}, ["engine_backup_profile"]),
        ({**nowhere, "engine_backup_fetch_dest": open_to_all}, ["take the copies"]),
        ({"engine_backup_fetch_dest": copies, "engine_backup_fetch_memory_limit": 1000},
         ["would pass through memory", "Connect as root"]),
        ({"engine_backup_max_age": 0, "engine_backup_keep": 1}, ["dump_missing"]),
    ]  # fmt: skip
    if ANALYZE:
        timer = {"engine_backup_timer": True, "engine_backup_timer_directory": units}
        command = {"engine_backup_timer_command": program("ansible-playbook")}
        wrong = {**timer, **command, "engine_backup_timer_on_calendar": "at noon-ish"}
        cases.append((wrong, ["failed to validate", "at noon-ish"]))
    role.variables.pop("engine_backup_directory")  # an extra variable goes before those of a case
    role.variables.update(HIDDEN)
    shared = {"engine_backup_directory": role.directory, "engine_backup_max_age": role.variables.pop(MAX_AGE)}
    said = role.refusals(*({**shared, **case} for case, _words in cases))
    for text, (case, words) in zip(said, cases, strict=True):
        assert [word for word in words if word not in text] == [], (case, text)
    assert not (tmp_path / "archives").exists()
    assert photograph(role.directory) == before
    assert photograph(copies) == {}
    assert sorted(path.name for path in units.iterdir()) == ([f"{UNIT}.service"] if ANALYZE else [])


def test_check_mode_says_that_it_would_make_the_directory(engine: Engine, tmp_path: Path) -> None:
    ran = Role(engine, tmp_path / "archives").run("--check").made()
    assert ran.changed == 1
    assert "does not exist yet" in ran.output
    assert not (tmp_path / "archives").exists()


def contents(directory: Path, start: str = "") -> dict[str, str]:
    return {name: photo.content for name, photo in photograph(directory).items() if name.startswith(start)}


def make_closed(path: Path) -> Path:
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
