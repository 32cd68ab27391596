# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a run lives: told from its process, or not at all."""

import os
import subprocess
import sys
from typing import Dict, List, Optional

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import Interrupted
from ansible_collections.ovirt.backup.plugins.module_utils._common.process_identity import (
    identify_process,
    is_run_alive,
    parse_identity,
    render_identity,
    sleep_unless_orphaned,
)


def test_a_process_that_runs_is_alive_and_one_that_ended_is_not() -> None:
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as process:
        identity = identify_process(process.pid)
        assert is_run_alive(identity) is True
        process.kill()
        process.wait()
        assert is_run_alive(identity) is False


@pytest.mark.parametrize(
    ("changes", "alive"),
    [
        ({}, True),
        ({"start": "1"}, False),
        ({"boot": "0"}, False),
        ({"host": "elsewhere"}, None),
        ({"namespace": "1"}, None),
    ],
    ids=["this", "another of the same number", "before the machine started again", "another machine", "a container"],
)
def test_a_run_is_alive_or_not_or_nobody_can_tell(changes: Dict[str, str], alive: Optional[bool]) -> None:
    own = parse_identity(identify_process(os.getpid()))
    assert own is not None
    assert is_run_alive(render_identity(own._replace(**changes))) is alive
    assert is_run_alive("somebody") is None


def test_who_waits_for_a_run_that_has_ended_is_told_once() -> None:
    own = parse_identity(identify_process(os.getpid()))
    assert own is not None
    slept: List[float] = []
    wait = sleep_unless_orphaned(render_identity(own._replace(start="1")), slept.append)
    with pytest.raises(Interrupted):
        wait(1)
    wait(2)
    assert slept == [2]


@pytest.mark.parametrize("identity", ["", "somebody", identify_process(os.getpid())], ids=["none", "chosen", "alive"])
def test_who_waits_for_a_run_that_may_live_is_not_told(identity: str) -> None:
    slept: List[float] = []
    sleep_unless_orphaned(identity, slept.append)(3)
    assert slept == [3]
