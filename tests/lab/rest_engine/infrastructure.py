# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is not of one virtual machine: the engine, data centers, clusters, storage domains, networks."""

from __future__ import annotations

from . import views
from .engine import VERSION, Engine, found
from .refusals import NotFound
from .routing import Answer, Request, route
from .searching import search
from .state import BLANK, now
from .xml import ROOT, element, link, reference, texts

NAME = {"name": "name", "id": "id"}
TOP = "clusters datacenters disks events jobs macpools networks storagedomains vms vnicprofiles".split()


@route("GET", "", "read-api")
def read_api(engine: Engine, request: Request) -> Answer:
    """The engine."""
    numbers = VERSION.replace("-", ".").split(".")
    version = element(
        "version",
        *texts(build=int(numbers[2]), full_version=VERSION, major=int(numbers[0]), minor=int(numbers[1]), revision=0),
    )
    user = engine.user.id if engine.user else BLANK
    return Answer(200, element(
        "api",
        *(element("link", href=ROOT + name, rel=name) for name in TOP),
        element("product_info", *texts(name="oVirt Engine", vendor="ovirt.org"), version),
        element("special_objects", reference("blank_template", "templates", BLANK)),
        element("summary", element("vms", *texts(active=0, total=len(engine.world.vms)))),
        *texts(time=now()),
        reference("authenticated_user", "users", user),
        reference("effective_user", "users", user),
    ))  # fmt: skip


@route("GET", "storagedomains", "list-storage-domains")
def list_domains(engine: Engine, request: Request) -> Answer:
    """All storage domains."""
    fields = {**NAME, "status": "status", "type": "kind"}
    chosen = search(engine, request, list(engine.world.domains.values()), fields)
    return Answer(200, element("storage_domains", *map(views.domain_view, chosen)))


@route("GET", "storagedomains/{}", "read-storage-domain")
def read_domain(engine: Engine, request: Request, identity: str) -> Answer:
    """One."""
    return Answer(200, views.domain_view(found(engine.world.domains.get(identity))))


@route("GET", "diskprofiles/{}", "read-disk-profile")
def read_disk_profile(engine: Engine, request: Request, identity: str) -> Answer:
    """The disk profile of a storage domain: its only one, so it has its id."""
    domain = found(engine.world.domains.get(identity))
    return Answer(200, element(
        "disk_profile",
        link("diskprofiles/" + domain.id, "permissions"),
        *texts(name=domain.name),
        reference("storage_domain", "storagedomains", domain.id),
        href=ROOT + "diskprofiles/" + domain.id, id=domain.id,
    ))  # fmt: skip


@route("GET", "datacenters/{}/storagedomains", "list-attached-storage-domains")
def list_attached_domains(engine: Engine, request: Request, center: str) -> Answer:
    """Those of a data center, with their status."""
    found(engine.world.data_centers.get(center))
    chosen = [domain for domain in engine.world.domains.values() if domain.data_center == center]
    return Answer(200, element("storage_domains", *map(views.attached_domain_view, chosen)))


@route("GET", "datacenters/{}/storagedomains/{}", "read-attached-storage-domain")
def read_attached_domain(engine: Engine, request: Request, center: str, identity: str) -> Answer:
    """One of them."""
    domain = found(engine.world.domains.get(identity))
    if domain.data_center != center:
        raise NotFound
    return Answer(200, views.attached_domain_view(domain))


@route("GET", "datacenters", "list-data-centers")
def list_centers(engine: Engine, request: Request) -> Answer:
    """All data centers."""
    chosen = search(engine, request, list(engine.world.data_centers.values()), NAME)
    return Answer(200, element("data_centers", *map(views.data_center_view, chosen)))


@route("GET", "datacenters/{}", "read-data-center")
def read_center(engine: Engine, request: Request, identity: str) -> Answer:
    """One."""
    return Answer(200, views.data_center_view(found(engine.world.data_centers.get(identity))))


@route("GET", "clusters", "list-clusters")
def list_clusters(engine: Engine, request: Request) -> Answer:
    """All clusters."""
    chosen = search(engine, request, list(engine.world.clusters.values()), NAME)
    return Answer(200, element("clusters", *map(views.cluster_view, chosen)))


@route("GET", "clusters/{}", "read-cluster")
def read_cluster(engine: Engine, request: Request, identity: str) -> Answer:
    """One."""
    return Answer(200, views.cluster_view(found(engine.world.clusters.get(identity))))


@route("GET", "macpools", "list-mac-pools")
def list_mac_pools(engine: Engine, request: Request) -> Answer:
    """The only MAC pool."""
    return Answer(200, element("mac_pools", views.mac_pool_view()))


@route("GET", "macpools/{}", "read-mac-pool")
def read_mac_pool(engine: Engine, request: Request, identity: str) -> Answer:
    """It."""
    if identity != views.MAC_POOL:
        raise NotFound
    return Answer(200, views.mac_pool_view())


@route("GET", "networks", "list-networks")
def list_networks(engine: Engine, request: Request) -> Answer:
    """All networks."""
    chosen = search(engine, request, list(engine.world.networks.values()), NAME)
    return Answer(200, element("networks", *map(views.network_view, chosen)))


@route("GET", "networks/{}", "read-network")
def read_network(engine: Engine, request: Request, identity: str) -> Answer:
    """One."""
    return Answer(200, views.network_view(found(engine.world.networks.get(identity))))


@route("GET", "datacenters/{}/networks", "list-networks-of-data-center")
def list_networks_of(engine: Engine, request: Request, center: str) -> Answer:
    """Those of a data center."""
    chosen = [network for network in engine.world.networks.values() if network.data_center == center]
    return Answer(200, element("networks", *map(views.network_view, chosen)))


@route("GET", "clusters/{}/networks", "list-networks-of-cluster")
def list_networks_of_cluster(engine: Engine, request: Request, identity: str) -> Answer:
    """Those of a cluster: all of its data center."""
    cluster = found(engine.world.clusters.get(identity))
    return list_networks_of(engine, request, cluster.data_center)


@route("GET", "vnicprofiles", "list-vnic-profiles")
def list_profiles(engine: Engine, request: Request) -> Answer:
    """All vNIC profiles."""
    return Answer(200, element("vnic_profiles", *map(views.profile_view, engine.world.profiles.values())))


@route("GET", "vnicprofiles/{}", "read-vnic-profile")
def read_profile(engine: Engine, request: Request, identity: str) -> Answer:
    """One."""
    return Answer(200, views.profile_view(found(engine.world.profiles.get(identity))))


@route("GET", "networks/{}/vnicprofiles", "list-vnic-profiles-of-network")
def list_profiles_of(engine: Engine, request: Request, network: str) -> Answer:
    """Those of a network."""
    chosen = [profile for profile in engine.world.profiles.values() if profile.network == network]
    return Answer(200, element("vnic_profiles", *map(views.profile_view, chosen)))


@route("GET", "templates/{}", "read-template")
def read_template(engine: Engine, request: Request, identity: str) -> Answer:
    """The Blank template; there is no other."""
    if identity != BLANK:
        raise NotFound
    path = "templates/" + BLANK
    return Answer(200, element(
        "template",
        *(link(path, name) for name in ("diskattachments", "nics", "permissions")),
        *texts(name="Blank", description="Blank template", status="ok"),
        element("version", *texts(version_name="base version", version_number=1)),
        href=ROOT + path, id=BLANK,
    ))  # fmt: skip


@route("GET", "templates", "list-templates")
def list_templates(engine: Engine, request: Request) -> Answer:
    """The Blank template."""
    return Answer(200, element("templates", read_template(engine, request, BLANK).root))


@route("GET", "templates/{}/diskattachments", "list-template-attachments")
def list_template_attachments(engine: Engine, request: Request, identity: str) -> Answer:
    """The disks of the Blank template: none."""
    return Answer(200, element("disk_attachments"))


@route("GET", "vms/{}/checkpoints", "list-checkpoints")
def list_checkpoints(engine: Engine, request: Request, identity: str) -> Answer:
    """The changed-block checkpoints of a virtual machine."""
    vm = engine.vm(identity)
    path = "vms/{}/checkpoints/".format(vm.id)
    return Answer(200, element("checkpoints", *(
        element(
            "checkpoint",
            link(path + one.id, "disks"),
            *texts(creation_date=one.date, parent_id=one.parent or None, state=one.state),
            reference("vm", "vms", vm.id),
            href=ROOT + path + one.id, id=one.id,
        )
        for one in engine.world.checkpoints.values() if one.vm == vm.id
    )))  # fmt: skip


@route("GET", "vms/{}/checkpoints/{}/disks", "list-checkpoint-disks")
def list_checkpoint_disks(engine: Engine, request: Request, vm: str, identity: str) -> Answer:
    """The disks of a checkpoint."""
    checkpoint = found(engine.world.checkpoints.get(identity))
    return Answer(
        200, element("disks", *(views.disk_view(engine.disk(disk), engine.disks) for disk in checkpoint.disks))
    )
