# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the stand-in engine makes virtual machines from configurations, and who may do what."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab import rest_engine
from lab.rest_engine import RestLab
from lab.rest_engine.fixtures import RestFaults

sdk = pytest.importorskip("ovirtsdk4")
from contract.rest_client import Client, find, wait  # noqa: E402
from ovirtsdk4 import types  # noqa: E402

DEFAULT = rest_engine.identify("cluster", "Default")


@pytest.fixture
def client(rest_lab: RestLab) -> Iterator[Client]:
    made = Client(rest_lab)
    yield made
    made.connection.close()


@pytest.fixture
def operator(rest_lab: RestLab) -> Iterator[Client]:
    """Somebody who may only do what was granted."""
    made = Client(rest_lab, rest_lab.operator, rest_lab.operator_password)
    yield made
    made.connection.close()


def configuration_of(client: Client, vm: str) -> str:
    return str(client.vm(vm).get(all_content=True).initialization.configuration.data)


def order(data: str, name: str | None = None, regenerates: bool = False, kind: str = "ovf", **more: object) -> types.Vm:
    configuration = types.Configuration(type=types.ConfigurationType(kind), data=data)
    return types.Vm(
        name=name,
        cluster=types.Cluster(id=DEFAULT),
        initialization=types.Initialization(configuration=configuration, regenerate_ids=regenerates),
        **more,
    )


def refused(status: int, text: str) -> pytest.RaisesExc[Exception]:
    return pytest.RaisesExc(sdk.Error, check=lambda error: error.code == status and text in error.fault.detail)


def test_the_same_machine_comes_back_with_its_disks_when_it_is_gone(client: Client) -> None:
    vm, disks = client.make_vm("comes-back", 1, 1, status="down")
    macs = [nic.mac.address for nic in client.vm(vm).nics_service().list()]
    data = configuration_of(client, vm)
    with refused(409, "VM ID already exists in the system"):
        client.vms.add(order(data, "other-name"))
    client.vm(vm).remove(detach_only=True)
    made = client.vms.add(order(data, comment="restored"))
    assert (made.id, made.name, made.comment, made.status.value) == (vm, "comes-back", "restored", "down")
    assert [nic.mac.address for nic in client.vm(vm).nics_service().list()] == macs
    attached = {one.id: one.bootable for one in client.attachments(vm).list()}
    assert attached == {disks[0]: True, disks[1]: False}
    assert client.event_codes(1) == [174]


def test_new_ids_attach_free_disks_to_the_original(client: Client) -> None:
    """The danger of regenerate_ids: the disks go by the id in the configuration."""
    vm, disks = client.make_vm("original", 1, 1, status="down")
    data = configuration_of(client, vm)
    client.detach(vm, disks[1])
    made = client.vms.add(order(data, "copy", regenerates=True))
    assert made.id != vm
    assert client.attachments(made.id).list() == []
    assert {one.id for one in client.attachments(vm).list()} == set(disks)
    assert client.event_codes(1) == [175]
    mine, its = (client.vm(one).nics_service().list()[0] for one in (made.id, vm))
    assert mine.mac.address != its.mac.address
    assert mine.vnic_profile.id == its.vnic_profile.id


def test_attaching_the_disks_of_a_configuration_can_fail_without_a_word(
    client: Client, rest_faults: RestFaults
) -> None:
    vm, disks = client.make_vm("detached", status="down")
    data = configuration_of(client, vm)
    client.vm(vm).remove(detach_only=True)
    rest_faults.set("auto-attach-fails")
    assert client.vms.add(order(data)).id == vm
    assert client.attachments(vm).list() == []
    assert client.event_codes(1) == [175]
    client.attach(vm, disks[0], bootable=True)


def test_a_machine_stays_while_its_snapshot_is_attached_elsewhere(client: Client) -> None:
    vm, disks = client.make_vm("needed", status="down")
    snapshot = client.make_snapshot(vm)
    backup = rest_engine.identify("vm", "backup")
    client.attach(backup, disks[0], snapshot)
    with refused(409, "needed_Disk1 ,made by a test, backup"):
        client.vm(vm).remove()
    client.wait_device(backup, disks[0])
    rest_engine.remove_vm(client.lab.home, vm)
    assert disks[0] not in {one.id for one in client.attachments(backup).list()}
    assert client.devices(backup, disks[0]) == []


def test_imports_are_refused_for_names_macs_and_damage(client: Client) -> None:
    vm, _disks = client.make_vm("refusing", status="down")
    data = configuration_of(client, vm)
    with refused(409, "VM Name already exists in the Data Center"):
        client.vms.add(order(data, "app", regenerates=True))
    foreign = data.replace(vm, "11111111-2222-4333-8444-555555555555")
    with refused(409, "create duplicates in target MAC pool"):
        client.vms.add(order(foreign, "duplicate"))
    with refused(400, "failed to parse a given ovf configuration"):
        client.vms.add(order(data[:-100], "cut", regenerates=True))
    elsewhere = types.Vm(name="twin", cluster=types.Cluster(name="Nowhere"), template=types.Template(name="Blank"))
    with pytest.raises(sdk.NotFoundError):
        client.vms.add(elsewhere)


def test_an_unknown_network_gives_an_interface_without_a_profile(client: Client) -> None:
    vm, _disks = client.make_vm("networked", status="down")
    data = configuration_of(client, vm).replace("ovirtmgmt", "forgotten")
    made = client.vms.add(order(data, "unconnected", regenerates=True))
    nic = client.vm(made.id).nics_service().list()[0]
    assert nic.vnic_profile is None
    profile = rest_engine.identify("profile", "Defaultstorage")
    service = client.vm(made.id).nics_service().nic_service(nic.id)
    service.update(types.Nic(vnic_profile=types.VnicProfile(id=profile), plugged=False))
    assert (service.get().vnic_profile.id, service.get().plugged) == (profile, False)
    service.update(types.Nic(vnic_profile=types.VnicProfile()))
    assert service.get().vnic_profile is None


def test_machines_are_changed_and_removed_with_or_without_their_disks(client: Client) -> None:
    vm, disks = client.make_vm("changing", 1, status="down")
    client.vm(vm).update(types.Vm(name="changed", comment="a", description="b"))
    seen = client.vm(vm).get()
    assert (seen.name, seen.comment, seen.description) == ("changed", "a", "b")
    with refused(409, "name is already in use"):
        client.vm(vm).update(types.Vm(name="app"))
    snapshot = client.make_snapshot(vm)
    with refused(409, "with detaching disks, snapshots exist"):
        client.vm(vm).remove(detach_only=True)
    client.remove_snapshot(vm, snapshot)
    client.vm(vm).remove(detach_only=True)
    assert find(client.vm(vm).get) is None
    client.disks.disk_service(disks[0]).update(types.Disk(description="mine"))
    assert [disk.id for disk in client.disks.list(search="description=min*")] == [disks[0]]
    client.disks.disk_service(disks[0]).remove()
    wait(lambda: find(client.disks.disk_service(disks[0]).get), lambda seen: seen is None)
    other, kept = client.make_vm("vanishing", 1, status="down")
    client.vm(other).remove()
    assert find(client.disks.disk_service(kept[0]).get) is None
    with refused(409, "VM is running"):
        client.vm(rest_engine.identify("vm", "app")).remove()


def test_events_need_a_number_that_is_new(client: Client) -> None:
    def event(number: int, origin: str = "a test", **more: object) -> types.Event:
        return types.Event(
            custom_id=number,
            origin=origin,
            description="said",
            severity=types.LogSeverity.WARNING,
            vm=types.Vm(id=rest_engine.identify("vm", "app")),
            **more,
        )

    service = client.system.events_service()
    made = service.add(event(4711))
    assert (made.code, made.severity, made.custom_id) == (9802, types.LogSeverity.WARNING, 4711)
    with refused(400, "with this custom id already exists"):
        service.add(event(4711))
    service.add(event(4711, "another test"))
    with refused(400, "Illegal Origin"):
        service.add(event(4712, "oVirt"))
    assert [one.custom_id for one in service.list(search="said", max=1)] == [4711]
    assert service.list(from_=int(service.list(max=1)[0].id)) == []


def test_the_operator_may_do_what_was_granted_and_nothing_else(client: Client, operator: Client) -> None:
    vm, disks = client.make_vm("granted")
    backup = rest_engine.identify("vm", "backup")
    home = client.lab.home
    rest_engine.grant(home, {"*": ["login"]})
    with refused_auth():
        operator.begin_snapshot(vm)
    rest_engine.grant(home, {"vms/granted": ["manipulate_vm_snapshots"], "vms/backup": ["configure_vm_storage"]})
    snapshot = operator.make_snapshot(vm)
    with refused_auth():
        operator.attach(backup, disks[0], snapshot)
    rest_engine.grant(home, {"*": ["attach_disk", "configure_vm_storage", "manipulate_vm_snapshots"]})
    operator.attach(backup, disks[0], snapshot)
    operator.detach(backup, disks[0])
    operator.remove_snapshot(vm, snapshot)
    with refused_auth():
        operator.disks.disk_service(disks[0]).remove()


def refused_auth() -> pytest.RaisesExc[Exception]:
    return pytest.RaisesExc(
        sdk.AuthError, check=lambda error: error.code == 403 and "not authorized" in error.fault.detail
    )


@pytest.mark.parametrize("through_group", [False, True])
def test_permissions_tell_whose_role_permits_what(client: Client, operator: Client, through_group: bool) -> None:
    rest_engine.grant(client.lab.home, {"vms/app": ["manipulate_vm_snapshots"]}, through_group)
    vm = operator.vm(rest_engine.identify("vm", "app"))
    mine = operator.system.get().authenticated_user.id
    listed = vm.permissions_service().list(follow="role.permits")
    found = {permit.name for one in listed if one.user and one.user.id == mine for permit in one.role.permits}
    assert found == (set() if through_group else {"manipulate_vm_snapshots"})
    assert any(one.group for one in listed) == through_group
    own = operator.system.users_service().user_service(mine).permissions_service().list()
    assert [(one.id, one.vm.id) for one in own] == [
        (one.id, one.vm.id) for one in listed if one.role.name == "Operator on vms/app"
    ]
    cold = operator.vm(rest_engine.identify("vm", "cold")).permissions_service().list()
    assert [one.user.id for one in cold] == [rest_engine.identify("user", "admin@internal")]
