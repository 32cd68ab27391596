# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever call to the host fails or is interrupted: no secret, no placeholder, no work directory and no lock stays."""

import errno
from typing import List, Tuple

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError, Interrupted
from ansible_collections.ovirt.backup.plugins.module_utils._engine.restore.model import RestoreRequest
from ansible_collections.ovirt.backup.plugins.module_utils._engine.restore.run import make_restore
from unit.fakes.restore_host import (
    LOCAL,
    PATH,
    FakeRestoreHost,
    FakeServer,
    configured_settings,
    credentials,
    make_reading,
    make_request,
)

CLEAN_UP = ("remove_placeholders", "finish", "unlock")


def make_host() -> FakeRestoreHost:
    """Return a host that is asked for everything that a run can ask for."""
    host = FakeRestoreHost()
    dump = make_reading().dumps["dwh"]._replace(grantees=("ovirt_engine_history", "reporter"))
    host.stored[PATH] = make_reading("grafana", dwh=dump)
    host.servers[LOCAL].add(configured_settings("dwh"))
    host.servers["db.lab.test", 5432] = FakeServer()
    host.servers["db.lab.test", 5432].add(credentials("engine"))
    return host


def request() -> RestoreRequest:
    return make_request(credentials={"engine": credentials("engine")})


def calls_of_a_run() -> List[Tuple[int, str]]:
    host = make_host()
    make_restore(request(), host)
    return list(enumerate(host.calls, 1))


CALLS = calls_of_a_run()


def test_run_asks_the_host_for_everything_of_a_restore() -> None:
    asked = {name for _position, name in CALLS}
    own = {name for name, value in vars(FakeRestoreHost).items() if hasattr(value, "__wrapped__")}
    own -= {"_same_times", "find_broken", "read_proven"}  # the second is of check mode, the third needs a manifest
    assert own <= asked


@pytest.mark.parametrize(("position", "name"), CALLS, ids=["%d %s" % call for call in CALLS])
@pytest.mark.parametrize(
    "error",
    [Interrupted("ended by signal 15"), OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()],
    ids=["signal", "disk full", "keyboard"],
)
def test_nothing_stays_whatever_call_fails(position: int, name: str, error: BaseException) -> None:
    host = make_host()
    host.errors_by_position[position] = error
    with pytest.raises(type(error)):
        make_restore(request(), host)
    if name != "finish":
        assert host.secrets == {}
        assert host.state is None
    if name != "remove_placeholders":
        assert host.placeholders == set()
    if name != "unlock":
        assert not host.is_held
    if name not in CLEAN_UP:
        assert len(host.calls) - position <= len(CLEAN_UP), host.calls[position:]


def test_run_that_could_not_begin_is_cleaned_up() -> None:
    host = make_host()
    host.fail("begin", OSError(errno.EACCES, "Permission denied"))
    with pytest.raises(OSError, match="Permission"):
        make_restore(request(), host)
    assert host.calls[-2:] == ["finish", "unlock"]


def test_database_that_goes_away_while_it_is_proven_is_a_failure_with_its_facts() -> None:
    host = make_host()
    host.fail("count_rows", BackupError("the server closed the connection", "database_unreachable"))
    with pytest.raises(BackupError) as caught:
        make_restore(request(), host)
    assert caught.value.code == "database_unreachable"
    assert caught.value.facts["phase"] == "proving"
    assert host.calls[-3:] == list(CLEAN_UP)


def test_mending_that_fails_is_a_failure_and_leaves_nothing() -> None:
    host = make_host()
    host.fail("repair_config_files", OSError(errno.EIO, "Input/output error"))
    with pytest.raises(OSError, match="Input/output"):
        make_restore(request(), host)
    assert (host.secrets, host.placeholders, host.is_held) == ({}, set(), False)
