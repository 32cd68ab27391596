# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an engine does not send along is asked for by itself: the answer is the same."""

from typing import Any, Callable, Dict

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._vm.api.engine import EngineApi
from lab.rest_engine import identify
from lab.rest_engine.state import Checkpoint
from unit.fakes.vm_engine import FakeEngine
from unit.fakes.vm_world import APP, APP_BOOT, APP_DATA, BACKUP, SHARED

SNAPSHOT = "5a000000-0000-4000-8000-000000000001"
MACS = ["00:1a:4a:16:%02x:00" % number for number in range(25)]  # more than go into one search; five are in use
WHOLE = "fetch_vms"  # an engine that ignores what it is to follow names a cluster by its id alone
CALLS: Dict[str, Callable[[EngineApi], Any]] = {
    WHOLE: lambda api: api.fetch_vms(["app", BACKUP], True, True, True, True),
    "fetch_vms without clusters": lambda api: api.fetch_vms(["app"], True, True),
    "list_attachments": lambda api: api.list_attachments(SHARED),
    "read_snapshot": lambda api: api.read_snapshot(APP, SNAPSHOT, with_disks=True),
    "list_checkpointed_disks": lambda api: api.list_checkpointed_disks(APP),
    "list_vnic_profiles": lambda api: api.list_vnic_profiles(identify("data center", "Default")),
    "find_macs": lambda api: api.find_macs(MACS),
    "list_permits": lambda api: api.list_permits("vms", APP, {"attach_disk"}),
}


@pytest.fixture
def engine() -> FakeEngine:
    found = FakeEngine()
    found.add_snapshot(APP, "of another tool", [APP_BOOT, APP_DATA], id=SNAPSHOT)
    found.world.checkpoints["1"] = Checkpoint("1", APP, [APP_DATA])
    return found


@pytest.mark.parametrize(
    ("name", "follows"), [(name, "refused") for name in CALLS] + [(name, "ignored") for name in CALLS if name != WHOLE]
)
def test_what_does_not_come_along_is_asked_for(engine: FakeEngine, name: str, follows: str) -> None:
    expected = CALLS[name](EngineApi(engine.session))
    engine.session.follows = follows
    assert CALLS[name](EngineApi(engine.session)) == expected


def test_what_comes_along_is_complete(engine: FakeEngine) -> None:
    [app] = engine.fetch_vms(["app"], True, True, True)
    assert [one.disk.alias for one in app.attachments if one.disk] == ["app_Disk1", "app_Disk2"]
    held = {one.kind: one.disks for one in app.snapshots}
    assert held["active"] is None and [one.disk_id for one in held["regular"] or ()] == [APP_BOOT, APP_DATA]
    assert [nic.mac for nic in app.nics] == MACS[:1]
    assert app.cluster in engine.list_clusters()
    assert engine.list_checkpointed_disks(APP) == {APP_DATA}
    assert sorted(engine.find_macs(MACS)) == MACS[:5]
    assert [one.network_name for one in engine.list_vnic_profiles(identify("data center", "Default"))] == [
        "ovirtmgmt",
        "storage",
    ]
