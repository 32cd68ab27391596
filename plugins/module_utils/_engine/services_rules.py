# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services of an engine host: their names, and what systemctl says of them.

Source: oVirt packaging and systemctl(1). This file is private to the collection.
"""

from typing import Dict, List, NamedTuple, Optional, Sequence

from .._common.errors import Problem

ENGINE_SERVICE = "ovirt-engine"
SERVICES = (
    ENGINE_SERVICE,
    "ovirt-engine-dwhd",
    "ovirt-engine-notifier",
    "grafana-server",
    "httpd",
    "postgresql",
    "ovirt-websocket-proxy",
    "ovirt-fence-kdump-listener",
    "ovirt-imageio",
    "ovirt-provider-ovn",
    "ovirt-vmconsole-proxy-sshd",
)

ACTIVE, INACTIVE, MISSING, UNKNOWN = "active", "inactive", "missing", "unknown"
ENDED = ("inactive", "failed")  # the words of systemctl for a unit without a process
SUFFIX = ".service"
WANTED = {"started": ACTIVE, "stopped": INACTIVE}
VERBS = {"started": "start", "stopped": "stop"}


class Unit(NamedTuple):
    """LoadState and ActiveState of a systemd unit, empty where unknown."""

    load: str
    active: str


UNKNOWN_UNIT = Unit("", "")


def plain_name(name: str) -> str:
    """Return a service without the ending that systemctl does not need."""
    return name[: -len(SUFFIX)] if name.endswith(SUFFIX) else name


def parse_units(text: str, names: Sequence[str]) -> Dict[str, Unit]:
    """Return what 'systemctl show' says of each unit: it answers in the order in which it was asked."""
    values: Dict[str, List[str]] = {"LoadState": [], "ActiveState": []}
    for line in text.splitlines():
        key, separator, value = line.partition("=")
        if separator and key in values:
            values[key].append(value.strip())
    found = list(map(Unit, values["LoadState"], values["ActiveState"]))
    if len(found) != len(names):
        return dict.fromkeys(names, UNKNOWN_UNIT)
    return dict(zip(names, found))


def describe_unit(unit: Unit) -> str:
    """Return active, inactive, missing or unknown; one that is about to start or stop has a process: it is active."""
    if unit.load == "not-found":
        return MISSING
    if not unit.active:
        return UNKNOWN
    return INACTIVE if unit.active in ENDED else ACTIVE


def has_arrived(unit: Unit, state: str) -> bool:
    """Is a unit wholly 'started' or 'stopped', not just on its way there?"""
    return unit.active == ACTIVE if state == "started" else unit.active in ENDED


def check_units(units: Dict[str, Unit], state: str, engine: int) -> List[Problem]:
    """Return why the services can not be brought into the state; one that is not installed is no reason.

    ``engine`` is the process of an engine that shall be stopped, 0 where there is none.
    """
    problems = []
    if engine and describe_unit(units[ENGINE_SERVICE]) in (INACTIVE, MISSING):
        text = "The engine runs as process %d, but not as the service %s: end that process first"
        problems.append(Problem("engine_outside_service", text % (engine, ENGINE_SERVICE)))
    for name, unit in units.items():
        if describe_unit(unit) == UNKNOWN:
            text = "systemctl did not tell the state of %s: is systemd running on this host?" % name
            problems.append(Problem("service_control_missing", text))
        elif state == "started" and unit.load == "masked":
            text = "%s is masked, so it can not be started: run 'systemctl unmask %s' first" % (name, name)
            problems.append(Problem("service_masked", text))
    return problems


def list_changes(units: Dict[str, Unit], state: str) -> List[str]:
    """Return the installed services that are not in the state yet, in the given order."""
    return [
        name
        for name, unit in units.items()
        if describe_unit(unit) not in (MISSING, UNKNOWN) and not has_arrived(unit, state)
    ]


def describe_changes(
    before: Dict[str, Unit], after: Optional[Dict[str, Unit]], state: str
) -> Dict[str, Dict[str, str]]:
    """Return each service before and after; what is not known after a change, is planned to be in the state."""
    shown = {}
    for name, unit in before.items():
        now = describe_unit(unit)
        planned = now if now == MISSING else WANTED[state]
        shown[name] = {"before": now, "after": planned if after is None else describe_unit(after[name])}
    return shown
