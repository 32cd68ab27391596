# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The answers that engine-setup and engine-cleanup get, and what an answer may be.

Sources: the setup plugins of oVirt 4.4 to 4.5, the configuration reader of otopi. This file is private to the
collection.
"""

import re
from typing import Dict, List, NamedTuple, Optional, Sequence

from ..._common.errors import Problem
from ..._common.redact import MASK

Answers = Dict[str, str]
"""Key -> 'type:value', as in an answer file."""


class SetupFacts(NamedTuple):
    """What the answers for engine-setup depend on."""

    state: Dict[str, str]  # what the configuration of engine-setup holds already
    is_set_up: bool  # engine-setup ran to its end on this engine, here or where the backup was made
    is_unprivileged: bool  # a development installation
    memory: int  # MiB
    active_firewall: str  # empty for none
    configured_dwh: str  # UUID in the configuration of the Data Warehouse, empty for none
    recorded_dwh: str  # UUID that the engine database remembers, empty for none
    has_local_database: bool
    is_same_release: bool  # set up by the installed X.Y
    dumps_plainly: bool  # the archive is a copy of the database already, and a large dump has room


KEY = re.compile(r"^[A-Z][A-Za-z0-9_]*(/[A-Za-z0-9_.-]+)+\Z")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
ENGINE = "OVESETUP_ENGINE_CORE/enable"
COMPONENTS = (
    "OVESETUP_DWH_CORE/enable",
    "OVESETUP_GRAFANA_CORE/enable",
    "OVESETUP_CONFIG/keycloakEnable",
    "OVESETUP_CL_DB/enable",
    "OVESETUP_MB_DB/enable",
    "OVESETUP_OVN/ovirtProviderOvn",
    "OVESETUP_CONFIG/websocketProxyConfig",
    "OVESETUP_VMCONSOLE_PROXY_CONFIG/vmconsoleProxyConfig",
)
FIREWALL = "OVESETUP_CONFIG/firewallManager"
APACHE = "OVESETUP_APACHE/configured"
UNPRIVILEGED = "QUESTION/1/OVESETUP_SYSTEM_UNPRIVILEGED"
MEMORY_NEEDED = 4096  # MiB; engine-setup asks below nine tenths of it
# An answer to a question is compared with the lower-case word for "no": any other spelling counts as "yes".
CHOICES = ("yes", "no", "ok", "cancel", "automatic", "manual", "local", "remote")
SECRET_KEY = re.compile("PASSWORD|PASSWD|SECRET", re.IGNORECASE)
YES, NO = "bool:True", "bool:False"


def cleanup_answers(is_unprivileged: bool) -> Answers:
    """Return the answers of engine-cleanup: remove everything, also what was changed since it was set up."""
    found = {
        "OVESETUP_CORE/remove": YES,
        "OVESETUP_CORE/engineStop": YES,
        "OVESETUP_REMOVE/removeAll": YES,
        "OVESETUP_REMOVE/removeChanged": YES,
    }
    return dict(found, **_unprivileged_answers(is_unprivileged))


# Which format engine-cleanup dumps each database in before it empties it, and engine-setup before it changes it.
DUMPERS = {"engine": "OVESETUP_DB/dumper", "dwh": "OVESETUP_DWH_DB/dumper", "keycloak": "OVESETUP_KEYCLOAK_DB/dumper"}
PLAIN = "str:pg_plain"
AMPLE = 2  # times the size of a database: more than enough for a plain dump of it
PACKED_SHARE = 0.35  # bytes of a compressed dump per byte of its database; a plain one is at most as large


def room_for_dumps(answers: Answers, sizes: Dict[str, int]) -> int:
    """Return the bytes that the dumps of databases of these sizes may take."""
    shares = {kind: 1.0 if answers.get(key) == PLAIN else PACKED_SHARE for kind, key in DUMPERS.items()}
    return int(sum(size * shares.get(kind, 0.0) for kind, size in sizes.items()))


def setup_answers(facts: SetupFacts) -> Answers:
    """Return the answers of engine-setup that --accept-defaults lacks, or has wrong for an engine that was restored.

    Never a password of an administrator: engine-setup would set it anew, on an empty database even for a new engine.
    """
    found = {
        "OVESETUP_CORE/engineStop": YES,
        "OVESETUP_DIALOG/confirmSettings": YES,
        "OVESETUP_DB/engineVacuumFull": NO,
        "OVESETUP_DB/dwhVacuumFull": NO,
        # Without an answer a certificate that expires within a year ends the run.
        "OVESETUP_PKI/renew": NO,
        "QUESTION/1/OVESETUP_SKIP_RENEW_PKI_CONFIRM": "str:yes",
    }
    found.update(_component_answers(facts))
    found.update(_host_answers(facts))
    found.update(_database_answers(facts))
    return dict(found, **_unprivileged_answers(facts.is_unprivileged))


def _unprivileged_answers(is_unprivileged: bool) -> Answers:
    return {UNPRIVILEGED: "str:yes"} if is_unprivileged else {}


def _component_answers(facts: SetupFacts) -> Answers:
    """Return an answer for each component that the setup state does not know: what was not there is not added."""
    found = {} if ENGINE in facts.state else {ENGINE: YES}
    if facts.is_set_up:
        found.update({key: NO for key in COMPONENTS if key not in facts.state})
    return found


def _host_answers(facts: SetupFacts) -> Answers:
    configured = facts.state.get(FIREWALL, "").partition(":")[2]
    if configured and configured == facts.active_firewall:
        found = {"OVESETUP_CONFIG/updateFirewall": YES}
    else:  # with "yes" it would ask which one, a question without default
        found = {"OVESETUP_CONFIG/updateFirewall": NO}
    if facts.memory < MEMORY_NEEDED:
        found["OVESETUP_SYSTEM/memCheckEnabled"] = NO
    # A development installation leaves Apache alone unless it is told otherwise, and may not write there.
    if facts.state.get(APACHE) != YES and not facts.is_unprivileged:
        found["OVESETUP_APACHE/configureRootRedirection"] = YES
        found["OVESETUP_APACHE/configureSsl"] = YES
    return found


def _database_answers(facts: SetupFacts) -> Answers:
    found = {}
    if facts.has_local_database:
        found["OVESETUP_DB/fixDbConfiguration"] = YES
    if facts.recorded_dwh and facts.recorded_dwh != facts.configured_dwh:
        found["OVESETUP_DWH_DB/disconnectExistingDwh"] = YES
    if facts.dumps_plainly:
        found[DUMPERS["engine"]] = PLAIN
    if facts.is_same_release:  # the engine that was backed up ran with them
        found["QUESTION/1/OVESETUP_IGNORE_SNAPSHOTS_WITH_OLD_COMPAT_LEVEL"] = "str:yes"
    return found


def check_answers(answers: Answers) -> List[Problem]:
    """Return what is wrong with answers that a user gave. Their values may be secrets and are never shown."""
    found = []
    for key, typed in sorted(answers.items()):
        reason = "its key is not of the form GROUP/name" if not KEY.match(key) else _check_value(key, typed)
        if reason:
            found.append(Problem("answer_invalid", "the answer %s can not be given: %s" % (repr(key)[1:-1], reason)))
    return found


def _check_value(key: str, typed: str) -> str:
    kind, separator, value = typed.partition(":")
    if CONTROL.search(typed):
        return "it holds a line end or another control character"
    if not separator or kind not in _TYPES:
        return "it must be 'type:value' with one of the types %s" % ", ".join(sorted(_TYPES))
    if value != value.strip():
        return "blanks at the start or the end of a value are lost in an answer file"
    if not re.match(_TYPES[kind].pattern, value):
        return _TYPES[kind].reason
    if key.startswith("QUESTION/") and value.lower() in CHOICES and value != value.lower():
        return "'%s' must be in lower case: any other spelling counts as yes" % value.lower()
    return ""


class _Type(NamedTuple):
    """A type of otopi's answers: the values that it allows, and why others are refused."""

    pattern: str
    reason: str


_TYPES = {
    "none": _Type(r"^None$", "the only value of this type is none:None"),
    "bool": _Type(r"^(True|False)$", "it must be bool:True or bool:False; bool:no and bool:0 count as true"),
    "int": _Type(r"^-?[0-9]+$", "it is not a whole number"),
    "str": _Type(r"", ""),
    "multi-str": _Type(r"", ""),
}


def render_answers(answers: Answers) -> str:
    """Return the text of an answer file."""
    lines = ["%s=%s\n" % pair for pair in sorted(answers.items())]
    return "[environment:default]\n" + "".join(lines)


def mask_answers(answers: Answers, secret_keys: Sequence[str] = ()) -> Answers:
    """Return the answers as they may be shown."""
    return {key: MASK if key in secret_keys or SECRET_KEY.search(key) else typed for key, typed in answers.items()}


def secret_values(answers: Answers, secret_keys: Sequence[str] = ()) -> List[str]:
    """Return the values that must never be shown."""
    shown = mask_answers(answers, secret_keys)
    return [typed.partition(":")[2] for key, typed in answers.items() if shown[key] == MASK]


def differing_answers(answers: Answers, recorded: Dict[str, str]) -> List[str]:
    """Return the keys that the setup state records with another value than is wanted now."""
    return sorted(key for key, typed in answers.items() if recorded.get(key, typed) != typed)


def release_of(typed: Optional[str]) -> str:
    """Return the version in 'str:4.5.7-1.el9' without the release of its package."""
    return (typed or "").partition(":")[2].partition("-")[0]
