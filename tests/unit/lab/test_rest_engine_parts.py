# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the stand-in engine that need no process."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pytest
from lab.rest_engine import ovf, resources, worlds
from lab.rest_engine.engine import Engine
from lab.rest_engine.faults import FAULTS, Faults, clear, set_fault
from lab.rest_engine.refusals import TABLES, Refusal, refuse
from lab.rest_engine.routing import ROUTES, Request, find_route
from lab.rest_engine.schedule import Schedule
from lab.rest_engine.searching import search
from lab.rest_engine.state import from_json, identify, to_json

SOURCES = Path(ovf.__file__).parent


class Thing(NamedTuple):
    name: str
    description: str


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    (tmp_path / "faults").mkdir()
    made = Engine(tmp_path, worlds.make_world(("a", "b")), {})
    plan = worlds.VmPlan("app", "up", (worlds.DiskPlan("one", bootable=True), worlds.DiskPlan("two", lun=True)))
    for disk in plan.disks:
        vm = made.world.vms.get(identify("vm", "app")) or worlds.add_vm(made, plan)
        worlds.add_disk(made, vm, disk)
    return made


def test_a_fault_counts_down_and_goes_away(tmp_path: Path) -> None:
    faults = Faults(tmp_path)
    set_fault(tmp_path, "lost-reply", "read-vm 2")
    assert faults.take_for("lost-reply", "list-vms") is None
    assert [faults.take_for("lost-reply", "read-vm") for _time in range(3)] == [[], [], None]
    set_fault(tmp_path, "restart-at", "any 1.5")
    assert [faults.take_for("restart-at", "read-vm", values=1) for _time in range(2)] == [["1.5"], ["1.5"]]
    set_fault(tmp_path, "restart-at", "each 1.5 logout")
    asked = ("read-vm", "logout", "read-vm", "list-vms")
    assert [faults.take_for("restart-at", one, values=1) for one in asked] == [["1.5"], None, None, ["1.5"]]
    assert faults.get("restart-at") == "each 1.5 logout read-vm list-vms"
    set_fault(tmp_path, "merge-fails", "1")
    assert [faults.take("merge-fails") for _time in range(2)] == [True, False]
    set_fault(tmp_path, "refuse", "read-vm 409 Not now.")
    assert [faults.take_text("refuse", "read-vm") for _time in range(2)] == ["409 Not now.", None]


def test_a_fault_hits_what_it_names_or_everything(tmp_path: Path) -> None:
    faults = Faults(tmp_path)
    assert not faults.hits("snapshot-fails", "app")
    set_fault(tmp_path, "snapshot-fails", "app")
    assert (faults.hits("snapshot-fails", "x", "app"), faults.hits("snapshot-fails", "y")) == (True, False)
    set_fault(tmp_path, "snapshot-fails")
    assert faults.hits("snapshot-fails", "y")
    clear(tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="unknown fault"):
        set_fault(tmp_path, "nonsense")


def test_every_fault_of_the_table_is_looked_at_somewhere() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in SOURCES.glob("*.py") if path.name != "faults.py")
    asked = set(re.findall(r'aults\.\w+\(\s*"([a-z0-9-]+)"', source))
    assert asked == set(FAULTS)


def test_the_stand_in_does_not_know_the_sdk() -> None:
    for path in SOURCES.glob("*.py"):
        assert "ovirtsdk4" not in path.read_text(encoding="utf-8"), path


def test_every_request_has_one_name_and_one_route() -> None:
    names = [route.name for route in ROUTES]
    assert sorted(set(names)) == sorted(names)
    assert {"create-snapshot", "attach-disk"} <= set(names) & set(resources.table().split())
    found = find_route("DELETE", "vms/1/snapshots/2")
    assert found is not None
    assert (found[0].name, found[1]) == ("remove-snapshot", ("1", "2"))
    assert find_route("PATCH", "vms/1") is None


def test_every_refusal_can_be_said() -> None:
    for request, table in TABLES.items():
        assert request in {route.name for route in ROUTES}
        for key, (status, _text) in table.items():
            refusal = refuse(request, key, alias="d", vm="v", status="paused")
            assert refusal.status == status
            assert "{" not in refusal.detail


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ["app", "app two", "other"]),
        ("name=app", ["app"]),
        ('name="app two"', ["app two"]),
        ("name=APP*", ["app", "app two"]),
        ("name=app or name=other", ["app", "other"]),
        ("name=a* and description=x*", ["app two"]),
        ("name!=app", ["app two", "other"]),
        ("Xyz", ["app two"]),
        ('description="[b] c"', ["other"]),
        ("name=app page 1", ["app"]),
        ("name=a* sortby name asc", ["app", "app two"]),
    ],
)
def test_searching(engine: Engine, text: str, found: list[str]) -> None:
    things = [Thing("app", ""), Thing("app two", "xyz"), Thing("other", "[b] c")]
    fields = {"name": "name", "description": "description"}
    chosen = search(engine, Request("GET", "things", {"search": text}), things, fields)
    assert [thing.name for thing in chosen] == found


def test_an_unknown_field_of_a_search_is_refused(engine: Engine) -> None:
    with pytest.raises(Refusal, match="unknown"):
        search(engine, Request("GET", "things", {"search": "size=1"}), [Thing("app", "")], {"name": "name"})


def test_a_configuration_is_read_as_it_was_written(engine: Engine) -> None:
    vm = engine.vm(identify("vm", "app"))
    text = ovf.render(engine.world, vm, engine.disks)
    read = ovf.parse(text)
    assert (read.vm, read.name, read.memory) == (vm.id, "app", vm.memory)
    disks = [identify("disk", "one"), identify("disk", "two")]
    assert read.disks == [
        ovf.OvfDisk(disks[0], "virtio_scsi", True, True),
        ovf.OvfDisk(disks[1], "virtio_scsi", False, True),
    ]
    assert read.nics == [ovf.OvfNic("nic1", vm.nics[0].mac, "ovirtmgmt", "ovirtmgmt")]
    assert 'xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1/"' in text
    assert "ns0:" not in text
    root = ElementTree.fromstring(text)
    first = root.findall("Section/Disk")[0]
    image = engine.disk(disks[0]).images[0].id
    assert first.get("{http://schemas.dmtf.org/ovf/envelope/1/}fileRef") == "{}/{}".format(disks[0], image)


@pytest.mark.parametrize("text", ["", "<a", "<a/>", "<Envelope><Content/></Envelope>"])
def test_a_damaged_configuration_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="failed to parse"):
        ovf.parse(text)


def test_a_world_can_be_kept(engine: Engine) -> None:
    assert from_json(to_json(engine.world)) == engine.world


def test_what_is_due_happens_in_its_order_and_nothing_after_the_end() -> None:
    schedule, seen, happened = Schedule(), list[str](), threading.Event()
    schedule.start()

    def late() -> None:
        seen.append("late")
        happened.set()

    schedule.after(0.05, late)
    schedule.after(0.0, lambda: seen.append("soon"))
    schedule.after(60.0, lambda: seen.append("never"))
    assert happened.wait(5)
    began = time.monotonic()
    schedule.end()
    assert time.monotonic() - began < 5
    assert seen == ["soon", "late"]


def test_plans_can_be_written_by_hand() -> None:
    plans = worlds.plan_from_json([{"name": "x", "disks": [{"alias": "y"}]}])
    assert plans == (worlds.VmPlan("x", "down", (worlds.DiskPlan("y"),)),)
    assert worlds.plan_from_json(worlds.plan_to_json(worlds.DEFAULT)) == worlds.DEFAULT
    assert len(worlds.many_vms(100)) == len(worlds.DEFAULT) + 100
