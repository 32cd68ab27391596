# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vm_snapshot_backup: what it attaches is what was there, what it refuses it refuses before the first write."""

import hashlib
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from lab import rest_engine
from lab.rest_engine import RestLab
from tooling.interfaces import read_examples
from tooling.places import ROOT

from ..installation import program
from .machines import wait_until
from .snapshots import NAME, Machine, SharedEngine

HOUSEKEEPING = ("/sso/", "/services/sso-logout")


def writes(shared: SharedEngine) -> list[str]:
    """Return the requests that change something."""
    return [
        f"{one.method} {one.path}" for one in rest_engine.requests(shared.lab.requests)
        if one.method != "GET" and not any(part in one.path for part in HOUSEKEEPING)
    ]  # fmt: skip


def content(shared: SharedEngine, disk: str) -> bytes:
    """Return what a disk holds now."""
    target = shared.scratch / "export"
    rest_engine.export(shared.lab.home, disk, target)
    return target.read_bytes()


def device(shared: SharedEngine, disk: dict[str, Any]) -> Path:
    """Return the device of an attached disk, by the names of the result in their order; a guest needs a moment."""
    paths = [rest_engine.devices_of(shared.lab) / name for name in disk["devices"]]
    wait_until(lambda: any(path.exists() for path in paths))
    return next(path for path in paths if path.exists())


@pytest.mark.parametrize("interface", ["virtio_scsi", "virtio"])
def test_devices_hold_what_was_there_while_the_guest_writes_on(shared: SharedEngine, interface: str) -> None:
    machine = shared.machine(filled=True)
    before = [content(shared, disk) for disk in machine.disks]
    result = machine.attached(interface=interface)
    rest_engine.write(shared.lab.home, machine.name, machine.disks[0], 4096, b"written later")
    assert [device(shared, disk).read_bytes() for disk in result["disks"]] == before
    machine.removed()
    after = content(shared, machine.disks[0])
    assert after[4096:4109] == b"written later" and after[8192:] == before[0][8192:]
    assert content(shared, machine.disks[1]) == before[1]


def test_devices_with_short_serial_numbers_are_among_the_names(shared: SharedEngine) -> None:
    shared.fault("device-short-serial")
    machine = shared.machine()
    result = machine.attached()
    assert all(device(shared, disk).exists() for disk in result["disks"])
    machine.removed()


def test_check_mode_plans_all_and_writes_nothing(shared: SharedEngine) -> None:
    machine = shared.machine()
    before = writes(shared)
    planned = machine.call("attached", check_mode=True)
    assert planned["changed"] and writes(shared) == before and not machine.saved.exists()
    done = machine.attached()
    assert set(planned) == set(done) and planned["diff"] == done["diff"]
    before = writes(shared)
    assert not machine.call("attached", check_mode=True)["changed"]
    assert machine.call("absent", check_mode=True)["removed"] == [f"ovirt.backup: {NAME}"]
    assert writes(shared) == before
    machine.removed()


def test_each_state_is_reached_once(shared: SharedEngine) -> None:
    machine = shared.machine()
    attached = machine.attached()
    found, saved = attached["configuration"], machine.saved
    assert attached["changed"] and stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert (hashlib.sha256(saved.read_bytes()).hexdigest(), saved.stat().st_size) == (found["sha256"], found["size"])
    assert found["type"] == "ovf" and machine.id in saved.read_text()
    before = writes(shared)
    assert not machine.attached()["changed"] and writes(shared) == before
    assert machine.call("detached")["detached"] == machine.disks
    assert not machine.call("detached")["changed"]
    assert len(machine.marks()) == 1
    assert machine.attached()["changed"]
    assert machine.removed(outcome="success", outcome_message="all is well")["changed"]
    before = writes(shared)
    assert not machine.removed(outcome="success")["changed"] and writes(shared) == before
    assert [text.split(": ")[-1] for text in machine.told()] == [
        f"the backup of virtual machine {machine.name} begins (2 disks, to the backup VM backup)", "all is well",
    ]  # fmt: skip


# --- what is refused ---


def paused(machine: Machine) -> dict[str, Any]:
    machine.change("vms", "backup", status="paused")
    return {}


def without_permits(machine: Machine) -> dict[str, Any]:
    lab = machine.shared.lab
    everything = ["login", "configure_vm_storage", "attach_disk", "inject_external_events"]
    rest_engine.grant(lab.home, {"*": everything})
    return {"auth": machine.shared.auth(username=lab.operator, password=lab.operator_password)}


# The unit tests have every reason; an engine words these itself, or not at all.
REFUSALS: dict[str, tuple[str, Callable[[Machine], dict[str, Any]], str]] = {
    "paused backup VM": ("backup_vm_not_up", paused, "paused"),
    "missing permit": ("not_permitted", without_permits, "MANIPULATE_VM_SNAPSHOTS"),
    "two of a name": ("vm_ambiguous", lambda machine: {"vm": "twin"}, "twin"),
    "full storage domain": ("storage_full", lambda machine: {"vm": "tight"}, "small"),
    "direct LUN": ("disk_unsupported", lambda machine: {"vm": "shared"}, "shared_Lun"),
    "other data center": (
        "data_center_differs", lambda machine: {"vm": rest_engine.identify("vm", "twin Second")}, "data centers"),
}  # fmt: skip


@pytest.mark.parametrize("case", list(REFUSALS))
def test_refused_before_the_first_write(shared: SharedEngine, case: str) -> None:
    code, prepare, named = REFUSALS[case]
    machine = shared.machine()
    changes = prepare(machine)
    before = writes(shared)
    for check_mode in (True, False):
        result = machine.fails(code, check_mode=check_mode, **changes)
        assert named in result["msg"] and result["phase"] == "plan"
    assert writes(shared) == before
    assert machine.marks() == [] and not machine.saved.exists()


def test_a_directory_that_a_play_may_still_make_is_missed_by_the_run_alone(shared: SharedEngine) -> None:
    machine = shared.machine()
    nowhere = str(shared.scratch / "nowhere" / "x.ovf")
    assert machine.call("attached", check_mode=True, configuration_path=nowhere)["changed"]
    assert "nowhere" in machine.fails("configuration_directory_missing", configuration_path=nowhere)["msg"]
    assert machine.marks() == []


def test_a_certificate_of_somebody_else_is_not_waited_for(shared: SharedEngine) -> None:
    machine = shared.machine()
    machine.fails("certificate_refused", auth=shared.auth(ca_file=str(shared.lab.other_ca_file)))
    machine.fails("login_refused", auth=shared.auth(password="not this one"))


def examples(module: str, lab: RestLab, places: dict[str, Path]) -> list[dict[str, Any]]:
    """The examples of a module's documentation, with what is true here."""
    text = read_examples(ROOT, module)
    true = {
        "https://engine.example.com/ovirt-engine/api": lab.url, "backup@internal": lab.username,
        "/etc/pki/ovirt-engine/ca.pem": lab.ca_file, "/dev/disk/by-id": rest_engine.devices_of(lab), **places,
    }  # fmt: skip
    for said, here in true.items():
        text = text.replace(said, str(here))
    found: list[dict[str, Any]] = yaml.safe_load(text)
    return found


def test_examples_of_the_documentation_work(shared: SharedEngine) -> None:
    """By hand, as the modules' own documentation shows it; the last play has the login as a default of the group."""
    machine = shared.known("app")
    places = {"/srv/backup/app": shared.scratch, "/srv/vm-backups/app": shared.scratch / "app-by-hand"}
    _login, attach, absent, play = examples("vm_snapshot_backup", shared.lab, places)
    found, in_progress, info = (
        examples(name, shared.lab, places) for name in ("vm_disk_device_info", "vm_backup_directory", "vm_backup_info")
    )
    tasks = [attach, *found, *in_progress, *info, absent]
    quick = {"ovirt.backup.vm_snapshot_backup": {"poll_interval": 0.2}}
    by_hand = {"hosts": "all", "gather_facts": False, "vars": {"images": {}}, "tasks": tasks, "module_defaults": {
        "ovirt.backup.vm_disk_device_info": {"directory": "{{ vm_devices }}"}, **quick}}  # fmt: skip
    play["module_defaults"].update(quick)
    playbook, secret = shared.scratch / "playbook.yml", shared.scratch.with_name("secret.json")
    playbook.write_text(json.dumps([by_hand, {**play, "gather_facts": False}]))
    secret.write_text(json.dumps({"vault_password": shared.lab.password}))
    command = [program("ansible-playbook"), "-i", shared.lab.inventory, "-e", f"@{secret}", "--diff", str(playbook)]
    output = shared.run(command)
    assert output.count("failed=0") == 2 and "changed=4" in output, output
    assert len(list((shared.scratch / "app-by-hand").glob("*/manifest.json"))) == 1
    assert machine.on_backup_vm() == machine.disks[:1]
    machine.removed()
