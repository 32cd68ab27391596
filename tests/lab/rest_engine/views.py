# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the engine shows its objects."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element

from . import images
from .state import (
    BLANK,
    GIB,
    Attachment,
    Cluster,
    Disk,
    Domain,
    Named,
    Network,
    Nic,
    Profile,
    Snapshot,
    Vm,
    World,
    identify,
)
from .xml import ROOT, element, link, reference, text, texts

VM_LINKS = ("diskattachments", "nics", "snapshots", "permissions", "checkpoints", "backups", "cdroms", "tags")
TYPE = "server"
MAC_POOL = identify("MAC pool", "Default")
MAC_RANGE = ("56:6f:1a:1a:00:00", "56:6f:1a:1a:00:ff")


def vm_view(world: World, vm: Vm, configuration: str | None) -> Element:
    """A virtual machine."""
    path = "vms/" + vm.id
    return element(
        "vm",
        *(link(path, name) for name in VM_LINKS),
        *texts(name=vm.name, description=vm.description, comment=vm.comment),
        element("bios", *texts(type="q35_sea_bios")),
        element("cpu", *texts(architecture="x86_64"), element("topology", *texts(cores=1, sockets=1, threads=1))),
        *texts(creation_time=vm.created, delete_protected=vm.delete_protected),
        initialization(configuration),
        *texts(memory=vm.memory, origin=vm.origin, stateless=vm.stateless, status=vm.status, type=TYPE),
        element("os", *texts(type="other_linux")),
        element("virtio_scsi", *texts(enabled=vm.virtio_scsi)),
        *texts(next_run_configuration_exists=vm.next_run),
        reference("cluster", "clusters", vm.cluster),
        reference("template", "templates", BLANK),
        href=ROOT + path, id=vm.id,
    )  # fmt: skip


def initialization(configuration: str | None) -> Element | None:
    """A configuration as it stands in virtual machines and snapshots."""
    if configuration is None:
        return None
    return element("initialization", element("configuration", *texts(data=configuration, type="ovf")))


def disk_view(disk: Disk, disks: Path, active_snapshot: str = "") -> Element:
    """A disk."""
    path = "disks/" + disk.id
    common = texts(
        name=disk.alias, description=disk.description, alias=disk.alias, content_type=disk.content_type,
        propagate_errors=False, shareable=disk.shareable, storage_type=disk.storage_type,
        wipe_after_delete=disk.wipe_after_delete,
    )  # fmt: skip
    specific = _lun_parts(disk) if disk.storage_type == "lun" else _image_parts(disk, disks, active_snapshot)
    links = (link(path, name) for name in ("permissions", "statistics", "disksnapshots"))
    return element("disk", *links, *common, *specific, href=ROOT + path, id=disk.id)


def _image_parts(disk: Disk, disks: Path, active_snapshot: str) -> list[Element | None]:
    sizes = [images.allocated(disks, disk, image) for image in disk.images]
    active = disk.images[-1]
    return [
        *texts(
            actual_size=sizes[-1], backup=disk.backup, format=active.format, image_id=active.id,
            provisioned_size=disk.size, qcow_version="qcow2_v3" if active.format == "cow" else None,
            sparse=disk.sparse or active is not disk.images[0], status=disk.status, total_size=sum(sizes),
        ),
        reference("disk_profile", "diskprofiles", disk.domain),
        element("snapshot", id=active_snapshot) if active_snapshot else None,
        element("storage_domains", reference("storage_domain", "storagedomains", disk.domain)),
    ]  # fmt: skip


def _lun_parts(disk: Disk) -> list[Element | None]:
    unit = element("logical_unit", *texts(lun_mapping=0, size=disk.size), id="36001405" + disk.id.replace("-", "")[:24])
    return [element("lun_storage", element("logical_units", unit), *texts(type="iscsi"), id="36001405" + disk.id[:8])]


def attachment_view(attachment: Attachment) -> Element:
    """A disk attachment: its id is the disk's."""
    return element(
        "disk_attachment",
        *texts(
            active=attachment.active, bootable=attachment.bootable, interface=attachment.interface,
            logical_name="/dev/" + attachment.device if attachment.device and not attachment.snapshot else None,
            pass_discard=attachment.pass_discard, read_only=attachment.read_only, uses_scsi_reservation=False,
        ),
        reference("disk", "disks", attachment.disk),
        reference("vm", "vms", attachment.vm),
        href="{}vms/{}/diskattachments/{}".format(ROOT, attachment.vm, attachment.disk), id=attachment.disk,
    )  # fmt: skip


def snapshot_view(
    snapshot: Snapshot, vm: Element | None = None, configuration: str | None = None, links: tuple[str, ...] = ()
) -> Element:
    """A snapshot."""
    path = "vms/{}/snapshots/{}".format(snapshot.vm, snapshot.id)
    return element(
        "snapshot",
        *(link(path, name) for name in links),
        *texts(description=snapshot.description),
        initialization(configuration),
        *texts(
            date=snapshot.date, persist_memorystate=snapshot.memory, snapshot_status=snapshot.status,
            snapshot_type=snapshot.kind,
        ),
        vm if vm is not None else reference("vm", "vms", snapshot.vm),
        href=ROOT + path, id=snapshot.id,
    )  # fmt: skip


def snapshot_disk_view(disk: Disk, image: str, snapshot: Snapshot) -> Element:
    """A disk as it is in a snapshot: no href, and sizes that say nothing, as was recorded."""
    kept = next(layer for layer in disk.images if layer.id == image)
    return element(
        "disk",
        *texts(
            name=disk.alias, description=disk.description, actual_size=0, alias=disk.alias, backup=disk.backup,
            content_type=disk.content_type, format=kept.format, image_id=image, propagate_errors=False,
            provisioned_size=0, shareable=disk.shareable, sparse=disk.sparse or kept is not disk.images[0],
            status=disk.status, storage_type=disk.storage_type, wipe_after_delete=disk.wipe_after_delete,
        ),
        element("snapshot", id=snapshot.id),
        element("storage_domains", element("storage_domain", id=disk.domain)),
        id=disk.id,
    )  # fmt: skip


def nic_view(vm: str, nic: Nic) -> Element:
    """A network interface of a virtual machine."""
    path = "vms/{}/nics/{}".format(vm, nic.id)
    profile = reference("vnic_profile", "vnicprofiles", nic.profile) if nic.profile else None
    return element(
        "nic",
        *texts(name=nic.name, interface="virtio", linked=nic.linked),
        element("mac", *texts(address=nic.mac)),
        *texts(plugged=nic.plugged, synced=True),
        reference("vm", "vms", vm),
        profile,
        href=ROOT + path, id=nic.id,
    )  # fmt: skip


def domain_view(domain: Domain) -> Element:
    """A storage domain."""
    path = "storagedomains/" + domain.id
    return element(
        "storage_domain",
        *(link(path, name) for name in ("disks", "permissions", "storageconnections", "diskprofiles")),
        *texts(
            name=domain.name, description="", comment="", available=domain.available * GIB, backup=False,
            block_size=512, committed=domain.used * GIB, critical_space_action_blocker=domain.critical,
            discard_after_delete=False, external_status="ok", master=False,
        ),
        element("storage", *texts(type=domain.storage_type)),
        # A domain that is in a data center shows its status below that data center only.
        *texts(
            storage_format="v5", supports_discard=False, supports_discard_zeroes_data=False, type=domain.kind,
            used=domain.used * GIB, warning_low_space_indicator=10, wipe_after_delete=False,
        ),
        element("data_centers", reference("data_center", "datacenters", domain.data_center)),
        href=ROOT + path, id=domain.id,
    )  # fmt: skip


def attached_domain_view(domain: Domain) -> Element:
    """A storage domain as its data center shows it: with its status."""
    shown = domain_view(domain)
    shown.extend(texts(status=domain.status))
    shown.append(reference("data_center", "datacenters", domain.data_center))
    shown.set("href", "{}datacenters/{}/storagedomains/{}".format(ROOT, domain.data_center, domain.id))
    return shown


def cluster_view(cluster: Cluster) -> Element:
    """A cluster."""
    path = "clusters/" + cluster.id
    return element(
        "cluster",
        *(link(path, name) for name in ("networks", "permissions")),
        *texts(name=cluster.name, description="", comment=""),
        element("cpu", *texts(architecture="x86_64", type="Secure Intel Nehalem Family")),
        element("version", *texts(major=4, minor=7)),
        reference("data_center", "datacenters", cluster.data_center),
        reference("mac_pool", "macpools", MAC_POOL),
        href=ROOT + path, id=cluster.id,
    )  # fmt: skip


def data_center_view(center: Named) -> Element:
    """A data center."""
    path = "datacenters/" + center.id
    return element(
        "data_center",
        *(link(path, name) for name in ("storagedomains", "clusters", "networks", "permissions")),
        *texts(name=center.name, description="", comment="", local=False, quota_mode="disabled", status="up"),
        element("version", *texts(major=4, minor=7)),
        href=ROOT + path, id=center.id,
    )  # fmt: skip


def network_view(network: Network) -> Element:
    """A network."""
    return element(
        "network",
        link("networks/" + network.id, "vnicprofiles"),
        *texts(name=network.name, description="", comment="", mtu=0, stp=False),
        element("usages", text("usage", "vm")),
        reference("data_center", "datacenters", network.data_center),
        href=ROOT + "networks/" + network.id, id=network.id,
    )  # fmt: skip


def profile_view(profile: Profile) -> Element:
    """A vNIC profile."""
    return element(
        "vnic_profile",
        link("vnicprofiles/" + profile.id, "permissions"),
        *texts(name=profile.name, port_mirroring=False),
        element("pass_through", *texts(mode="disabled")),
        reference("network", "networks", profile.network),
        href=ROOT + "vnicprofiles/" + profile.id, id=profile.id,
    )  # fmt: skip


def mac_pool_view() -> Element:
    """The only MAC pool."""
    reach = element("range", text("from", MAC_RANGE[0]), text("to", MAC_RANGE[1]))
    return element(
        "mac_pool",
        *texts(name="Default", description="Default MAC pool", allow_duplicates=False, default_pool=True),
        element("ranges", reach),
        href=ROOT + "macpools/" + MAC_POOL, id=MAC_POOL,
    )  # fmt: skip


def with_creation_status(shown: Element, job: str) -> Element:
    """What a reply says of something that is still being made."""
    shown.extend(texts(creation_status="pending"))
    shown.append(element("link", href="{}/creation_status/{}".format(shown.get("href"), job), rel="creation_status"))
    return shown
