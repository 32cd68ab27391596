# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that can refuse a restore does so before the first write, and all of it at once."""

from typing import Any, Callable, Dict, List, Tuple

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import Refused
from ansible_collections.ovirt.backup.plugins.module_utils._vm.model import Cluster
from unit.fakes import vm_world
from unit.fakes.vm_engine import FakeEngine
from unit.fakes.vm_restores import NOW, SavedVm, act, lose_original, mark_of, preview, request, save_app

Change = Callable[[FakeEngine], Any]


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def saved(engine: FakeEngine) -> SavedVm:
    found = save_app(engine)
    lose_original(engine)
    return found


def refusals(engine: FakeEngine, wanted: Any, state: str = "prepared") -> List[Tuple[str, str]]:
    """Return code and message of each problem; a run and a preview find the same, and nothing is written."""
    with pytest.raises(Refused) as caught:
        act(engine, wanted, state)
    with pytest.raises(Refused) as planned:
        preview(engine, wanted, state)
    assert engine.written() == []
    assert caught.value.facts["problems"] == planned.value.facts["problems"]
    assert caught.value.facts["phase"] == "plan"
    return [(one["code"], one["message"]) for one in caught.value.facts["problems"]]


def codes(engine: FakeEngine, wanted: Any, state: str = "prepared") -> List[str]:
    return [code for code, _message in refusals(engine, wanted, state)]


def with_disk(saved: SavedVm, **changes: Any) -> List[Dict[str, Any]]:
    return [dict(saved.disks[0], **changes), saved.disks[1]]


def fill(engine: FakeEngine) -> None:
    engine.change_storage_domain(vm_world.DATA, available=5 * vm_world.GIB)


def take_the_name(engine: FakeEngine) -> None:
    engine.change_vm(vm_world.COLD, name="app")


def take_the_address(engine: FakeEngine) -> None:
    engine.nics[vm_world.COLD] = list(vm_world.NICS[vm_world.APP])


def forget_the_network(engine: FakeEngine) -> None:
    engine.profiles[vm_world.DATA_CENTER] = []


def split_the_data_center(engine: FakeEngine) -> None:
    engine.clusters = [Cluster(vm_world.CLUSTER, "Old", vm_world.DATA_CENTER), Cluster("c2", "Default", "dc2")]
    engine.profiles["dc2"] = list(vm_world.PROFILES)


IN_THE_ENGINE: List[Tuple[str, Change]] = [
    ("storage_full", fill),
    ("storage_domain_inactive", lambda engine: engine.change_storage_domain(vm_world.DATA, status="maintenance")),
    ("storage_domain_inactive", lambda engine: engine.change_storage_domain(vm_world.DATA, kind="iso")),
    ("vm_exists", take_the_name),
    ("mac_in_use", take_the_address),
    ("network_unknown", forget_the_network),
    ("data_center_differs", split_the_data_center),
    ("backup_vm_not_up", lambda engine: engine.change_vm(vm_world.BACKUP, status="paused")),
    ("vm_not_found", lambda engine: engine.change_vm(vm_world.BACKUP, name="other")),
    ("vm_ambiguous", lambda engine: engine.change_vm(vm_world.COLD, name="backup")),
    ("not_permitted", lambda engine: engine.permits.update({("vms", vm_world.BACKUP): frozenset()})),
    ("not_permitted", lambda engine: engine.permits.update({("clusters", vm_world.CLUSTER): frozenset()})),
    ("not_permitted", lambda engine: engine.permits.update({("storagedomains", vm_world.DATA): frozenset()})),
]


@pytest.mark.parametrize(("code", "change"), IN_THE_ENGINE)
def test_what_stands_against_it_in_the_engine_is_found(
    engine: FakeEngine, saved: SavedVm, code: str, change: Change
) -> None:
    change(engine)
    assert codes(engine, request(saved)) == [code] * (2 if code == "storage_domain_inactive" else 1)


def test_what_is_unknown_of_the_permits_forbids_nothing(engine: FakeEngine, saved: SavedVm) -> None:
    engine.permits[("clusters", vm_world.CLUSTER)] = None
    assert act(engine, request(saved), "prepared").changed


IN_THE_REQUEST: List[Tuple[str, Dict[str, Any]]] = [
    ("storage_domain_missing", {"storage_domain": "nowhere"}),
    ("cluster_not_found", {"cluster": "nowhere"}),
    ("configuration_damaged", {"configuration_sha256": "0" * 64}),
    ("name_invalid", {"name": "not/a/name"}),
    ("name_invalid", {"run": "no run"}),
    ("network_unknown", {"network_map": {"ovirtmgmt": "nowhere"}}),
]


@pytest.mark.parametrize(("code", "changes"), IN_THE_REQUEST)
def test_what_is_wrong_in_the_request_is_found(
    engine: FakeEngine, saved: SavedVm, code: str, changes: Dict[str, Any]
) -> None:
    assert set(codes(engine, request(saved, **changes))) == {code}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "configuration_file_missing"),
        ("<Envelope", "configuration_unreadable"),
        ("<html/>", "configuration_unreadable"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "configuration_unreadable"),
    ],
)
def test_a_configuration_that_is_none_is_found(engine: FakeEngine, saved: SavedVm, text: str, code: str) -> None:
    assert codes(engine, request(saved, configuration=text, configuration_sha256="")) == [code]


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "no id"},
        {"provisioned_size": 0},
        {"provisioned_size": 1000},
        {"provisioned_size": "much"},
        {"format": "vmdk"},
        {"interface": "floppy"},
        {"backup": "sometimes"},
        {"storage_domain": "data"},
        {"id": vm_world.APP_DATA},
    ],
)
def test_a_disk_that_is_none_is_found(engine: FakeEngine, saved: SavedVm, changes: Dict[str, Any]) -> None:
    assert codes(engine, request(saved, disks=with_disk(saved, **changes))) == ["disk_invalid"]


def test_two_boot_disks_are_found(engine: FakeEngine, saved: SavedVm) -> None:
    disks = [dict(disk, bootable=True) for disk in saved.disks]
    assert codes(engine, request(saved, disks=disks)) == ["disk_invalid"]


def test_a_key_that_is_missing_is_named(engine: FakeEngine, saved: SavedVm) -> None:
    disk = {key: value for key, value in saved.disks[0].items() if key != "format"}
    assert "'format' is missing" in refusals(engine, request(saved, disks=[disk]))[0][1]


def test_disks_of_another_virtual_machine_are_found(engine: FakeEngine, saved: SavedVm) -> None:
    other = with_disk(saved, id=vm_world.COLD_BOOT)
    assert codes(engine, request(saved, disks=other)) == ["configuration_mismatch"]


def test_the_hosted_engine_is_not_restored_by_itself(engine: FakeEngine, saved: SavedVm) -> None:
    text = saved.configuration.replace("<ClusterName>", "<Origin>6</Origin><ClusterName>")
    assert codes(engine, request(saved, configuration=text, configuration_sha256="")) == ["hosted_engine_vm"]


def test_the_original_is_never_overwritten(engine: FakeEngine) -> None:
    saved = save_app(engine)
    problems = dict(refusals(engine, request(saved)))
    assert "the saved virtual machine app" in problems["vm_exists"]
    assert sorted(problems) == ["mac_in_use", "vm_exists"]
    with pytest.raises(Refused) as caught:
        act(engine, request(saved), "restored")
    assert "vm_exists" in [one["code"] for one in caught.value.facts["problems"]]


def test_the_same_name_in_another_data_center_is_no_clash(engine: FakeEngine, saved: SavedVm) -> None:
    engine.clusters.append(Cluster("c2", "Other", "dc2"))
    engine.change_vm(vm_world.COLD, name="app", cluster_id="c2")
    assert preview(engine, request(saved), "prepared").changed


def test_everything_is_told_at_once_with_the_plan(engine: FakeEngine, saved: SavedVm) -> None:
    for change in (fill, take_the_name, take_the_address, forget_the_network):
        change(engine)
    wanted = request(saved, disks=with_disk(saved, storage_domain={"id": "gone", "name": "gone"}))
    assert sorted(codes(engine, wanted)) == [
        "mac_in_use",
        "network_unknown",
        "storage_domain_missing",
        "storage_full",
        "vm_exists",
    ]
    with pytest.raises(Refused) as caught:
        act(engine, wanted, "prepared")
    plan = caught.value.facts["plan"]
    assert [disk["source_id"] for disk in plan["disks"]] == [vm_world.APP_BOOT, vm_world.APP_DATA]
    assert plan["nics"][0]["saved_mac"] == "56:6f:00:00:00:01"


def test_nothing_is_restored_that_was_not_prepared(engine: FakeEngine, saved: SavedVm) -> None:
    with pytest.raises(Refused) as caught:
        act(engine, request(saved), "restored")
    assert caught.value.code == "restore_not_prepared"
    assert engine.written() == []
    assert preview(engine, request(saved), "restored").changed  # the plan of the whole


def add_marked(engine: FakeEngine, run: str, **changes: Any) -> None:
    made = vm_world.make_disk("d9000000-0000-4000-8000-000000000009", "left", 64 * vm_world.MIB)
    engine.disks[made.id] = made._replace(description=mark_of("app", vm_world.APP_BOOT, run), **changes)


def test_what_a_living_run_does_is_left_alone(engine: FakeEngine, saved: SavedVm) -> None:
    add_marked(engine, "alive")
    for state in ("prepared", "absent"):
        assert codes(engine, request(saved), state) == ["backup_running"]


def test_what_a_run_on_another_machine_does_is_left_alone_until_it_is_old(engine: FakeEngine, saved: SavedVm) -> None:
    add_marked(engine, "elsewhere")
    assert codes(engine, request(saved)) == ["backup_running"]
    mark = mark_of("app", "", "elsewhere")
    engine._tell(9801, mark + ": begins")
    engine.events[0] = engine.events[0]._replace(time="2026-01-02T00:00:00Z")
    assert codes(engine, request(saved)) == ["backup_running"]
    aged = request(saved, now=NOW + 2 * 86400)
    assert preview(engine, aged, "prepared").removed == ["disk left (d9000000-0000-4000-8000-000000000009)"]


def test_the_age_of_another_run_can_be_waived(engine: FakeEngine, saved: SavedVm) -> None:
    add_marked(engine, "elsewhere")
    assert len(act(engine, request(saved, stale_after=0), "prepared").removed) == 1


def test_what_another_run_prepared_is_not_restored(engine: FakeEngine, saved: SavedVm) -> None:
    add_marked(engine, "dead")
    assert codes(engine, request(saved), "restored") == ["restore_not_prepared"]


@pytest.mark.parametrize(("size", "code"), [(32, "disk_too_small"), (128, "disk_differs")])
def test_a_disk_of_another_size_is_not_taken(engine: FakeEngine, saved: SavedVm, size: int, code: str) -> None:
    add_marked(engine, "", provisioned_size=size * vm_world.MIB)
    assert codes(engine, request(saved)) == [code]


def test_a_disk_on_another_storage_domain_is_not_taken(engine: FakeEngine, saved: SavedVm) -> None:
    add_marked(engine, "", storage_domain_ids=("elsewhere",))
    assert codes(engine, request(saved)) == ["disk_differs"]


def test_an_unfinished_virtual_machine_that_somebody_started_is_left_alone(engine: FakeEngine, saved: SavedVm) -> None:
    vm = vm_world.make_vm("a9000000-0000-4000-8000-000000000009", "app", comment=mark_of("app"))
    engine.vms[vm.id] = vm
    engine.snapshots[vm.id] = []
    for state in ("prepared", "absent"):
        assert codes(engine, request(saved), state) == ["vm_not_down"]


def test_a_marked_disk_that_somebody_took_over_is_kept(engine: FakeEngine, saved: SavedVm) -> None:
    add_marked(engine, "")
    engine.change_vm(vm_world.COLD, name="app")
    key = (vm_world.COLD, "d9000000-0000-4000-8000-000000000009")
    engine.attachments[key] = vm_world.make_attachment(*key)
    result = act(engine, request(saved), "absent")
    assert (result.changed, engine.written()) == (False, [])
    assert "attached to app, which carries no mark" in result.kept[0]


def test_absent_needs_no_backup_vm_where_nothing_is_attached(engine: FakeEngine, saved: SavedVm) -> None:
    add_marked(engine, "")
    engine.change_vm(vm_world.BACKUP, name="other")
    result = act(engine, request(saved, configuration="", disks=None), "absent")
    assert result.changed
    assert "there is no virtual machine 'backup'" in result.warnings[0]
