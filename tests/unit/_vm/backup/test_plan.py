# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What forbids a backup through a snapshot is said before anything is written, and all of it at once."""

from typing import Any, Callable, Dict, List

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import Problem, Refused
from ansible_collections.ovirt.backup.plugins.module_utils._vm.backup.run import (
    attach,
    detach,
    preview_attaching,
    preview_removing,
    remove,
)
from lab.rest_engine import DiskPlan, VmPlan, worlds
from lab.rest_engine.state import Checkpoint
from unit.fakes.vm_backup_tools import MARK, OTHER_MARK, OTHER_RUN, World, codes, request
from unit.fakes.vm_engine import change
from unit.fakes.vm_world import APP, APP_BOOT, APP_DATA, BACKUP, BACKUP_BOOT, DATA, OTHER_CLUSTER, SHARED

OPEN_SOURCE = "of another tool"
Change = Callable[[World], Dict[str, Any]]


@pytest.fixture
def world() -> World:
    return World()


def changed(**changes: Any) -> Change:
    """Return a preparation that changes only the request."""
    return lambda world: changes


def vm_state(vm_id: str, **changes: Any) -> Change:
    return lambda world: world.engine.change_vm(vm_id, **changes) or {}


def disk_state(**changes: Any) -> Change:
    return lambda world: world.engine.change_disk(APP_DATA, **changes) or {}


def snapshot_state(**changes: Any) -> Change:
    return lambda world: {} if world.engine.add_snapshot(APP, OPEN_SOURCE, (APP_BOOT,), **changes) else {}


def permits(kind: str, object_id: str, *held: str) -> Change:
    def take(world: World) -> Dict[str, Any]:
        world.engine.permits[(kind, object_id)] = frozenset(held)
        return {}

    return take


def foreign_attachment(world: World) -> Dict[str, Any]:
    world.engine.attach_behind(BACKUP, APP_BOOT, world.engine.add_snapshot(APP, OPEN_SOURCE, (APP_BOOT,)).id)
    return {}


def other_center(world: World) -> Dict[str, Any]:
    world.engine.change_vm(BACKUP, cluster=OTHER_CLUSTER)
    return {}


def second_of_a_name(world: World) -> Dict[str, Any]:
    worlds.add_vm(world.engine.lab, VmPlan("app", cluster="Second"))
    return {}


def same_alias(world: World) -> Dict[str, Any]:
    world.engine.change_disk(APP_DATA, alias="app_Disk1")
    return {"disks": ("app_Disk1",)}


def unwritable(world: World) -> Dict[str, Any]:
    world.file.problems = [Problem("configuration_directory_missing", "no such directory")]
    return {}


def busy_under_another_name(world: World) -> Dict[str, Any]:
    world.engine.add_snapshot(APP, "ovirt.backup: weekly [%s]" % OTHER_RUN, (APP_BOOT,))
    world.living[OTHER_RUN] = True
    return {}


def unplugged(world: World) -> Dict[str, Any]:
    world.engine.attachment(APP, APP_DATA).active = False
    return {}


def incomplete(world: World) -> Dict[str, Any]:
    world.engine.add_snapshot(APP, MARK, (APP_BOOT,))
    return {}


REFUSALS: Dict[str, Any] = {
    "name": ("name_invalid", changed(name="a [b]")),
    "run": ("name_invalid", changed(run="a b")),
    "negative time": ("option_out_of_range", changed(stale_after=-1)),
    "no time": ("option_out_of_range", changed(timeout=0)),
    "no pause": ("option_out_of_range", changed(poll_interval=0)),
    "negative pause": ("option_out_of_range", changed(poll_interval=-1.0)),
    "unknown vm": ("vm_not_found", changed(vm="nobody")),
    "unknown backup vm": ("vm_not_found", changed(backup_vm="nobody")),
    "two of a name": ("vm_ambiguous", second_of_a_name),
    "itself": ("same_vm", changed(backup_vm="app")),
    "itself by id": ("same_vm", changed(backup_vm=APP)),
    "hosted engine": ("hosted_engine_vm", changed(vm="HostedEngine")),
    "paused backup vm": ("backup_vm_not_up", vm_state(BACKUP, status="paused")),
    "backup vm of another center": ("data_center_differs", other_center),
    "migrating": ("vm_busy", vm_state(APP, status="migrating")),
    "locked vm": ("vm_busy", vm_state(APP, status="image_locked")),
    "stateless": ("vm_stateless", vm_state(APP, stateless=True)),
    "stateless snapshot": ("vm_stateless", snapshot_state(kind="stateless")),
    "preview": ("vm_preview", snapshot_state(status="in_preview")),
    "paused and required": ("consistency_impossible", lambda world: dict(
        vm_state(APP, status="paused")(world), consistency="require")),
    "illegal": ("disk_illegal", disk_state(status="illegal")),
    "locked": ("disk_locked", disk_state(status="locked")),
    "shareable": ("disk_unsupported", disk_state(shareable=True)),
    "lun": ("disk_unsupported", disk_state(storage_type="lun")),
    "cinder": ("disk_unsupported", disk_state(storage_type="cinder")),
    "unplugged": ("disk_unsupported", unplugged),
    "unknown disk": ("disk_not_found", changed(disks=("floppy",))),
    "disk of another vm": ("disk_not_found", changed(disks=(BACKUP_BOOT,))),
    "two of an alias": ("disk_ambiguous", same_alias),
    "attached there": ("disk_attached", foreign_attachment),
    "domain full": ("storage_full", lambda world: setattr(world.engine.world.domains[DATA], "available", 5) or {}),
    "domain off": ("storage_domain_inactive", lambda world: world.engine.edit("list_storage_domains", lambda found: [
        one._replace(status="maintenance") for one in found]) or {}),
    "no permit on the vm": ("not_permitted", permits("vms", APP, "login")),
    "no permit on the backup vm": ("not_permitted", permits("vms", BACKUP, "login")),
    "no permit on a disk": ("not_permitted", permits("disks", APP_DATA, "login")),
    "no permit to freeze": ("not_permitted", lambda world: dict(
        permits("vms", APP, "manipulate_vm_snapshots")(world), consistency="require")),
    "no place for the configuration": ("configuration_directory_missing", unwritable),
    "another backup at work": ("backup_running", busy_under_another_name),
    "snapshot of other disks": ("snapshot_incomplete", incomplete),
}  # fmt: skip


@pytest.mark.parametrize("case", list(REFUSALS))
def test_it_is_refused_before_the_first_write(world: World, case: str) -> None:
    code, prepare = REFUSALS[case]
    changes = prepare(world)
    with pytest.raises(Refused) as caught:
        attach(request(**changes), world.tools())
    assert codes(caught.value) == [code]
    assert world.engine.written() == [] and world.file.saves == 0
    assert caught.value.facts["phase"] == "plan"


@pytest.mark.parametrize("act", [attach, preview_attaching])
def test_all_reasons_are_named_at_once(world: World, act: Any) -> None:
    prepared = [foreign_attachment, vm_state(BACKUP, status="paused"), disk_state(status="illegal"), unwritable]
    for prepare in prepared:
        prepare(world)
    with pytest.raises(Refused) as caught:
        act(request(disks=("floppy", APP_DATA, APP_BOOT)), world.tools())
    assert set(codes(caught.value)) == {
        "configuration_directory_missing", "disk_not_found", "backup_vm_not_up", "disk_attached", "disk_illegal",
    }  # fmt: skip


def test_permits_that_nobody_knows_are_not_judged(world: World) -> None:
    world.engine.permits[("vms", APP)] = None
    assert attach(request(), world.tools())["changed"]


def test_a_machine_is_named_by_its_id_in_either_case(world: World) -> None:
    assert attach(request(vm=APP.upper(), backup_vm=BACKUP), world.tools())["vm"]["name"] == "app"


def test_unsupported_disks_are_left_out_and_listed(world: World) -> None:
    result = attach(request(vm="shared", skips_unsupported=True), world.tools())
    assert len(result["disks"]) == 1
    assert ["shareable" in one["reason"] or "LUN" in one["reason"] for one in result["skipped"]] == [True, True]
    assert [len(one.images) for one in world.engine.made(SHARED)] == [1]


def test_a_disk_that_the_engine_did_not_send_along_is_read(world: World) -> None:
    world.engine.edit("fetch_vms", lambda found: [
        one._replace(attachments=[attachment._replace(disk=None) for attachment in one.attachments]) for one in found
    ])  # fmt: skip
    assert len(attach(request(), world.tools())["disks"]) == 2


def test_a_machine_without_disks_is_saved_with_a_warning(world: World) -> None:
    result = attach(request(disks=()), world.tools())
    assert result["disks"] == [] and "only its configuration" in result["warnings"][0]
    assert world.file.text


def test_checkpoints_and_a_backup_vm_that_is_down_are_told(world: World) -> None:
    world.engine.world.checkpoints["1"] = Checkpoint("1", APP, [APP_DATA])
    world.engine.change_vm(BACKUP, status="down")
    warnings = attach(request(), world.tools())["warnings"]
    assert "app_Disk2" in warnings[0] and "app_Disk1" not in warnings[0]
    assert "is down" in warnings[1]


def test_block_storage_needs_a_piece_for_each_disk(world: World) -> None:
    change(world.engine.world.domains[DATA], storage_type="iscsi", available=7)
    attach(request(), world.tools())
    remove(request(), world.tools())
    worlds.add_disk(world.engine.lab, world.engine.vms[APP], DiskPlan("app_Disk3"))
    with pytest.raises(Refused) as caught:
        attach(request(), world.tools())
    assert codes(caught.value) == ["storage_full"]


# --- the work of other runs ---


def leave_behind(world: World) -> None:
    """Let another run of the same backup die with its disks attached."""
    attach(request(run=OTHER_RUN), world.tools())
    world.engine.calls.clear()


def test_a_living_run_is_left_alone(world: World) -> None:
    leave_behind(world)
    world.living[OTHER_RUN] = True
    for act in (attach, remove, preview_attaching):
        with pytest.raises(Refused) as caught:
            act(request(outcome="failure"), world.tools())
        assert codes(caught.value) == ["backup_running"]
    assert world.engine.written() == []


def test_a_run_of_which_nobody_knows_is_left_alone_until_it_is_old(world: World) -> None:
    leave_behind(world)
    with pytest.raises(Refused) as caught:
        attach(request(stale_after=600), world.tools())
    assert codes(caught.value) == ["backup_running"]
    world.engine.advance(700)
    assert attach(request(stale_after=600), world.tools())["swept"]


def test_a_snapshot_of_unknown_age_is_young(world: World) -> None:
    leave_behind(world)
    world.engine.made(APP)[0].date = ""
    with pytest.raises(Refused):
        attach(request(stale_after=1), world.tools())


@pytest.mark.parametrize("act", [attach, remove])
def test_what_a_dead_run_left_is_swept_and_listed(world: World, act: Any) -> None:
    leave_behind(world)
    world.living[OTHER_RUN] = False
    preview = preview_attaching if act is attach else lambda asked, tools: preview_removing(asked, tools, True)
    planned = preview(request(), world.tools())
    result = act(request(), world.tools())
    assert result["changed"] and planned["swept"] == result["swept"]
    assert len(result["swept"]) == 3 and OTHER_MARK in result["swept"][2]
    assert [one.description for one in world.engine.made(APP)] == ([MARK] if act is attach else [])
    wanted: List[str] = [APP_BOOT, APP_DATA] if act is attach else []
    assert world.engine.attached_to(BACKUP) == [BACKUP_BOOT, *wanted]


def test_detaching_keeps_what_a_dead_run_left(world: World) -> None:
    leave_behind(world)
    world.living[OTHER_RUN] = False
    assert not detach(request(), world.tools())["changed"]
    assert world.engine.written() == []


def test_a_snapshot_that_the_engine_still_works_on_is_waited_for(world: World) -> None:
    first = attach(request(), world.tools())
    detach(request(), world.tools())
    world.engine.remove_snapshot(APP, first["snapshot"]["id"])  # and the run is killed
    assert not preview_removing(request(), world.tools(), False)["changed"]
    second = attach(request(), world.tools())
    assert second["snapshot"]["id"] != first["snapshot"]["id"]
    assert [one.description for one in world.engine.made(APP)] == [MARK]


@pytest.mark.parametrize("description", [OPEN_SOURCE, "ovirt.backup", "ovirt.backup: weekly", MARK + " (copy)"])
def test_snapshots_without_this_mark_are_never_touched(world: World, description: str) -> None:
    kept = world.engine.add_snapshot(APP, description, (APP_BOOT,))
    attach(request(), world.tools())
    remove(request(), world.tools())
    assert [one.id for one in world.engine.made(APP)] == [kept.id]
    shared_before = world.engine.attached_to(SHARED)
    assert remove(request(vm="shared"), world.tools())["changed"] is False
    assert world.engine.attached_to(SHARED) == shared_before


def test_the_second_of_two_snapshots_with_one_mark_goes(world: World) -> None:
    world.engine.add_snapshot(APP, MARK, (APP_BOOT, APP_DATA), date="2026-01-01T00:00:00Z")
    newest = world.engine.add_snapshot(APP, MARK, (APP_BOOT, APP_DATA))
    result = attach(request(), world.tools())
    assert result["snapshot"]["id"] == newest.id
    assert [one.id for one in world.engine.made(APP)] == [newest.id]
