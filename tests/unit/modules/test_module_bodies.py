# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules: options become requests, results are short, and failures carry their facts and no secret."""

import errno
import json
from pathlib import Path
from typing import Any, Dict, List

import pytest
from unit.fakes import archives, world
from unit.fakes.engine_host import FakeEngineHost, make_request
from unit.fakes.errors import error_of

pytest.importorskip("ansible")

from ansible_collections.ovirt.backup.plugins.module_utils._common import module_runner as runner
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import (
    BackupError,
    Interrupted,
    Problem,
    Refused,
)
from ansible_collections.ovirt.backup.plugins.module_utils._engine.backup.run import make_backup, preview_backup
from ansible_collections.ovirt.backup.plugins.modules import engine_backup, engine_backup_info, engine_backup_prune

pytestmark = pytest.mark.ansible

DEFAULTS: Dict[str, Any] = {
    "path": None, "directory": None, "scope": ["all"], "log_path": None, "tmpdir": None, "timeout": 7200,
    "prefix": "", "max_age": 0, "profile": "stock",
}  # fmt: skip


class Ended(Exception):
    """Carries what a module ended with."""


class FakeModule:
    """The two ways out of an AnsibleModule."""

    def exit_json(self, **result: Any) -> None:
        raise Ended("exit", result)

    def fail_json(self, **result: Any) -> None:
        raise Ended("fail", result)


def outcome(body: Any, secrets: Any = ()) -> Any:
    return error_of(Ended, runner.run, FakeModule(), body, secrets).args


def raising(error: BaseException) -> Any:
    def body() -> Dict[str, Any]:
        raise error

    return body


@pytest.mark.parametrize("given", ["/srv/backup", "/srv/backup/", "/srv/backup//"])
def test_options_that_are_left_out_become_empty(given: str) -> None:
    assert engine_backup.read_request(dict(DEFAULTS, directory=given)) == make_request()
    assert engine_backup.read_request(dict(DEFAULTS, directory="/")).directory == "/"


def test_every_option_of_the_module_reaches_the_request() -> None:
    params = {
        "path": "/p", "directory": None, "scope": ["db"], "log_path": "/l", "tmpdir": "/t", "timeout": 5,
        "prefix": "/x", "max_age": 6, "profile": "small",
    }  # fmt: skip
    assert set(params) == set(engine_backup.ARGUMENT_SPEC)
    assert engine_backup.read_request(params) == ("/p", "", ["db"], "/l", "/t", 5, "/x", 6, "small")


@pytest.mark.parametrize("act", [make_backup, preview_backup], ids=["run", "check mode"])
def test_result_is_plain_data_with_the_same_keys_in_check_mode(act: Any) -> None:
    result = engine_backup.describe_result(act(make_request(), FakeEngineHost()))
    assert sorted(result) == sorted("changed archive cmd log_path swept engine_record attempts diff".split())
    assert json.loads(json.dumps(result)) == result
    assert result["log_path"] == result["archive"]["log_path"]
    diff = result["diff"]
    assert diff["before"] == {"leftovers": []}
    assert diff["after"]["databases"] == {"dwh": {"tables": 2, "rows": 7300}, "engine": {"tables": 3, "rows": 523}}
    assert diff["after"]["path"].startswith("/srv/backup/")


@pytest.mark.parametrize("leftovers", [[], ["/srv/backup/.engine_backup-1"]], ids=["unchanged", "leftovers"])
def test_diff_of_an_archive_that_is_young_enough_shows_the_leftovers(leftovers: List[str]) -> None:
    host = FakeEngineHost()
    host.leftovers = list(leftovers)
    host.manifests["/srv/backup/one.backup"] = world.manifest()
    result = engine_backup.describe_result(make_backup(make_request(max_age=60), host))
    assert result["changed"] is bool(leftovers)
    assert result["diff"] == {"before": {"leftovers": leftovers}, "after": {"leftovers": []}}


def test_result_of_the_body_is_the_result_of_the_module_and_an_error_its_failure() -> None:
    assert outcome(lambda: {"changed": False}) == ("exit", {"changed": False})
    facts = {"code": "tool_failed", "rc": 1, "log_path": "/l"}
    problems = [{"code": "tool_failed", "message": "it broke"}]
    assert outcome(raising(BackupError("it broke", **facts))) == (
        "fail",
        dict(facts, msg="it broke", problems=problems),
    )
    with pytest.raises(ZeroDivisionError):
        runner.run(FakeModule(), raising(ZeroDivisionError()))  # type: ignore[arg-type]


def test_refusal_fails_with_every_problem() -> None:
    problems = [Problem("locked", "one"), Problem("disk_full", "two")]
    result = outcome(raising(Refused(problems, phase="plan")))[1]
    assert result["code"] == "locked"
    assert [item["code"] for item in result["problems"]] == ["locked", "disk_full"]
    assert "one" in result["msg"]
    assert "two" in result["msg"]


@pytest.mark.parametrize(
    ("error", "code", "part"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/x"), "disk_full", "/x"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "disk_full", "quota"),
        (OSError(errno.EIO, "Input/output error", "/y"), "os_error", "/y"),
        (OSError("strange"), "os_error", "strange"),
        (Interrupted("ended by signal 15"), "interrupted", "signal 15"),
    ],
    ids=["disk full", "quota", "input/output", "no number", "signal"],
)
def test_other_ends_are_named(error: BaseException, code: str, part: str) -> None:
    how, result = outcome(raising(error))
    assert (how, result["code"]) == ("fail", code)
    assert part in result["msg"]
    assert result["problems"][0]["code"] == code


def test_secret_that_became_known_while_running_is_masked_everywhere() -> None:
    secrets: List[str] = []

    def body() -> Dict[str, Any]:
        secrets.append("hunter22")
        raise BackupError("login as hunter22", "tool_failed", last_lines=["x hunter22"], cmd=["--p=hunter22"])

    assert "hunter22" not in repr(outcome(body, secrets))
    result = outcome(raising(BackupError("the engine is down", "engine_not_notified")), ["engine"])[1]
    assert (result["code"], "engine" in result["msg"]) == ("engine_not_notified", False)


def info(path: Path, room: Path, **options: Any) -> List[Dict[str, Any]]:
    params = {"path": str(path), "verify": "full", "scope": ["all"], "installed_version": "", "prefix": "/nowhere"}
    return engine_backup_info.read_archives(dict(params, **options), str(room))


def test_archives_of_a_directory_are_reported_newest_first_and_bad_ones_among_them(tmp_path: Path) -> None:
    (tmp_path / "good.backup").write_bytes(archives.make_archive())
    (tmp_path / "empty.backup").write_bytes(b"")
    (tmp_path / "foreign.backup").write_bytes(archives.make_tar([("readme", b"x")]))
    found = info(tmp_path, tmp_path)
    assert [(Path(item["path"]).name, item["ok"]) for item in found][-1] == ("empty.backup", False)
    assert {Path(item["path"]).name for item in found if item["ok"]} == {"good.backup"}
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(("version", "expected"), [("4.5.7", True), ("4.4.10", False), ("", None)])
def test_restorable_follows_the_given_version(tmp_path: Path, version: str, expected: Any) -> None:
    (tmp_path / "good.backup").write_bytes(archives.make_archive())
    restorable = info(tmp_path, tmp_path, installed_version=version)[0]["restorable"]
    assert (restorable["ok"] if restorable else None) is expected


def prune(folder: Path, check_mode: bool = False, **options: Any) -> Dict[str, Any]:
    params = dict({"directory": str(folder), "keep": None, "keep_days": None, "minimum": 1, "fqdn": None}, **options)
    return engine_backup_prune.prune(params, check_mode)


@pytest.mark.parametrize("check_mode", [True, False])
def test_prune_removes_what_no_rule_wants_and_tells_it(tmp_path: Path, check_mode: bool) -> None:
    for day, name in ((1, "old"), (2, "new")):
        content = name.encode()
        (tmp_path / (name + ".backup")).write_bytes(content)
        manifest = world.manifest(
            created="2026-11-0%dT00:00:00Z" % day, size=3, sha256=world.member("x", content).sha256
        )
        (tmp_path / (name + ".backup.manifest.json")).write_text(json.dumps(manifest))
    old, new = str(tmp_path / "old.backup"), str(tmp_path / "new.backup")
    result = prune(tmp_path, check_mode, keep=1)
    assert (result["changed"], result["kept"], result["removed"]) == (True, [new], [old])
    assert result["diff"] == {"before": {"archives": [new, old]}, "after": {"archives": [new]}}
    assert Path(old).exists() is check_mode
    assert Path(new).exists()
    if not check_mode:
        assert prune(tmp_path, keep=1)["changed"] is False


@pytest.mark.parametrize(
    "options", [{"keep": -1}, {"keep_days": -1}, {"keep": 1, "minimum": 0}, {"keep": 1, "minimum": -5}], ids=str
)
def test_prune_refuses_numbers_that_make_no_sense(tmp_path: Path, options: Dict[str, Any]) -> None:
    assert error_of(BackupError, prune, tmp_path, **options).code == "option_out_of_range"
