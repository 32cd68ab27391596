# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module engine_restore: options become a request, results are plain, and hold no secret."""

import json
from pathlib import Path
from typing import Any, Dict, List

import pytest
from unit.fakes.errors import error_of
from unit.fakes.restore_host import PATH, STATE, FakeRestoreHost, credentials, make_request
from unit.modules.test_module_arguments import run_module

pytest.importorskip("ansible")
pytest.importorskip("psycopg2")

from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError
from ansible_collections.ovirt.backup.plugins.module_utils._engine.restore.model import RestoreRequest
from ansible_collections.ovirt.backup.plugins.modules import engine_restore

pytestmark = pytest.mark.ansible

act = engine_restore.act
DEFAULTS: Dict[str, Any] = {name: option.get("default") for name, option in engine_restore.ARGUMENT_SPEC.items()}
GIVEN = {"host": "db.lab.test", "port": 5432, "name": "db_new", "user": "db_new", "password": "Secret.of.new_db_new",
         "secured": False, "secured_validation": False}  # fmt: skip


def request_of(**options: Any) -> RestoreRequest:
    return engine_restore.read_request(dict(DEFAULTS, path=PATH, **options))


def moved() -> Any:
    """Return a host with a second server and the request to restore into it."""
    host = FakeRestoreHost()
    host.add_server(credentials("engine"))
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
    assert moved()[1].credentials == {"engine": credentials("engine")}


@pytest.mark.parametrize("leftovers", [[], [STATE + "/.engine_backup-1"]], ids=["unchanged", "leftovers"])
@pytest.mark.parametrize("check_mode", [False, True], ids=["run", "check mode"])
def test_diff_of_what_is_restored_already_shows_the_leftovers(leftovers: List[str], check_mode: bool) -> None:
    host = FakeRestoreHost()
    host.fill()
    host.leftovers = list(leftovers)
    result = act(request_of(), host, check_mode)
    assert (result["changed"], result["cmd"], result["log_path"]) == (bool(leftovers), [], "")
    assert result["diff"] == {"before": {"leftovers": leftovers}, "after": {"leftovers": []}}


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


def test_planned_cleanup_is_for_check_mode_only() -> None:
    host = FakeRestoreHost()
    assert error_of(BackupError, act, request_of(cleanup_planned=True), host, False).code == "not_check_mode"
    assert host.calls == []
    assert act(request_of(cleanup_planned=True), host, True)["changed"]


def test_host_without_the_tool_is_named_in_check_mode_too(tmp_path: Path) -> None:
    (tmp_path / "var/lib/ovirt-engine-backup").mkdir(parents=True)
    options = {"path": str(tmp_path / "nowhere"), "prefix": str(tmp_path)}
    result = run_module("engine_restore", options, tmp_path, True)
    assert [item["code"] for item in result["problems"]] == ["archive_missing", "tool_missing"]
    assert result["phase"] == "plan"
