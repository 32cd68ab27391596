# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever call to the host fails or is interrupted: the run cleans up, gives the lock back and publishes nothing."""

import errno
from typing import List, Tuple

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import Interrupted
from ansible_collections.ovirt.backup.plugins.module_utils._engine.backup.run import make_backup
from unit.fakes import world
from unit.fakes.engine_host import FakeEngineHost, Run, make_installation, make_request

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


def calls_of_a_run() -> List[Tuple[int, str]]:
    host = make_host()
    make_backup(make_request(profile="small", tmpdir="/srv/tmp"), host)
    return list(enumerate(host.calls, 1))


CALLS = calls_of_a_run()


def test_run_asks_the_host_for_everything() -> None:
    asked = {name for _position, name in CALLS}
    left_out = {"is_locked", "check_proven", "read_manifest"}  # of check mode and of reuse
    everything = {name for name, value in vars(FakeEngineHost).items() if hasattr(value, "__wrapped__")}
    assert everything - asked == left_out


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
        make_backup(make_request(profile="small", tmpdir="/srv/tmp"), host)
    if name not in CLEAN_UP:
        assert host.published == {}
        assert host.state is None
    if name != "unlock":
        assert not host.is_held
    assert len(host.calls) - position <= len(CLEAN_UP)


def test_failed_publication_is_followed_by_the_clean_up() -> None:
    host = FakeEngineHost()
    host.fail("publish", OSError(errno.EIO, "Input/output error"))
    with pytest.raises(OSError, match="Input/output"):
        make_backup(make_request(), host)
    assert host.calls[-3:] == ["publish", "finish", "unlock"]


def test_clean_up_that_fails_still_gives_the_lock_back() -> None:
    host = FakeEngineHost()
    host.fail("finish", OSError(errno.EIO, "Input/output error"))
    with pytest.raises(OSError, match="Input/output"):
        make_backup(make_request(), host)
    assert not host.is_held
