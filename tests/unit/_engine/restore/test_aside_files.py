# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of an engine come back exactly, whatever was done to them and wherever a run was killed."""

import os
import shutil
import stat
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError, Refused
from ansible_collections.ovirt.backup.plugins.module_utils._engine.restore import aside_files
from ansible_collections.ovirt.backup.plugins.module_utils._engine.restore.aside_files import (
    list_live,
    preview_aside_files,
    put_files_back,
    remove_aside_files,
    set_files_aside,
)

CONF = "etc/ovirt-engine/engine.conf.d/10-setup-database.conf"
ODD = b"etc/ovirt-engine/odd \xff\n'name'"


class Host:
    """An engine below a prefix."""

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix
        self.directory = str(prefix / "var/lib/ovirt-engine-backup/before_x")
        (prefix / "var/lib/ovirt-engine-backup").mkdir(parents=True)
        for path, text in {
            CONF: "PASSWORD=old",
            "etc/pki/ovirt-engine/private/ca.pem": "key",
            "etc/httpd/conf.d/ssl.conf": "ssl",
            "etc/httpd/conf.d/of-somebody-else.conf": "mine",
            "var/lib/grafana/grafana.db": "rows",
            "var/lib/ovirt-engine/backups/a.dump": "dump",
            "var/lib/ovirt-engine/content/a": "content",
        }.items():
            self.write(path, text)
        os.chmod(str(prefix / CONF), 0o640)
        Path(os.fsdecode(os.fsencode(str(prefix)) + b"/" + ODD)).touch()
        (prefix / "etc/ovirt-engine/dangling").symlink_to("nowhere")
        (prefix / "etc/ovirt-engine/loop").symlink_to("loop")
        (prefix / "etc/ovirt-engine/empty").mkdir(mode=0o750)
        os.mkfifo(str(prefix / "etc/ovirt-engine/pipe"))

    def write(self, path: str, text: str) -> None:
        (self.prefix / path).parent.mkdir(parents=True, exist_ok=True)
        (self.prefix / path).write_text(text)

    def listing(self) -> Dict[str, Any]:
        return dict(list_live(str(self.prefix)))

    def aside(self) -> Any:
        return set_files_aside(self.directory, str(self.prefix))

    def back(self) -> Any:
        return put_files_back(self.directory, str(self.prefix))


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "prefix")


def remove_all(host: Host) -> None:
    shutil.rmtree(str(host.prefix / "etc"))
    shutil.rmtree(str(host.prefix / "var/lib/ovirt-engine"))


def set_up_again(host: Host) -> None:
    host.write(CONF, "PASSWORD=new")
    host.write("etc/ovirt-engine/new.d/new.conf", "new")
    host.write("etc/httpd/conf.d/z-ovirt-engine-proxy.conf", "new")
    host.write("var/lib/grafana/grafana.db-wal", "of another file")
    os.chmod(str(host.prefix / "etc/pki/ovirt-engine/private/ca.pem"), 0o644)
    shutil.rmtree(str(host.prefix / "etc/ovirt-engine/empty"))
    host.write("etc/ovirt-engine/empty", "a file now")
    (host.prefix / "etc/ovirt-engine/loop").unlink()
    (host.prefix / "etc/ovirt-engine/loop").mkdir()


@pytest.mark.parametrize("change", [remove_all, set_up_again, lambda _host: None], ids=["removed", "set up", "nothing"])
def test_everything_comes_back_as_it_was_and_the_rest_stays(host: Host, change: Callable[[Host], None]) -> None:
    before = host.listing()
    assert host.aside().changed and not host.aside().changed
    change(host)
    changed = host.listing()
    planned = preview_aside_files("back", host.directory, str(host.prefix))
    assert host.listing() == changed
    done = host.back()
    assert (planned.restored, planned.removed) == (done.restored, done.removed)
    assert host.listing() == before
    assert not host.back().changed
    if change is set_up_again:
        assert (host.prefix / "etc/httpd/conf.d/of-somebody-else.conf").read_text() == "mine"
        assert (host.prefix / "var/lib/ovirt-engine/backups/a.dump").exists()
        assert "var/lib/grafana/grafana.db-wal" in done.removed


def test_copy_is_closed_and_says_what_it_could_not_take(host: Host) -> None:
    result = host.aside()
    assert stat.S_IMODE(os.stat(host.directory).st_mode) == 0o700
    assert result.reported == ["etc/ovirt-engine/pipe"]
    assert "old" not in Path(host.directory, "index.json").read_text()
    copied = Path(host.directory, "files", CONF)
    assert stat.S_IMODE(copied.stat().st_mode) == 0o640


def test_second_copy_never_overwrites_the_first(host: Host) -> None:
    host.aside()
    host.write(CONF, "PASSWORD=new")
    host.aside()
    assert Path(host.directory, "files", CONF).read_text() == "PASSWORD=old"


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda folder: (folder / "files" / CONF).write_text("damaged"), "aside_damaged"),
        (lambda folder: (folder / "files" / CONF).unlink(), "aside_damaged"),
        (lambda folder: (folder / "index.json").write_text("{}"), "aside_damaged"),
        (lambda folder: (folder / "index.json").unlink(), "aside_damaged"),
        (lambda folder: shutil.rmtree(str(folder)), "aside_missing"),
    ],
    ids=["content", "file", "index", "no index", "all"],
)
def test_damaged_copy_is_refused_before_the_first_write(host: Host, damage: Any, code: str) -> None:
    host.aside()
    set_up_again(host)
    before = host.listing()
    damage(Path(host.directory))
    with pytest.raises(Refused) as caught:
        host.back()
    assert caught.value.code == code
    assert host.listing() == before


def interrupt_after(calls: int, names: List[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Kill the run at the n-th change of a file."""
    left = [calls]
    for name in names:
        original = getattr(aside_files, name)

        def change(*arguments: Any, _original: Any = original) -> Any:
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            return _original(*arguments)

        monkeypatch.setattr(aside_files, name, change)


CHANGES = ["remove_entry", "replace_entry", "dress"]


@pytest.mark.parametrize("change", [remove_all, set_up_again], ids=["removed", "set up"])
@pytest.mark.parametrize("calls", [0, 1, 2, 5, 8, 11])
def test_run_that_was_killed_while_it_put_back_is_finished_by_the_next(
    host: Host, calls: int, change: Callable[[Host], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = host.listing()
    host.aside()
    change(host)
    with monkeypatch.context() as patched:
        interrupt_after(calls, CHANGES, patched)
        with pytest.raises(KeyboardInterrupt):
            host.back()
    host.back()
    assert host.listing() == before


@pytest.mark.parametrize("calls", [0, 3])
def test_copy_that_was_not_finished_is_none(host: Host, calls: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        interrupt_after(calls, ["copy_entry"], patched)
        with pytest.raises(KeyboardInterrupt):
            host.aside()
    assert not os.path.exists(host.directory)
    before = host.listing()
    host.aside()
    remove_all(host)
    host.back()
    assert host.listing() == before


def test_file_that_is_written_all_the_time_is_an_error(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    original, numbers = aside_files.copy_entry, iter(range(10000))

    def copy(source: str, target: str, entry: Any) -> None:
        original(source, target, entry)
        host.write(CONF, "%d" % next(numbers))

    monkeypatch.setattr(aside_files, "copy_entry", copy)
    with pytest.raises(BackupError) as caught:
        host.aside()
    assert caught.value.code == "files_changed"


def test_no_room_is_told_before_anything_is_copied(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside_files.files, "free_space", lambda _path: 3)
    with pytest.raises(Refused) as caught:
        host.aside()
    assert caught.value.code == "space_aside"
    assert not os.path.exists(host.directory + ".unfinished")


def test_copy_is_removed_and_nothing_else_ever_is(host: Host) -> None:
    host.aside()
    os.rename(host.directory, host.directory + ".removing")  # a run was killed while it removed
    assert remove_aside_files(host.directory).changed
    assert not remove_aside_files(host.directory).changed
    os.mkdir(host.directory)
    Path(host.directory, "precious").touch()
    with pytest.raises(Refused):
        remove_aside_files(host.directory)
    assert Path(host.directory, "precious").exists()
