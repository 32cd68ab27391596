# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module engine_restore: options become a request, results are plain, and hold no secret."""

import json
from pathlib import Path
from typing import Any, Dict

import pytest

pytest.importorskip("ansible")
pytest.importorskip("psycopg2")

from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError  # noqa: E402
from ansible_collections.ovirt.backup.plugins.module_utils._engine.restore.model import RestoreRequest  # noqa: E402
from ansible_collections.ovirt.backup.plugins.modules import engine_restore  # noqa: E402
from unit.fakes.restore_host import PATH, STATE, FakeRestoreHost, FakeServer, credentials, make_request  # noqa: E402
from unit.modules.test_module_arguments import run_module  # noqa: E402

pytestmark = pytest.mark.ansible

DEFAULTS: Dict[str, Any] = {name: option.get("default") for name, option in engine_restore.ARGUMENT_SPEC.items()}
GIVEN = {"host": "db.lab.test", "port": 5432, "name": "db_new", "user": "db_new", "password": "Secret.of.new_db_new",
         "secured": False, "secured_validation": False}  # fmt: skip


def request_of(**options: Any) -> RestoreRequest:
    return engine_restore.read_request(dict(DEFAULTS, path=PATH, **options))


def act(request: RestoreRequest, host: Any, check_mode: bool) -> Dict[str, Any]:
    return engine_restore.act(request, host, check_mode)


def moved() -> Any:
    """Return a host with a second server and the request to restore into it."""
    host = FakeRestoreHost()
    host.servers["db.lab.test", 5432] = FakeServer()
    host.servers["db.lab.test", 5432].add(credentials("engine"))
    return host, request_of(credentials={"engine": GIVEN, "dwh": None})


def test_options_that_are_left_out_are_the_defaults_of_a_request() -> None:
    assert request_of() == make_request()


def test_every_option_of_the_module_reaches_the_request() -> None:
    given = {
        "scope": ["db"], "provision": ["dwh"], "permissions": "skip", "keep_temporary_data": True, "restore_jobs": 3,
        "tmpdir": "/t", "log_path": "/l", "timeout": 5, "prefix": "/x", "he_remove_storage_vm": True,
        "he_remove_hosts": True, "allow_hosted_engine": True, "cleanup_planned": True, "credentials": {},
    }  # fmt: skip
    of_the_host = {"login_unix_socket"}
    assert set(given) | {"path"} | of_the_host == set(engine_restore.ARGUMENT_SPEC)
    assert request_of(**given) == RestoreRequest(
        PATH, ["db"], ["dwh"], {}, "skip", True, 3, "/t", "/l", 5, "/x", True, True, True, True
    )


def test_credentials_are_those_of_the_databases_that_are_named() -> None:
    _host, request = moved()
    assert request.credentials == {"engine": credentials("engine")}


@pytest.mark.parametrize("check_mode", [False, True], ids=["run", "check mode"])
def test_result_is_plain_data_without_a_secret_and_with_the_same_keys_in_check_mode(check_mode: bool) -> None:
    host, request = moved()
    result = act(request, host, check_mode)
    assert sorted(result) == sorted("changed restore mended swept cmd log_path diff elapsed".split())
    assert json.loads(json.dumps(result)) == result
    assert "Secret.of.new" not in json.dumps(result)
    keys = (
        "path identity version scopes databases permissions provisioned extra_users files directories notes log_path"
        " already"
    )
    assert sorted(result["restore"]) == sorted(keys.split())
    assert result["diff"]["before"] == {"leftovers": []}
    assert result["diff"]["after"]["databases"] == result["restore"]["databases"]


def test_diff_of_an_unchanged_run_is_empty() -> None:
    host = FakeRestoreHost()
    host.fill()
    for check_mode in (True, False):
        result = act(request_of(), host, check_mode)
        assert (result["changed"], result["cmd"], result["log_path"]) == (False, [], "")
        assert result["diff"]["before"] == result["diff"]["after"]


def test_swept_leftovers_are_in_the_diff() -> None:
    host = FakeRestoreHost()
    host.fill()
    host.leftovers = [STATE + "/.engine_backup-1"]
    for check_mode in (True, False):
        result = act(request_of(), host, check_mode)
        assert result["diff"] == {"before": {"leftovers": [STATE + "/.engine_backup-1"]}, "after": {"leftovers": []}}


def test_planned_cleanup_is_for_check_mode_only() -> None:
    host = FakeRestoreHost()
    with pytest.raises(BackupError) as caught:
        act(request_of(cleanup_planned=True), host, False)
    assert caught.value.code == "not_check_mode"
    assert host.calls == []
    assert act(request_of(cleanup_planned=True), host, True)["changed"]


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({}, "path"),
        ({"path": "/a", "scope": ["everything"]}, "everything"),
        ({"path": "/a", "provision": ["grafana"]}, "grafana"),
        ({"path": "/a", "permissions": "maybe"}, "maybe"),
        ({"path": "/a", "credentials": {"grafana": {}}}, "grafana"),
        ({"path": "/a", "credentials": {"engine": {"host": "h", "name": "n", "user": "u"}}}, "password"),
        ({"path": "/a", "restore_jobs": "many"}, "restore_jobs"),
        ({"path": "/a", "force": True}, "force"),
    ],
)
def test_bad_arguments_are_refused(tmp_path: Path, options: Dict[str, Any], part: str) -> None:
    result = run_module("engine_restore", options, tmp_path)
    assert result["failed"] is True
    assert part in result["msg"]


def test_host_without_the_tool_is_named_in_check_mode_too(tmp_path: Path) -> None:
    (tmp_path / "var/lib/ovirt-engine-backup").mkdir(parents=True)
    for check_mode in (False, True):
        options = {"path": str(tmp_path / "nowhere"), "prefix": str(tmp_path)}
        result = run_module("engine_restore", options, tmp_path, check_mode)
        assert [item["code"] for item in result["problems"]] == ["archive_missing", "tool_missing"]
        assert result["phase"] == "plan"
