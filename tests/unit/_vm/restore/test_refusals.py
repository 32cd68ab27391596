# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that can refuse a restore does so before the first write, and all of it at once."""

from typing import Any, Callable, Dict, List, Tuple

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import Refused
from lab.rest_engine import VmPlan, identify, worlds
from lab.rest_engine.state import Disk, Image
from unit.fakes.vm_engine import FakeEngine, change
from unit.fakes.vm_restores import act, mark_of, preview, save_app
from unit.fakes.vm_values import MIB, NOW, SavedVm
from unit.fakes.vm_values import restore_request as request
from unit.fakes.vm_world import APP, APP_BOOT, APP_DATA, BACKUP, CLUSTER, COLD, COLD_BOOT, DATA, OTHER_CLUSTER

MAC = "00:1a:4a:16:00:00"  # of app
Change = Callable[[FakeEngine], Any]


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def saved(engine: FakeEngine) -> SavedVm:
    found = save_app(engine)
    engine.drop_vm(APP)
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
    engine.world.domains[DATA].available = 4


def stop_the_domain(engine: FakeEngine) -> None:
    engine.edit("list_storage_domains", lambda found: [one._replace(status="maintenance") for one in found])


def take_the_name(engine: FakeEngine) -> None:
    engine.change_vm(COLD, name="app")


def take_the_address(engine: FakeEngine) -> None:
    engine.vms[COLD].nics[0].mac = MAC


def forget_the_network(engine: FakeEngine) -> None:
    engine.world.profiles.clear()


def split_the_data_center(engine: FakeEngine) -> None:
    engine.world.clusters[CLUSTER].name, engine.world.clusters[OTHER_CLUSTER].name = "Old", "Default"


IN_THE_ENGINE: List[Tuple[str, Change]] = [
    ("storage_full", fill),
    ("storage_domain_inactive", stop_the_domain),
    ("storage_domain_inactive", lambda engine: change(engine.world.domains[DATA], kind="iso")),
    ("vm_exists", take_the_name),
    ("mac_in_use", take_the_address),
    ("network_unknown", forget_the_network),
    ("data_center_differs", split_the_data_center),
    ("backup_vm_not_up", lambda engine: engine.change_vm(BACKUP, status="paused")),
    ("vm_not_found", lambda engine: engine.change_vm(BACKUP, name="other")),
    ("vm_ambiguous", lambda engine: engine.change_vm(COLD, name="backup")),
    ("not_permitted", lambda engine: engine.permits.update({("vms", BACKUP): frozenset()})),
    ("not_permitted", lambda engine: engine.permits.update({("clusters", CLUSTER): frozenset()})),
    ("not_permitted", lambda engine: engine.permits.update({("storagedomains", DATA): frozenset()})),
]


@pytest.mark.parametrize(("code", "change"), IN_THE_ENGINE)
def test_what_stands_against_it_in_the_engine_is_found(
    engine: FakeEngine, saved: SavedVm, code: str, change: Change
) -> None:
    change(engine)
    assert set(codes(engine, request(saved))) == {code}


def test_what_is_unknown_of_the_permits_forbids_nothing(engine: FakeEngine, saved: SavedVm) -> None:
    engine.permits[("clusters", CLUSTER)] = None
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
        ("<html/>", "configuration_unreadable"),
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
        {"id": APP_DATA},
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
    other = with_disk(saved, id=COLD_BOOT)
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
    engine.change_vm(COLD, name="app", cluster=OTHER_CLUSTER)
    assert preview(engine, request(saved), "prepared").changed


def test_everything_is_told_at_once_with_the_plan(engine: FakeEngine, saved: SavedVm) -> None:
    for alter in (fill, take_the_name, take_the_address, forget_the_network):
        alter(engine)
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
    assert [disk["source_id"] for disk in plan["disks"]] == [APP_BOOT, APP_DATA]
    assert plan["nics"][0]["saved_mac"] == MAC


def test_nothing_is_restored_that_was_not_prepared(engine: FakeEngine, saved: SavedVm) -> None:
    with pytest.raises(Refused) as caught:
        act(engine, request(saved), "restored")
    assert caught.value.code == "restore_not_prepared"
    assert engine.written() == []
    assert preview(engine, request(saved), "restored").changed  # the plan of the whole


LEFT = "d9000000-0000-4000-8000-000000000009"


def add_marked(engine: FakeEngine, run: str, **changes: Any) -> None:
    made = Disk(LEFT, "left", 64 * MIB, DATA, [Image("layer", "cow")], mark_of("app", APP_BOOT, run))
    change(made, **changes)
    engine.world.disks[LEFT] = made


def test_what_a_living_run_does_is_left_alone(engine: FakeEngine, saved: SavedVm) -> None:
    add_marked(engine, "alive")
    for state in ("prepared", "absent"):
        assert codes(engine, request(saved), state) == ["backup_running"]


def test_what_a_run_on_another_machine_does_is_left_alone_until_it_is_old(engine: FakeEngine, saved: SavedVm) -> None:
    add_marked(engine, "elsewhere")
    assert codes(engine, request(saved)) == ["backup_running"]
    mark = mark_of("app", "", "elsewhere")
    engine.lab.log(9801, "normal", mark + ": begins")
    engine.events[0].time = "2026-01-02T00:00:00Z"
    assert codes(engine, request(saved)) == ["backup_running"]
    aged = request(saved, now=NOW + 2 * 86400)
    assert preview(engine, aged, "prepared").removed == ["disk left (%s)" % LEFT]


def test_the_age_of_another_run_can_be_waived(engine: FakeEngine, saved: SavedVm) -> None:
    add_marked(engine, "elsewhere")
    assert len(act(engine, request(saved, stale_after=0), "prepared").removed) == 1


def test_what_another_run_prepared_is_not_restored(engine: FakeEngine, saved: SavedVm) -> None:
    add_marked(engine, "dead")
    assert codes(engine, request(saved), "restored") == ["restore_not_prepared"]


@pytest.mark.parametrize(("size", "code"), [(32, "disk_too_small"), (128, "disk_differs")])
def test_a_disk_of_another_size_is_not_taken(engine: FakeEngine, saved: SavedVm, size: int, code: str) -> None:
    add_marked(engine, "", size=size * MIB)
    assert codes(engine, request(saved)) == [code]


def test_a_disk_on_another_storage_domain_is_not_taken(engine: FakeEngine, saved: SavedVm) -> None:
    add_marked(engine, "", domain=identify("domain", "block"))
    assert codes(engine, request(saved)) == ["disk_differs"]


def test_an_unfinished_virtual_machine_that_somebody_started_is_left_alone(engine: FakeEngine, saved: SavedVm) -> None:
    vm = worlds.add_vm(engine.lab, VmPlan("app", "up", nics=0))
    vm.comment = mark_of("app")
    for state in ("prepared", "absent"):
        assert codes(engine, request(saved), state) == ["vm_not_down"]


def test_a_marked_disk_that_somebody_took_over_is_kept(engine: FakeEngine, saved: SavedVm) -> None:
    add_marked(engine, "")
    engine.change_vm(COLD, name="app")
    engine.attach_behind(COLD, LEFT)
    result = act(engine, request(saved), "absent")
    assert (result.changed, engine.written()) == (False, [])
    assert "attached to app, which carries no mark" in result.kept[0]


def test_absent_needs_no_backup_vm_where_nothing_is_attached(engine: FakeEngine, saved: SavedVm) -> None:
    add_marked(engine, "")
    engine.change_vm(BACKUP, name="other")
    result = act(engine, request(saved, configuration="", disks=None), "absent")
    assert result.changed
    assert "there is no virtual machine 'backup'" in result.warnings[0]
