# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever call to the host fails or is interrupted: no secret, no placeholder, no work directory and no lock stays."""

from typing import List

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError
from ansible_collections.ovirt.backup.plugins.module_utils._engine.restore.model import RestoreRequest
from ansible_collections.ovirt.backup.plugins.module_utils._engine.restore.run import make_restore
from unit.fakes.errors import error_of
from unit.fakes.faults import interruptions, methods_of
from unit.fakes.restore_host import (
    LOCAL,
    PATH,
    FakeRestoreHost,
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
    host.add_server(credentials("engine"))
    return host


def request() -> RestoreRequest:
    return make_request(credentials={"engine": credentials("engine")})


def calls_of_a_run() -> List[str]:
    host = make_host()
    make_restore(request(), host)
    return host.calls


CALLS = calls_of_a_run()


def test_run_asks_the_host_for_everything_of_a_restore() -> None:
    # The second is of check mode, the third needs a manifest.
    assert methods_of(FakeRestoreHost) - {"_same_times", "find_broken", "read_proven"} <= set(CALLS)


@pytest.mark.parametrize(("position", "name", "error"), interruptions(CALLS))
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


def test_database_that_goes_away_while_it_is_proven_is_a_failure_with_its_facts() -> None:
    host = make_host()
    host.fail("count_rows", BackupError("the server closed the connection", "database_unreachable"))
    error = error_of(BackupError, make_restore, request(), host)
    assert error.code == "database_unreachable"
    assert error.facts["phase"] == "proving"
    assert host.calls[-3:] == list(CLEAN_UP)
