# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Permissions: who may do what with an object, through which role."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from .engine import EVERYONE, Engine, found
from .routing import Answer, Request, route
from .state import Grant, identify
from .xml import ROOT, element, link, reference, texts

# The engine's own numbers are the ids of permits.
PERMITS = {
    "create_vm": 1, "delete_vm": 2, "edit_vm_properties": 3, "import_export_vm": 8, "configure_vm_network": 9,
    "configure_vm_storage": 10, "manipulate_vm_snapshots": 12, "create_disk": 1100, "attach_disk": 1101,
    "edit_disk_properties": 1102, "configure_disk_storage": 1103, "delete_disk": 1104, "backup_disk": 1110,
    "login": 1300, "inject_external_events": 1400,
}  # fmt: skip
ADMINISTRATIVE = ("import_export_vm", "backup_disk", "inject_external_events")


def _list(kind: str, engine: Engine, identity: str) -> Answer:
    """On an object, the inherited ones included: they are shown as if they were on it."""
    targets = engine.targets(kind, identity)
    grants = [grant for grant in engine.world.grants.values() if grant.target in targets]
    return Answer(200, element("permissions", *(_view(kind, identity, grant) for grant in grants)))


@route("GET", "vms/{}/permissions", "list-vm-permissions")
def list_of_vm(engine: Engine, request: Request, identity: str) -> Answer:
    """On a virtual machine, the inherited ones included."""
    return _list("vms", engine, engine.vm(identity).id)


@route("GET", "disks/{}/permissions", "list-disk-permissions")
def list_of_disk(engine: Engine, request: Request, identity: str) -> Answer:
    """On a disk."""
    return _list("disks", engine, engine.disk(identity).id)


@route("GET", "storagedomains/{}/permissions", "list-storage-domain-permissions")
def list_of_domain(engine: Engine, request: Request, identity: str) -> Answer:
    """On a storage domain."""
    return _list("storagedomains", engine, found(engine.world.domains.get(identity)).id)


@route("GET", "clusters/{}/permissions", "list-cluster-permissions")
def list_of_cluster(engine: Engine, request: Request, identity: str) -> Answer:
    """On a cluster."""
    return _list("clusters", engine, found(engine.world.clusters.get(identity)).id)


@route("GET", "permissions", "list-system-permissions")
def list_of_system(engine: Engine, request: Request) -> Answer:
    """On everything."""
    grants = [grant for grant in engine.world.grants.values() if grant.target == "*"]
    return Answer(200, element("permissions", *(_view("system", "", grant) for grant in grants)))


@route("GET", "roles", "list-roles")
def list_roles(engine: Engine, request: Request) -> Answer:
    """All roles that somebody has."""
    roles = {_role_id(grant): grant for grant in engine.world.grants.values()}
    return Answer(200, element("roles", *map(_view_role, roles.values())))


@route("GET", "roles/{}", "read-role")
def read_role(engine: Engine, request: Request, identity: str) -> Answer:
    """One."""
    return Answer(200, _view_role(_find(engine, identity)))


@route("GET", "roles/{}/permits", "list-permits")
def list_permits(engine: Engine, request: Request, identity: str) -> Answer:
    """What a role permits."""
    names = _find(engine, identity).permits
    return Answer(200, element("permits", *(_view_permit(identity, name) for name in names)))


@route("GET", "users/{}/permissions", "list-user-permissions")
def list_of_user(engine: Engine, request: Request, identity: str) -> Answer:
    """Of a user, of the user's groups and of everyone, each shown on what it is on: those on the system on nothing."""
    user = found(engine.world.users.get(identity))
    owners = {user.id, *user.groups, EVERYONE}
    grants = [grant for grant in engine.world.grants.values() if (grant.user or grant.group) in owners]
    return Answer(200, element("permissions", *(_view(*grant.target.rpartition("/")[::2], grant) for grant in grants)))


@route("GET", "users/{}", "read-user")
def read_user(engine: Engine, request: Request, identity: str) -> Answer:
    """Somebody."""
    user = found(engine.world.users.get(identity))
    path = "users/" + user.id
    name, domain = user.name.rsplit("@", 1)
    return Answer(
        200,
        element(
            "user",
            link(path, "permissions"),
            *texts(name=name, user_name=user.name, principal=name),
            element("domain", *texts(name=domain)),
            href=ROOT + path,
            id=user.id,
        ),
    )


def _role_id(grant: Grant) -> str:
    return identify("role", grant.role)


def _find(engine: Engine, role: str) -> Grant:
    return found(next((grant for grant in engine.world.grants.values() if _role_id(grant) == role), None))


def _view(kind: str, identity: str, grant: Grant) -> Element:
    tag = {"vms": "vm", "disks": "disk", "storagedomains": "storage_domain", "clusters": "cluster"}.get(kind)
    return element(
        "permission",
        reference("group", "groups", grant.group) if grant.group else reference("user", "users", grant.user),
        reference("role", "roles", _role_id(grant)),
        reference(tag, kind, identity) if tag else None,
        href=ROOT + "permissions/" + grant.id, id=grant.id,
    )  # fmt: skip


def _view_role(grant: Grant) -> Element:
    path = "roles/" + _role_id(grant)
    administrative = grant.role == "SuperUser"
    return element(
        "role",
        link(path, "permits"),
        *texts(name=grant.role, administrative=administrative, mutable=False),
        href=ROOT + path,
        id=_role_id(grant),
    )


def _view_permit(role: str, name: str) -> Element:
    number = str(PERMITS[name])
    path = "roles/{}/permits/{}".format(role, number)
    return element(
        "permit",
        *texts(name=name, administrative=name in ADMINISTRATIVE),
        reference("role", "roles", role),
        href=ROOT + path,
        id=number,
    )
