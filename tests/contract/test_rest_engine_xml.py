# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in engine's XML is the SDK's: nothing is lost between its reader and its writer."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from lab import rest_engine
from lab.rest_engine import RestLab

sdk = pytest.importorskip("ovirtsdk4")
from contract.rest_client import Client, find  # noqa: E402
from ovirtsdk4 import reader, types, writer  # noqa: E402

APP = rest_engine.identify("vm", "app")
DISK = rest_engine.identify("disk", "app_Disk1")
LUN = rest_engine.identify("disk", "shared_Lun")
CENTER = rest_engine.identify("data center", "Default")
CLUSTER = rest_engine.identify("cluster", "Default")
DOMAIN = rest_engine.identify("domain", "data")
NETWORK = rest_engine.identify("network", "Defaultovirtmgmt")
PROFILE = rest_engine.identify("profile", "Defaultovirtmgmt")
ROLE = rest_engine.identify("role", "SuperUser")
USER = rest_engine.identify("user", "admin@internal")

PATHS = {
    "": types.Api,
    "vms": types.Vm,
    "vms/{}?all_content=true".format(APP): types.Vm,
    "vms/{}?follow=disk_attachments.disk,nics,snapshots,permissions.role.permits".format(APP): types.Vm,
    "vms?follow=disk_attachments.disk,snapshots.disks,nics,cluster": types.Vm,
    "vnicprofiles?follow=network": types.VnicProfile,
    "users/{}/permissions?follow=role.permits".format(USER): types.Permission,
    "vms/{}/diskattachments?follow=disk".format(APP): types.DiskAttachment,
    "vms/{}/diskattachments/{}".format(APP, DISK): types.DiskAttachment,
    "vms/{}/nics".format(APP): types.Nic,
    "vms/{}/snapshots?all_content=true".format(APP): types.Snapshot,
    "vms/{}/checkpoints?follow=disks".format(APP): types.Checkpoint,
    "vms/{}/permissions?follow=role.permits".format(APP): types.Permission,
    "disks": types.Disk,
    "disks/{}".format(DISK): types.Disk,
    "disks/{}".format(LUN): types.Disk,
    "disks/{}/permissions".format(DISK): types.Permission,
    "storagedomains": types.StorageDomain,
    "storagedomains/{}/permissions".format(DOMAIN): types.Permission,
    "diskprofiles/{}".format(DOMAIN): types.DiskProfile,
    "datacenters": types.DataCenter,
    "datacenters/{}/storagedomains".format(CENTER): types.StorageDomain,
    "clusters": types.Cluster,
    "clusters/{}/permissions".format(CLUSTER): types.Permission,
    "macpools": types.MacPool,
    "networks": types.Network,
    "networks/{}/vnicprofiles".format(NETWORK): types.VnicProfile,
    "vnicprofiles/{}".format(PROFILE): types.VnicProfile,
    "templates": types.Template,
    "events": types.Event,
    "jobs": types.Job,
    "permissions": types.Permission,
    "roles/{}".format(ROLE): types.Role,
    "roles/{}/permits".format(ROLE): types.Permit,
    "users/{}".format(USER): types.User,
}


@pytest.fixture(scope="module")
def client(rest_lab: RestLab) -> Iterator[Client]:
    """A connection; the machine has a snapshot, a checkpoint and events, so that no list is empty."""
    made = Client(rest_lab)
    snapshot = made.make_snapshot(APP)
    rest_engine.add_checkpoint(rest_lab.home, "app", ["app_Disk1"])
    yield made
    made.remove_snapshot(APP, snapshot)
    made.connection.close()


def fetch(client: Client, path: str) -> str:
    """The document as it comes over the wire."""
    headers = {"Authorization": "Bearer " + client.connection.authenticate(), "Version": "4"}
    request = urllib.request.Request((client.lab.url + "/" + path).rstrip("/"), headers=headers)
    context = ssl.create_default_context(cafile=client.lab.ca_file)
    with urllib.request.urlopen(request, context=context, timeout=20) as answer:
        assert answer.headers["Content-Type"] == "application/xml"
        return str(answer.read().decode())


def leaves(root: Element, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text and id of a document. Links are not told: the reader makes attributes of them."""
    here = path + "/" + root.tag
    if root.get("id"):
        yield here + "@id", root.get("id", "")
    if len(root) == 0 and (root.text or "").strip():
        yield here, normal(root.text or "")
    for child in root:
        if child.tag not in ("link", "creation_status"):
            yield from leaves(child, here)


def normal(text: str) -> str:
    """A time in one spelling."""
    try:
        return datetime.fromisoformat(text.strip().replace("Z", "+00:00")).isoformat()
    except ValueError:
        return text.strip()


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_lost_between_the_sdks_reader_and_writer(client: Client, path: str) -> None:
    document = fetch(client, path)
    seen = reader.Reader.read(document)
    first = seen[0] if isinstance(seen, list) else seen
    assert first.__class__ is PATHS[path]
    assert lost(document) == set()


def lost(document: str) -> set[tuple[str, str]]:
    """What is in the document and not in what the SDK makes of it."""
    root = ElementTree.fromstring(document)
    written = writer.Writer.write(reader.Reader.read(document), root=root.tag)
    return set(leaves(root)) - set(leaves(ElementTree.fromstring(written)))


@pytest.mark.parametrize("planted", ["<nonsense>1</nonsense>", "<status>nonsense</status>", "<memory>much</memory>"])
def test_what_the_sdk_does_not_know_is_noticed(planted: str) -> None:
    try:
        assert lost("<vm id='1'><name>app</name>{}</vm>".format(planted))
    except (sdk.Error, ValueError):
        return


def test_an_answer_to_a_post_leads_to_its_creation_status(client: Client) -> None:
    vm, _disks = client.make_vm("posted")
    made = client.begin_snapshot(vm)
    assert made.href.endswith(made.id)
    client.wait_ok(vm, made.id)


def test_a_refusal_is_a_fault_and_an_action_carries_it(client: Client) -> None:
    vm, _disks = client.make_vm("asleep", status="down")
    with pytest.raises(sdk.Error) as caught:
        client.vm(vm).freeze_filesystems()
    assert (caught.value.code, caught.value.fault.reason) == (409, "Operation Failed")
    with pytest.raises(sdk.Error) as caught:
        client.snapshots(vm).add(types.Snapshot())
    assert (caught.value.code, caught.value.fault.reason) == (400, "Incomplete parameters")
    assert caught.value.fault.detail == "Snapshot [description] required for add"


def test_a_body_that_is_no_xml_is_400_with_a_usage_message(client: Client) -> None:
    headers = {"Authorization": "Bearer " + client.connection.authenticate(), "Content-Type": "application/xml"}
    request = urllib.request.Request(client.lab.url + "/vms", b"<vm", headers, method="POST")
    context = ssl.create_default_context(cafile=client.lab.ca_file)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, context=context, timeout=20)
    assert caught.value.code == 400
    assert b"usage_message" in caught.value.read()


def test_a_correlation_id_comes_back_and_finds_events_and_jobs(client: Client) -> None:
    vm, _disks = client.make_vm("correlated")
    order = types.Snapshot(description="correlated", persist_memorystate=False)
    client.snapshots(vm).add(order, headers={"Correlation-Id": "a_b-1"})
    jobs = client.system.jobs_service().list(search="correlation_id=a_b-1")
    assert [job.status for job in jobs] == [types.JobStatus.STARTED]
    events = client.system.events_service().list(search="correlation_id=a_b-1")
    assert [(event.code, event.vm.id) for event in events] == [(45, vm)]


def test_a_missing_object_has_an_empty_body(client: Client) -> None:
    assert find(client.vm("nothing").get) is None
    with pytest.raises(urllib.error.HTTPError) as caught:
        fetch(client, "vms/nothing")
    assert (caught.value.code, caught.value.read()) == (404, b"")
