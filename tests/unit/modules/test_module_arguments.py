# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arguments that AnsibleModule itself refuses, each module run as Ansible runs it: a process that reads JSON."""

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Tuple

import pytest

arg_spec = pytest.importorskip("ansible.module_utils.common.arg_spec")
pytestmark = pytest.mark.ansible
MODULES = "ansible_collections.ovirt.backup.plugins.modules."
RUN = """
import importlib, json, sys
name, given = sys.argv[1:3]
sys.path[:0] = sys.argv[3:]
module = importlib.import_module(name)
try:
    from ansible.module_utils.testing import patch_module_args
except ImportError:
    from ansible.module_utils import basic
    basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": json.loads(given)}).encode()
    module.main()
with patch_module_args(json.loads(given)):
    module.main()
"""


def run_module(name: str, options: Dict[str, Any], folder: Path, check_mode: bool = False) -> Dict[str, Any]:
    """Run a module with these options and return its result."""
    given = dict(options, _ansible_check_mode=check_mode, _ansible_remote_tmp=str(folder))
    done = subprocess.run(
        [sys.executable, "-c", RUN, MODULES + name, json.dumps(given), *sys.path], check=False, capture_output=True
    )
    lines = done.stdout.decode().strip().splitlines()
    assert lines, done.stderr.decode()
    found: Dict[str, Any] = json.loads(lines[-1])
    return found


LOGIN = {"host": "h", "name": "n", "user": "u"}
WRONG: Dict[str, Tuple[str, Dict[str, Any], str]] = {
    "unknown scope": ("engine_backup", {"path": "/a", "scope": ["everything"]}, "everything"),
    "unknown profile": ("engine_backup", {"path": "/a", "profile": "tiny"}, "tiny"),
    "timeout that is no number": ("engine_backup", {"path": "/a", "timeout": "soon"}, "timeout"),
    "unknown option": ("engine_backup", {"path": "/a", "compress": True}, "compress"),
    "no path to look at": ("engine_backup_info", {}, "path"),
    "unknown depth": ("engine_backup_info", {"path": "/a", "verify": "deep"}, "deep"),
    "no directory to prune": ("engine_backup_prune", {"keep": 1}, "directory"),
    "no archive": ("engine_restore", {}, "path"),
    "unknown scope to restore": ("engine_restore", {"path": "/a", "scope": ["everything"]}, "everything"),
    "file that is provisioned": ("engine_restore", {"path": "/a", "provision": ["grafana"]}, "grafana"),
    "unknown permissions": ("engine_restore", {"path": "/a", "permissions": "maybe"}, "maybe"),
    "credentials of a file": ("engine_restore", {"path": "/a", "credentials": {"grafana": {}}}, "grafana"),
    "credentials without password": ("engine_restore", {"path": "/a", "credentials": {"engine": LOGIN}}, "password"),
    "jobs that are no number": ("engine_restore", {"path": "/a", "restore_jobs": "many"}, "restore_jobs"),
}


@pytest.mark.parametrize(("name", "options", "part"), list(WRONG.values()), ids=list(WRONG))
def test_bad_options_are_refused(name: str, options: Dict[str, Any], part: str) -> None:
    validator = arg_spec.ArgumentSpecValidator(importlib.import_module(MODULES + name).ARGUMENT_SPEC)
    assert part in "; ".join(validator.validate(options).error_messages)


EXCLUSIVE: Dict[str, Tuple[str, Dict[str, Any], str]] = {
    "neither path nor directory": ("engine_backup", {}, "path, directory"),
    "path and directory": ("engine_backup", {"path": "/a", "directory": "/b"}, "mutually exclusive"),
    "nothing to keep": ("engine_backup_prune", {"directory": "/a"}, "keep, keep_days"),
    "unknown option": ("engine_restore", {"path": "/a", "force": True}, "force"),
}


@pytest.mark.parametrize(("name", "options", "part"), list(EXCLUSIVE.values()), ids=list(EXCLUSIVE))
def test_options_that_do_not_go_together_are_refused(
    tmp_path: Path, name: str, options: Dict[str, Any], part: str
) -> None:
    result = run_module(name, options, tmp_path)
    assert result["failed"] is True
    assert part in result["msg"]


def test_archive_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = run_module("engine_backup_info", {"path": str(tmp_path / "nowhere")}, tmp_path)
    assert (result["failed"], result["code"]) == (True, "archive_missing")


@pytest.mark.parametrize("check_mode", [False, True], ids=["run", "check mode"])
def test_host_without_the_tool_is_named_in_check_mode_too(tmp_path: Path, check_mode: bool) -> None:
    pytest.importorskip("psycopg2")
    options = {"directory": str(tmp_path), "prefix": str(tmp_path)}
    if check_mode:
        options["directory"] = str(tmp_path / "nowhere")
    result = run_module("engine_backup", options, tmp_path, check_mode)
    assert (result["failed"], result["phase"]) == (True, "plan")
    missing = ["directory_missing"] if check_mode else []
    assert [item["code"] for item in result["problems"]] == [*missing, "tool_missing"]
    assert [path for path in tmp_path.iterdir() if not path.name.endswith(".lock")] == []


def test_prune_of_an_empty_directory_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    result = run_module("engine_backup_prune", {"directory": str(tmp_path / "in"), "keep": 1}, tmp_path)
    assert (result["changed"], result["kept"], result["removed"], result["ignored"]) == (False, [], [], [])
