# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever call to the host fails or is interrupted: the run cleans up, gives the lock back and publishes nothing."""

from typing import List

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._engine.backup.run import make_backup
from unit.fakes import world
from unit.fakes.engine_host import FakeEngineHost, Run, make_installation, make_request
from unit.fakes.faults import interruptions, methods_of
from unit.fakes.host import FakeHost

CLEAN_UP = ("finish", "unlock")


def make_host() -> FakeEngineHost:
    """Return a host that is asked for everything that a run can ask for."""
    host = FakeEngineHost()
    kinds = frozenset(["engine", "dwh", "grafana"])
    host.installation = make_installation(
        enabled=kinds,
        answered=kinds,
        owned=kinds | {"keycloak"},
        grafana_file="/g",
        settings=dict(host.installation.settings, keycloak=world.settings("keycloak")),
    )
    host.live["grafana"] = world.snapshot({"dashboard": 4}, schemas=["main"])
    host.live["keycloak"] = world.snapshot({})
    host.runs = [Run(1, "", "FATAL: Failed backing up /a", "tar: /a: file changed as we read it", None, 5.0)]
    late = world.snapshot(world.DWH_ROWS)
    late.tables["public.calendar"] = late.tables["public.calendar"]._replace(rows=301)
    host.later["dwh"] = [late, world.snapshot(world.DWH_ROWS)]
    return host


def calls_of_a_run() -> List[str]:
    host = make_host()
    make_backup(make_request(profile="small", tmpdir="/srv/tmp"), host)
    return host.calls


CALLS = calls_of_a_run()


def test_run_asks_the_host_for_everything_and_cleans_up_in_the_end() -> None:
    left_out = {"is_locked", "check_proven", "read_manifest"}  # of check mode and of reuse
    assert methods_of(FakeEngineHost, FakeHost) - set(CALLS) == left_out
    assert CALLS[-3:] == ["publish", *CLEAN_UP]


@pytest.mark.parametrize(("position", "name", "error"), interruptions(CALLS))
def test_nothing_stays_whatever_call_fails(position: int, name: str, error: BaseException) -> None:
    host = make_host()
    host.errors_by_position[position] = error
    with pytest.raises(type(error)):
        make_backup(make_request(profile="small", tmpdir="/srv/tmp"), host)
    if name not in CLEAN_UP:
        assert host.published == {}
        assert host.state is None
    if name != "unlock":
        assert not host.is_held
    assert len(host.calls) - position <= len(CLEAN_UP)
