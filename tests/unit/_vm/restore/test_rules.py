# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a restored disk goes and what it is; which network and which address an interface gets."""

from typing import Any, Dict, List, Optional, Tuple

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._vm.model import Nic, StorageDomain, VnicProfile
from ansible_collections.ovirt.backup.plugins.module_utils._vm.ovf import OvfNic
from ansible_collections.ovirt.backup.plugins.module_utils._vm.restore.model import DiskPlan, DiskSpec, NicPlan
from ansible_collections.ovirt.backup.plugins.module_utils._vm.restore.networks import (
    choose_mac,
    choose_profile,
    compare_nics,
    list_corrections,
    renumber,
)
from ansible_collections.ovirt.backup.plugins.module_utils._vm.restore.rules import (
    check_space,
    choose_domain,
    compare_attachments,
    fit_format,
    initial_size,
    list_candidates,
    parse_disk_specs,
)
from unit.fakes.vm_values import GIB, SavedVm, make_attachment, make_disk, restore_request

DISK = "0d000000-0000-4000-8000-000000000001"
NFS = StorageDomain("id-1", "files", "data", "nfs", "active", 10 * GIB, GIB)
BLOCK = NFS._replace(id="id-2", name="blocks", storage_type="iscsi")
PROFILES = [
    VnicProfile("p1", "prod", "n1", "prod"),
    VnicProfile("p2", "prod", "n2", "lab"),
    VnicProfile("p3", "dmz", "n3", "dmz"),
    VnicProfile("p4", "strict", "n3", "dmz"),
    VnicProfile("p5", "a", "n4", "many"),
    VnicProfile("p6", "b", "n4", "many"),
]


def disk_spec(**changes: Any) -> DiskSpec:
    given = DiskSpec(
        DISK, "d", GIB, GIB // 4, "cow", True, "none", False, "id-1", "files", "virtio", True, True, False, False, 0
    )
    return given._replace(**changes)


def plan(**changes: Any) -> DiskPlan:
    given = DiskPlan(disk_spec(), DISK, NFS, "cow", True, None, "", "")
    return given._replace(**changes)


def options(**changes: Any) -> Any:
    return restore_request(SavedVm("", []), **changes)


def test_the_same_restore_makes_up_the_same_ids() -> None:
    once, again = list(list_candidates("app", DISK, True)), list(list_candidates("app", DISK, True))
    assert once == again and len(set(once)) == len(once)
    assert once[0] == DISK
    assert list(list_candidates("app", DISK, False)) == once[1:]
    assert not set(list_candidates("other", DISK, False)) & set(once)


def test_disks_are_sorted_by_their_order() -> None:
    base = {"id": DISK, "provisioned_size": GIB, "format": "raw", "sparse": "false", "interface": "sata"}
    other = dict(base, id=DISK.replace("1", "2"), order=0, active=False)
    disk_specs, problems = parse_disk_specs([dict(base, order=1), other])
    assert problems == []
    assert [(one.order, one.is_active, one.is_sparse) for one in disk_specs] == [(0, False, False), (1, True, False)]


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, "files"),
        ({"storage_domain": "blocks"}, "blocks"),
        ({"storage_domain": "id-2"}, "blocks"),
        ({"storage_domain_map": {"files": "blocks"}}, "blocks"),
        ({"storage_domain_map": {"id-1": "blocks"}, "storage_domain": "files"}, "blocks"),
        ({"storage_domain_map": {"other": "files"}, "storage_domain": "blocks"}, "blocks"),
    ],
)
def test_a_disk_goes_where_it_was_or_where_it_is_told(changes: Dict[str, Any], found: str) -> None:
    domain, problems = choose_domain(disk_spec(), options(**changes), [NFS, BLOCK], "")
    assert (domain.name if domain else None, problems) == (found, [])


def test_a_domain_that_was_made_anew_is_found_by_its_name() -> None:
    domain, problems = choose_domain(disk_spec(domain_id="old"), options(), [NFS], "")
    assert (domain, problems) == (NFS, [])


def test_a_domain_of_another_data_center_is_refused_where_that_is_known() -> None:
    here = NFS._replace(data_center_ids=("dc1",))
    assert choose_domain(disk_spec(), options(), [here], "dc1") == (here, [])
    assert [one.code for one in choose_domain(disk_spec(), options(), [here], "dc2")[1]] == ["data_center_differs"]
    assert choose_domain(disk_spec(), options(), [here], "") == (here, [])


@pytest.mark.parametrize(
    ("changes", "domain", "wanted"),
    [
        ({}, NFS, ("cow", True)),
        ({"format": "raw"}, NFS, ("raw", True)),
        ({"format": "raw"}, BLOCK, ("cow", True)),
        ({"format": "raw", "is_sparse": False}, BLOCK, ("raw", False)),
        ({"format": "raw", "is_sparse": False, "backup": "incremental"}, BLOCK, ("cow", False)),
        ({"is_sparse": False}, NFS, ("cow", True)),
        ({"is_sparse": False, "backup": "incremental"}, NFS, ("cow", False)),
    ],
)
def test_a_combination_that_the_engine_refuses_is_replaced_and_told(
    changes: Dict[str, Any], domain: StorageDomain, wanted: Tuple[str, bool]
) -> None:
    given = disk_spec(**changes)
    found = fit_format(given, domain)
    assert found[:2] == wanted
    assert bool(found[2]) == (wanted != (given.format, given.is_sparse))


def test_only_thin_disks_on_block_storage_begin_with_a_size() -> None:
    assert initial_size(plan(domain=BLOCK)) == GIB // 4
    assert initial_size(plan(domain=BLOCK, disk_spec=disk_spec(actual_size=9 * GIB))) == GIB
    assert initial_size(plan(domain=BLOCK, is_sparse=False)) == 0
    assert initial_size(plan()) == 0


def test_the_space_of_all_disks_of_a_domain_is_counted_together() -> None:
    thick = plan(is_sparse=False, disk_spec=disk_spec(provisioned_size=5 * GIB))
    assert check_space([thick]) == []
    assert [one.code for one in check_space([thick, thick])] == ["storage_full"]
    assert check_space([thick, thick._replace(existing=make_disk(DISK, "d"))]) == []
    assert check_space([plan(disk_spec=disk_spec(provisioned_size=50 * GIB))]) == []  # thin: what it held


def nic(**changes: Any) -> OvfNic:
    return OvfNic("n", "nic1", "56:6f:00:00:00:01", "prod", "prod", True)._replace(**changes)


@pytest.mark.parametrize(
    ("changes", "mapped", "found"),
    [
        ({}, {}, "p1"),
        ({"profile": ""}, {}, "p1"),
        ({"network": "dmz", "profile": ""}, {}, "p3"),
        ({"network": "dmz", "profile": "strict"}, {}, "p4"),
        ({}, {"prod": "lab"}, "p2"),
        ({}, {"prod": "lab/prod"}, "p2"),
        ({}, {"prod": "p4"}, "p4"),
        ({}, {"prod/prod": "dmz", "prod": "lab"}, "p3"),
        ({}, {"prod": ""}, ""),
        ({"network": "", "profile": ""}, {}, ""),
        ({"network": "gone"}, {}, None),
        ({"network": "dmz", "profile": "gone"}, {}, None),
        ({"network": "many", "profile": ""}, {}, None),
        ({}, {"prod": "many"}, None),
        ({}, {"prod": "gone"}, None),
    ],
)
def test_an_interface_gets_its_network_or_the_one_it_is_told(
    changes: Dict[str, str], mapped: Dict[str, str], found: Optional[str]
) -> None:
    target, problems = choose_profile(nic(**changes), mapped, PROFILES)
    assert [one.code for one in problems] == ([] if found is not None else ["network_unknown"])
    assert target.profile_id == (found or "")


@pytest.mark.parametrize(
    ("macs", "used", "mac", "codes"),
    [
        ("fail_if_used", {}, "56:6f:00:00:00:01", []),
        ("fail_if_used", {"56:6f:00:00:00:01": "web"}, "56:6f:00:00:00:01", ["mac_in_use"]),
        ("keep", {}, "56:6f:00:00:00:01", []),
        ("keep", {"56:6f:00:00:00:01": "web"}, "", []),
        ("new", {}, "", []),
    ],
)
def test_an_address_is_kept_renewed_or_refused(macs: str, used: Dict[str, str], mac: str, codes: List[str]) -> None:
    found, note, problems = choose_mac(nic(), macs, used)
    assert (found, [one.code for one in problems]) == (mac, codes)
    assert bool(note) == (mac == "")


def nic_plan(**changes: Any) -> NicPlan:
    return NicPlan("n", "n", "nic1", "56:6f:00:00:00:01", "56:6f:00:00:00:01", "prod", "prod", "p1", True, "")._replace(
        **changes
    )


MADE = Nic("x", "nic1", "56:6f:00:00:00:01", True, "p1")


@pytest.mark.parametrize(
    ("changes", "found", "told"),
    [
        ({}, [MADE], ""),
        ({}, [], "is missing"),
        ({}, [MADE, MADE._replace(name="nic9")], "nic9 is not in the configuration"),
        ({}, [MADE._replace(mac="56:6f:00:00:00:02")], "has the MAC address 56:6f:00:00:00:02 instead of"),
        ({"mac": ""}, [MADE], "has no new MAC address"),
        ({"mac": ""}, [MADE._replace(mac="")], "has no new MAC address but none"),
        ({"mac": ""}, [MADE._replace(mac="56:6f:00:00:00:02")], ""),
        ({}, [MADE._replace(profile_id="")], "has the vNIC profile none instead of p1"),
        ({}, [MADE._replace(is_plugged=False)], "is unplugged"),
    ],
)
def test_an_interface_that_differs_is_told(changes: Dict[str, Any], found: List[Nic], told: str) -> None:
    problems = compare_nics([nic_plan(**changes)], found)
    assert len(problems) == (1 if told else 0)
    assert all(told in one.message for one in problems)


def test_only_profile_and_plug_are_put_right() -> None:
    wrong = MADE._replace(profile_id="", is_plugged=False, mac="56:6f:00:00:00:09")
    assert list_corrections([nic_plan()], [wrong, MADE._replace(name="other")]) == [
        wrong._replace(profile_id="p1", is_plugged=True)
    ]
    assert list_corrections([nic_plan()], [MADE]) == []


def test_interfaces_of_another_machine_get_other_ids() -> None:
    assert renumber([nic_plan()], DISK, DISK) == (nic_plan(),)
    (other,) = renumber([nic_plan()], DISK, DISK.replace("1", "2"))
    assert other.new_id != "n" and other._replace(new_id="n") == nic_plan()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, ""),
        ({"interface": "sata"}, "interface is sata, saved was virtio"),
        ({"is_bootable": False}, "bootable is False, saved was True"),
        ({"is_active": False}, "active is False, saved was True"),
        ({"is_read_only": True}, "read_only is True, saved was False"),
        ({"disk": make_disk(DISK, "d", 512)}, "provisioned_size is 512, saved was 1073741824"),
        ({"disk": make_disk(DISK, "d", GIB, status="illegal")}, "status is illegal, saved was ok"),
        ({"disk": None}, "the engine does not say what it is"),
    ],
)
def test_an_attachment_that_differs_is_told(changes: Dict[str, Any], told: str) -> None:
    disk = make_disk(DISK, "d", GIB)
    found = make_attachment("vm", DISK, interface="virtio", is_bootable=True, disk=disk)._replace(**changes)
    problems = compare_attachments([plan()], {DISK: found})
    assert len(problems) == (1 if told else 0)
    assert all(told in one.message for one in problems)


def test_attachments_that_are_missing_or_too_many_are_told() -> None:
    other = make_attachment("vm", "other")
    texts = [one.message for one in compare_attachments([plan()], {"other": other})]
    assert texts == ["disk d (%s) is not attached" % DISK, "disk other is attached and is not one of the backup"]
