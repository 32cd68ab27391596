# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the network interfaces of a restored virtual machine are to be: MAC address, network, profile, plugged or not.

The engine imports an interface of an unknown network without one, and says so in an event only; here that is refused.
This file is private to the collection.
"""

import uuid
from typing import List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..._common.errors import Problem
from ..model import Nic, VnicProfile
from ..ovf import NicEdit, OvfNic
from .model import FAIL_IF_USED, NEW, UNPLUGGED, NicPlan, VmRestoreRequest


class NetworkTarget(NamedTuple):
    """The network and vNIC profile that an interface is connected to."""

    network: str
    profile: str
    profile_id: str


NOWHERE = NetworkTarget("", "", "")


def plan_nic(
    nic: OvfNic, request: VmRestoreRequest, profiles: Sequence[VnicProfile], used: Mapping[str, str]
) -> Tuple[NicPlan, List[Problem]]:
    """Return what becomes of a saved network interface; ``used`` has the MAC addresses that others have."""
    target, problems = choose_profile(nic, request.network_map, profiles)
    mac, note, clash = choose_mac(nic, request.macs, used)
    is_plugged = nic.is_plugged and request.nics != UNPLUGGED
    plan = NicPlan(
        nic.id, nic.id, nic.name, nic.mac, mac, target.network, target.profile, target.profile_id, is_plugged, note
    )
    return plan, problems + clash


def choose_mac(nic: OvfNic, macs: str, used: Mapping[str, str]) -> Tuple[str, str, List[Problem]]:
    """Return the MAC address (empty: a new one), a note, and what forbids it."""
    if macs == NEW or not nic.mac:
        return "", "gets a new MAC address", []
    holder = used.get(nic.mac)
    if holder is None:
        return nic.mac, "", []
    if macs == FAIL_IF_USED:
        text = "the MAC address %s of %s belongs to %s: give new ones (macs=new), or keep the free ones (macs=keep)"
        return nic.mac, "", [Problem("mac_in_use", text % (nic.mac, nic.name, holder))]
    return "", "gets a new MAC address: %s belongs to %s" % (nic.mac, holder), []


def choose_profile(
    nic: OvfNic, mapped: Mapping[str, str], profiles: Sequence[VnicProfile]
) -> Tuple[NetworkTarget, List[Problem]]:
    """Return the vNIC profile of a saved network interface, or why there is none."""
    asked = mapped.get("%s/%s" % (nic.network, nic.profile), mapped.get(nic.network))
    if asked == "" or (asked is None and not nic.network):
        return NOWHERE, []
    found = _find_profile(asked, profiles) if asked else _find_saved(nic, profiles)
    if found is None:
        saved = "%s/%s" % (nic.network, nic.profile) if nic.profile else nic.network
        text = "there is no vNIC profile %s for %s here: name one in network_map, or leave it without ('%s': '')"
        return NOWHERE, [Problem("network_unknown", text % (asked or saved, nic.name, nic.network))]
    return NetworkTarget(found.network_name, found.name, found.id), []


def _find_profile(asked: str, profiles: Sequence[VnicProfile]) -> Optional[VnicProfile]:
    """Return the profile of this id, this NETWORK/PROFILE, or the one that speaks for the network of this name."""
    for profile in profiles:
        if asked in (profile.id, "%s/%s" % (profile.network_name, profile.name)):
            return profile
    return _find_of_network(asked, profiles)


def _find_saved(nic: OvfNic, profiles: Sequence[VnicProfile]) -> Optional[VnicProfile]:
    if not nic.profile:
        return _find_of_network(nic.network, profiles)
    return next((one for one in profiles if (one.network_name, one.name) == (nic.network, nic.profile)), None)


def _find_of_network(network: str, profiles: Sequence[VnicProfile]) -> Optional[VnicProfile]:
    own = [profile for profile in profiles if profile.network_name == network]
    same = [profile for profile in own if profile.name == network]
    return same[0] if same else own[0] if len(own) == 1 else None


def renumber(plans: Sequence[NicPlan], saved_vm_id: str, vm_id: str) -> Tuple[NicPlan, ...]:
    """Give the interfaces of a virtual machine with another id other ids, too: an engine knows each only once."""
    if vm_id == saved_vm_id:
        return tuple(plans)
    return tuple(plan._replace(new_id=str(uuid.uuid5(uuid.UUID(vm_id), plan.id))) for plan in plans)


def edit_of(plan: NicPlan) -> NicEdit:
    """Return what is written into the configuration."""
    return NicEdit(plan.new_id, plan.mac, plan.network, plan.profile, plan.is_plugged)


def list_corrections(plans: Sequence[NicPlan], found: Sequence[Nic]) -> List[Nic]:
    """Return the interfaces that the engine did not make as the configuration says, as they are to be."""
    corrected = []
    for plan in plans:
        for nic in found:
            if nic.name == plan.name and (nic.profile_id, nic.is_plugged) != (plan.profile_id, plan.is_plugged):
                corrected.append(nic._replace(profile_id=plan.profile_id, is_plugged=plan.is_plugged))
    return corrected


def compare_nics(plans: Sequence[NicPlan], found: Sequence[Nic]) -> List[Problem]:
    """Return how the interfaces of a virtual machine differ from what they were to be."""
    by_name = {nic.name: nic for nic in found}
    differences = []
    for plan in plans:
        differences += _compare_nic(plan, by_name.get(plan.name))
    strange = sorted(set(by_name) - {plan.name for plan in plans})
    differences += ["network interface %s is not in the configuration" % name for name in strange]
    return [Problem("restore_differs", text) for text in differences]


def _compare_nic(plan: NicPlan, found: Optional[Nic]) -> List[str]:
    if found is None:
        return ["network interface %s is missing" % plan.name]
    texts = _compare_mac(plan, found.mac or "none")
    if found.profile_id != plan.profile_id:
        texts.append("has the vNIC profile %s instead of %s" % (found.profile_id or "none", plan.profile_id or "none"))
    if found.is_plugged != plan.is_plugged:
        texts.append("is %s" % ("plugged" if found.is_plugged else "unplugged"))
    return ["network interface %s %s" % (plan.name, text) for text in texts]


def _compare_mac(plan: NicPlan, mac: str) -> List[str]:
    if plan.mac and mac != plan.mac:
        return ["has the MAC address %s instead of %s" % (mac, plan.mac)]
    if not plan.mac and mac in ("none", plan.saved_mac):
        return ["has no new MAC address but %s" % mac]
    return []
