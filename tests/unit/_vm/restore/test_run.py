# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restored virtual machine is as it was saved; a second run has nothing to do; what is not ours stays."""

from typing import Any, Dict, List

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError, Interrupted, NotProven
from unit.fakes.vm_engine import FakeEngine
from unit.fakes.vm_restores import act, go_through, mark_of, preview, save_app
from unit.fakes.vm_values import restore_request as request
from unit.fakes.vm_world import APP, APP_BOOT, APP_DATA, BACKUP, BACKUP_BOOT, COLD, DATA, OTHER_PROFILE, PROFILE


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


def by_source(result: Any) -> Dict[str, Dict[str, Any]]:
    return {disk["source_id"]: disk for disk in result.disks}


def marks(engine: FakeEngine) -> List[str]:
    texts = [disk.description for disk in engine.world.disks.values()] + [vm.comment for vm in engine.vms.values()]
    return [text for text in texts if "ovirt.backup" in text]


def test_a_lost_virtual_machine_comes_back_as_it_was(engine: FakeEngine) -> None:
    saved = save_app(engine)
    before = {one.disk_id: one for one in engine.list_attachments(APP)}
    nics = engine.vms[APP].nics
    engine.drop_vm(APP)
    prepared, restored = go_through(engine, request(saved))
    assert (prepared.changed, restored.changed) == (True, True)
    assert (prepared.is_finished, restored.is_finished) == (False, True)
    assert restored.vm == {"id": APP, "name": "app", "status": "down", "cluster": "Default"}
    assert [disk["id"] for disk in restored.disks] == [APP_BOOT, APP_DATA]
    now = {one.disk_id: one for one in engine.list_attachments(APP)}
    for disk_id, was in before.items():
        assert now[disk_id]._replace(disk=None) == was._replace(disk=None)
    assert [(nic.name, nic.mac, nic.profile) for nic in engine.vms[APP].nics] == [
        (nic.name, nic.mac, nic.profile) for nic in nics
    ]
    assert marks(engine) == []
    assert engine.attached_to(BACKUP) == [BACKUP_BOOT]


def test_the_disks_float_on_the_backup_vm_while_they_are_filled(engine: FakeEngine) -> None:
    saved = save_app(engine)
    engine.drop_vm(APP)
    result = act(engine, request(saved), "prepared")
    assert engine.attached_to(BACKUP) == [BACKUP_BOOT, APP_BOOT, APP_DATA]
    for source, disk in by_source(result).items():
        made = engine.world.disks[disk["id"]]
        found_as = (made.size, made.images[0].format, made.sparse, made.domain)
        assert found_as == (disk["provisioned_size"], disk["format"], disk["sparse"], DATA)
        assert made.description == mark_of("app", source)
        found = engine.attachment(BACKUP, disk["id"])
        assert (found.interface, found.bootable, found.active) == ("virtio_scsi", False, True)
        assert disk["devices"][0] == "scsi-0QEMU_QEMU_HARDDISK_" + disk["id"]
    assert [disk["interface"] for disk in result.disks] == ["virtio_scsi", "virtio"]
    assert [disk["bootable"] for disk in result.disks] == [True, False]


def test_a_copy_beside_the_original_has_ids_and_addresses_of_its_own(engine: FakeEngine) -> None:
    saved = save_app(engine)
    original = dict(engine.world.attachments)
    wanted = request(saved, vm_name="copy", name="copy", macs="new", nics="unplugged")
    _prepared, restored = go_through(engine, wanted)
    assert restored.vm["id"] not in (APP, "")
    assert not {disk["id"] for disk in restored.disks} & {APP_BOOT, APP_DATA}
    assert [disk["note"] for disk in restored.disks] == ["gets a new id: the original one is in use"] * 2
    nic = engine.vms[restored.vm["id"]].nics[0]
    assert nic.mac != engine.vms[APP].nics[0].mac
    assert (nic.plugged, nic.profile) == (False, PROFILE)
    assert restored.nics[0]["mac"] == nic.mac
    assert {key: value for key, value in engine.world.attachments.items() if key in original} == original


def test_a_second_run_of_each_state_changes_nothing(engine: FakeEngine) -> None:
    saved = save_app(engine)
    engine.drop_vm(APP)
    wanted = request(saved)
    act(engine, wanted, "prepared")
    written = engine.written()
    again = act(engine, wanted, "prepared")
    assert (again.changed, engine.written()) == (False, written)
    act(engine, wanted, "restored")
    written = engine.written()
    again = act(engine, wanted, "restored")
    whole = act(engine, wanted, "prepared")
    assert (whole.changed, whole.is_finished) == (False, True)
    assert (again.changed, engine.written()) == (False, written)
    assert again.vm["id"] == APP
    assert [disk["id"] for disk in again.disks] == [APP_BOOT, APP_DATA]
    undone = act(engine, wanted, "absent")
    assert (undone.changed, undone.removed, engine.written()) == (False, [], written)


def test_a_second_copy_is_known_as_restored_though_its_ids_are_new(engine: FakeEngine) -> None:
    saved = save_app(engine)
    wanted = request(saved, vm_name="copy", name="copy", macs="new")
    go_through(engine, wanted)
    written = engine.written()
    assert not act(engine, wanted, "restored").changed
    assert engine.written() == written


def test_both_states_together_ask_few_things(engine: FakeEngine) -> None:
    """Two disks take 12 requests that write, and 2 to the log of the engine; a login and a log-out come to each."""
    saved = save_app(engine)
    engine.drop_vm(APP)
    act(engine, request(saved), "prepared")
    prepared = len(engine.calls)
    act(engine, request(saved), "restored")
    assert len(engine.written()) == 14
    assert (prepared, len(engine.calls) - prepared) == (16, 18), engine.calls


def test_the_plan_is_what_happens_and_writes_nothing(engine: FakeEngine) -> None:
    saved = save_app(engine)
    engine.drop_vm(APP)
    wanted = request(saved)
    planned, whole = preview(engine, wanted, "prepared"), preview(engine, wanted, "restored")
    assert engine.written() == []
    prepared = act(engine, wanted, "prepared")
    planned_next = preview(engine, wanted, "restored")
    restored = act(engine, wanted, "restored")
    for plan, done in ((planned, prepared), (planned_next, restored), (whole, restored)):
        assert (plan.changed, plan.vm, plan.disks, plan.nics) == (done.changed, done.vm, done.disks, done.nics)
    assert [disk["attached_to"] for disk in planned.after["disks"]] == ["backup_vm", "backup_vm"]
    assert planned.after["nics"][0]["mac"] == "00:1a:4a:16:00:00"
    assert planned.before == {"vm": {}, "disks": [], "leftovers": []}


def test_an_unfinished_restore_is_undone_and_nothing_else(engine: FakeEngine) -> None:
    saved = save_app(engine)
    engine.drop_vm(APP)
    before = engine.picture()
    wanted = request(saved)
    act(engine, wanted, "prepared")
    other = act(engine, request(saved, name="other", vm_name="other", keep_ids=False), "prepared")
    planned = preview(engine, wanted, "absent")
    undone = act(engine, wanted, "absent")
    assert undone.changed and planned.removed == undone.removed
    engine.advance(60)
    assert set(engine.world.disks) - set(before[1]) == {disk["id"] for disk in other.disks}
    act(engine, request(saved, name="other", vm_name="other"), "absent")
    assert engine.picture() == before


def test_a_half_made_virtual_machine_is_undone_with_its_disks(engine: FakeEngine) -> None:
    saved = save_app(engine)
    engine.drop_vm(APP)
    before = engine.picture()
    wanted = request(saved)
    act(engine, wanted, "prepared")
    engine.refuse("attach_disk", "Maximum PCI devices exceeded.", at=engine.calls.count("attach_disk") + 2)
    with pytest.raises(BackupError) as caught:
        act(engine, wanted, "restored")
    assert caught.value.facts["phase"] == "attaching"
    assert engine.events[0].severity == "error"
    undone = act(engine, wanted, "absent")
    assert len(undone.removed) == 3
    assert engine.picture() == before


def test_who_is_told_to_stop_says_where_and_writes_nothing_more(engine: FakeEngine) -> None:
    saved = save_app(engine)
    engine.drop_vm(APP)
    wanted = request(saved)
    engine.fail("attach_disk", Interrupted("ended by signal 15"), at=engine.calls.count("attach_disk") + 2)
    with pytest.raises(Interrupted) as caught:
        act(engine, wanted, "prepared")
    assert caught.value.facts == {"phase": "attaching", "removed": []}
    assert engine.calls[-1] == "attach_disk"


def test_what_differs_is_told_and_keeps_its_mark(engine: FakeEngine) -> None:
    saved = save_app(engine)
    engine.drop_vm(APP)
    wanted = request(saved)
    act(engine, wanted, "prepared")

    def disturb() -> None:
        engine.vms[APP].nics[0].mac = "56:6f:ff:ff:ff:ff"

    engine.before("fetch_vms", disturb, at=engine.calls.count("fetch_vms") + 2)
    with pytest.raises(NotProven) as caught:
        act(engine, wanted, "restored")
    assert caught.value.code == "restore_differs"
    assert "56:6f:ff:ff:ff:ff instead of 00:1a:4a:16:00:00" in caught.value.message
    assert "ovirt.backup restore: app" in engine.vms[APP].comment


def test_interfaces_are_put_on_the_networks_that_were_asked_for(engine: FakeEngine) -> None:
    saved = save_app(engine)
    engine.drop_vm(APP)
    go_through(engine, request(saved, network_map={"ovirtmgmt": "storage"}))
    assert engine.vms[APP].nics[0].profile == OTHER_PROFILE


def test_an_address_in_use_gives_way_where_only_the_free_ones_are_kept(engine: FakeEngine) -> None:
    saved = save_app(engine)
    engine.drop_vm(APP)
    mac = engine.vms[COLD].nics[0].mac = "00:1a:4a:16:00:00"
    _prepared, restored = go_through(engine, request(saved, macs="keep"))
    assert engine.vms[APP].nics[0].mac != mac
    assert "gets a new MAC address" in restored.warnings[0]


def test_a_virtual_machine_without_disks_is_restored_too(engine: FakeEngine) -> None:
    saved = save_app(engine)
    engine.drop_vm(APP)
    prepared, restored = go_through(engine, request(saved, disks=[]))
    assert (prepared.changed, restored.changed) == (False, True)
    assert engine.attached_to(APP) == []
    assert len(restored.warnings) == 2


def test_begin_and_end_are_in_the_log_of_the_engine(engine: FakeEngine) -> None:
    saved = save_app(engine)
    engine.drop_vm(APP)
    go_through(engine, request(saved))
    texts = [one.description for one in reversed(engine.events) if one.description.startswith("ovirt.backup")]
    assert texts == [
        "ovirt.backup restore: app: begins to restore virtual machine app",
        "ovirt.backup restore: app: virtual machine app is restored, 2 disks",
    ]


def test_without_events_none_is_written(engine: FakeEngine) -> None:
    saved = save_app(engine)
    engine.drop_vm(APP)
    go_through(engine, request(saved, events=False))
    assert "add_event" not in engine.calls


def test_an_event_that_can_not_be_written_is_a_warning(engine: FakeEngine) -> None:
    saved = save_app(engine)
    engine.drop_vm(APP)
    engine.refuse("add_event", "no", 403)
    assert "was not written" in act(engine, request(saved), "prepared").warnings[-1]
