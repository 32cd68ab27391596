# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vm_snapshot_restore on a stand-in engine: the bytes come back, everything that can refuse does so first."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab import rest_engine

from ..installation import program
from .restores import BACKUP, Restore
from .snapshots import SharedEngine
from .test_vm_snapshot_backup import examples


@pytest.fixture(scope="module")
def saved(one_lab: SharedEngine) -> Restore:
    """The backup of a machine that still exists."""
    return Restore(one_lab, one_lab.machine())


@pytest.fixture(autouse=True)
def foreign(saved: Restore) -> Iterator[None]:
    """What was there before a test is there after it, as it was."""
    with saved.keeps_the_rest():
        yield
    after = saved.world()
    assert [one.disk for one in after.attached_to(BACKUP)] == [rest_engine.identify("disk", "backup_Disk1")]
    assert not [one.alias for one in after.disks.values() if one.description.startswith("ovirt.backup")]


def copy(name: str, **changes: Any) -> dict[str, Any]:
    """Options for a restore beside the original."""
    return {"vm_name": name, "macs": "new", **changes}


def test_a_lost_machine_comes_back_byte_by_byte_and_a_second_run_changes_nothing(one_lab: SharedEngine) -> None:
    lost = Restore(one_lab, one_lab.machine())
    rest_engine.remove_vm(one_lab.lab.home, lost.name)
    planned = lost.succeeds("prepared", check_mode=True)
    assert lost.made() == []
    prepared = lost.succeeds("prepared")
    assert {key: planned[key] for key in ("changed", "vm", "disks", "nics", "diff")} == {
        key: prepared[key] for key in ("changed", "vm", "disks", "nics", "diff")
    }
    assert len(lost.made()) == 2
    lost.fill(prepared)
    assert not lost.succeeds("prepared")["changed"]
    planned = lost.succeeds("restored", check_mode=True)
    restored = lost.succeeds("restored")
    assert {key: planned[key] for key in ("changed", "vm", "disks", "nics", "diff")} == {
        key: restored[key] for key in ("changed", "vm", "disks", "nics", "diff")
    }
    assert restored["vm"]["id"] == lost.id
    assert lost.shape_of(lost.id) == lost.shape
    lost.is_whole(restored)
    before = lost.count_writes()
    again = lost.succeeds("restored")
    assert not again["changed"] and again["disks"] == restored["disks"]
    assert not lost.succeeds("absent")["changed"]
    assert lost.count_writes() == before
    assert not lost.succeeds("prepared")["changed"]
    assert lost.count_writes() == before


def test_a_copy_beside_the_original_has_ids_and_addresses_of_its_own(saved: Restore) -> None:
    wanted = copy("beside", nics="unplugged", network_map={"ovirtmgmt": "storage"}, storage_domain="block")
    restored = saved.restored(**wanted)
    saved.is_whole(restored)
    world = saved.world()
    (nic,), (old,) = world.vms[restored["vm"]["id"]].nics, world.vms[saved.id].nics
    assert (nic.mac != old.mac, nic.plugged, world.profiles[nic.profile].name) == (True, False, "storage")
    assert {disk["storage_domain"]["name"] for disk in restored["disks"]} == {"block"}
    assert not {disk["id"] for disk in restored["disks"]} & set(saved.contents)
    assert not saved.succeeds("restored", **wanted)["changed"]


def test_everything_that_stands_against_it_is_told_at_once(saved: Restore) -> None:
    result = saved.refused("vm_exists", "mac_in_use")
    assert "nothing is overwritten" in result["msg"]
    assert [disk["source_id"] for disk in result["plan"]["disks"]] == list(saved.contents)
    saved.refused("data_center_differs", "mac_in_use", "network_unknown", vm_name="a", cluster="Second",
                  network_map={"ovirtmgmt": "nowhere"}, storage_domain="data2")  # fmt: skip
    big = [dict(disk, sparse=False, provisioned_size=1 << 40) for disk in saved.disks]
    saved.refused("storage_full", **copy("a", disks=big, storage_domain="small"))
    saved.refused("vm_ambiguous", **copy("a", backup_vm="twin"))


def test_what_was_not_prepared_is_not_restored(saved: Restore) -> None:
    before = saved.count_writes()
    saved.fails("restore_not_prepared", "restored", **copy("nothing"))
    assert saved.count_writes() == before
    assert saved.succeeds("restored", check_mode=True, **copy("nothing"))["changed"]


def test_an_unfinished_restore_is_undone_from_wherever_it_stopped(saved: Restore) -> None:
    wanted = copy("undone")
    for fault, text, state in (
        ("disk-fails", "", "prepared"),
        ("plug-fails", "", "prepared"),
        ("refuse-by-key", "detach-disk vm-status 1", "restored"),
        ("import-fails", "", "restored"),
    ):
        if state == "restored":
            saved.succeeds("prepared", **wanted)
        saved.fault(fault, text)
        result = saved.call(state, **dict(wanted, timeout=2))
        assert result.get("failed"), result
        assert result["phase"] in ("making disks", "attaching", "detaching", "making the virtual machine")
        saved.heal()
        undone = saved.succeeds("absent", **wanted)
        assert undone["changed"] and len(undone["removed"]) >= 1
        assert not saved.succeeds("absent", **wanted)["changed"]


def test_the_configuration_may_be_given_as_text(saved: Restore, tmp_path: Path) -> None:
    text = saved.saved.read_text()
    planned = saved.succeeds("prepared", check_mode=True, **copy("text", configuration=text, configuration_path=None))
    assert planned["vm"]["name"] == "text"


def test_examples_of_the_documentation_work(one_lab: SharedEngine) -> None:
    lost = Restore(one_lab, one_lab.machine())
    rest_engine.remove_vm(one_lab.lab.home, lost.name)
    tasks = examples("vm_snapshot_restore", one_lab.lab, {"/srv/backup/app/configuration.ovf": lost.saved})
    for task in tasks:
        options = task["ovirt.backup.vm_snapshot_restore"]
        options.update({"storage_domain": "block"} if "storage_domain" in options else {})
        options.update({"network_map": {"ovirtmgmt": "storage/storage"}} if "network_map" in options else {})
    digest = hashlib.sha256(lost.saved.read_bytes()).hexdigest()
    manifest = {"vm": {"name": lost.name}, "configuration": {"sha256": digest}, "disks": lost.disks}
    quick = {"ovirt.backup.vm_snapshot_restore": {"poll_interval": 0.2}}
    play = {"hosts": "all", "gather_facts": False, "vars": {"manifest": manifest}, "tasks": tasks,
            "module_defaults": quick}  # fmt: skip
    playbook = one_lab.scratch / "restore.yml"
    playbook.write_text(json.dumps([play]))
    command = [program("ansible-playbook"), "-i", one_lab.lab.inventory, str(playbook)]
    output = one_lab.run(command)
    assert "changed=3" in output and "failed=0" in output, output
    assert f"{lost.name}_Disk1" in output  # the plan
    world = lost.world()
    (copy_,) = [one for one in world.vms.values() if one.name == "app-copy"]
    assert len(world.attached_to(copy_.id)) == 2 and not copy_.nics[0].plugged
