# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arguments that AnsibleModule itself refuses, each module run as Ansible runs it: a process that reads JSON."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Tuple

import pytest

pytest.importorskip("ansible")
pytestmark = pytest.mark.ansible


def run_module(name: str, options: Dict[str, Any], folder: Path, check_mode: bool = False) -> Dict[str, Any]:
    """Run a module with these options and return its result."""
    given = dict(options, _ansible_check_mode=check_mode, _ansible_remote_tmp=str(folder))
    program = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "from ansible_collections.ovirt.backup.plugins.modules import %s\n%s.main()" % (name, name)
    )
    profile = (
        "from ansible.module_utils.testing import patch_module_args\n"
        "import contextlib, json\n"
        "stack = contextlib.ExitStack(); stack.enter_context(patch_module_args(json.loads(%r)))\n" % json.dumps(given)
    )
    old = "from ansible.module_utils import basic; basic._ANSIBLE_ARGS = %r.encode()\n" % json.dumps(
        {"ANSIBLE_MODULE_ARGS": given}
    )
    chosen = "import sys; sys.path[:0] = sys.argv[1:]\ntry:\n    %s\nexcept ImportError:\n    %s\n" % (
        profile.strip().replace("\n", "\n    "),
        old.strip(),
    )
    done = subprocess.run([sys.executable, "-c", chosen + program, *sys.path], check=False, capture_output=True)
    lines = done.stdout.decode().strip().splitlines()
    assert lines, done.stderr.decode()
    found: Dict[str, Any] = json.loads(lines[-1])
    return found


CASES: Dict[str, Tuple[str, Dict[str, Any], str]] = {
    "neither path nor directory": ("engine_backup", {}, "path, directory"),
    "path and directory": ("engine_backup", {"path": "/a", "directory": "/b"}, "mutually exclusive"),
    "unknown scope": ("engine_backup", {"path": "/a", "scope": ["everything"]}, "everything"),
    "unknown profile": ("engine_backup", {"path": "/a", "profile": "tiny"}, "tiny"),
    "timeout that is no number": ("engine_backup", {"path": "/a", "timeout": "soon"}, "timeout"),
    "unknown option": ("engine_backup", {"path": "/a", "compress": True}, "compress"),
    "no path to look at": ("engine_backup_info", {}, "path"),
    "unknown depth": ("engine_backup_info", {"path": "/a", "verify": "deep"}, "deep"),
    "nothing to keep": ("engine_backup_prune", {"directory": "/a"}, "keep, keep_days"),
    "no directory to prune": ("engine_backup_prune", {"keep": 1}, "directory"),
}


@pytest.mark.parametrize(("name", "options", "part"), list(CASES.values()), ids=list(CASES))
def test_bad_arguments_are_refused(tmp_path: Path, name: str, options: Dict[str, Any], part: str) -> None:
    result = run_module(name, options, tmp_path)
    assert result["failed"] is True
    assert part in result["msg"]


def test_archive_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = run_module("engine_backup_info", {"path": str(tmp_path / "nowhere")}, tmp_path)
    assert (result["failed"], result["code"]) == (True, "archive_missing")


def test_host_without_the_tool_is_named_in_check_mode_too(tmp_path: Path) -> None:
    pytest.importorskip("psycopg2")
    for check_mode in (False, True):
        options = {"directory": str(tmp_path), "prefix": str(tmp_path)}
        result = run_module("engine_backup", options, tmp_path, check_mode)
        assert (result["failed"], result["code"], result["phase"]) == (True, "tool_missing", "plan")
        assert [path for path in tmp_path.iterdir() if not path.name.endswith(".lock")] == []


def test_missing_directory_is_named_in_check_mode_too(tmp_path: Path) -> None:
    pytest.importorskip("psycopg2")
    for check_mode in (False, True):
        options = {"directory": str(tmp_path / "nowhere"), "prefix": str(tmp_path)}
        result = run_module("engine_backup", options, tmp_path, check_mode)
        assert [item["code"] for item in result["problems"]] == ["directory_missing", "tool_missing"]


def test_prune_of_an_empty_directory_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    result = run_module("engine_backup_prune", {"directory": str(tmp_path / "in"), "keep": 1}, tmp_path)
    assert (result["changed"], result["kept"], result["removed"], result["ignored"]) == (False, [], [], [])
