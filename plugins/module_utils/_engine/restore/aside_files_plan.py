# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files of an engine are set aside, and what puts them back from any state.

Sources: the paths that engine-backup saves, the files that engine-cleanup removes and engine-setup writes beside them
(facts of 4.3 to 4.5). This file is private to the collection.
"""

from typing import Dict, List, Mapping, NamedTuple, Tuple

SCHEMA = 1
FILE, DIRECTORY, LINK = "file", "directory", "link"

# Directories whose whole content belongs to the engine: what is new in them goes when they are put back.
TREES = (
    "etc/grafana",
    "etc/ovirt-engine",
    "etc/ovirt-engine-dwh",
    "etc/ovirt-engine-setup.conf.d",
    "etc/ovirt-provider-ovn",
    "etc/ovirt-vmconsole",
    "etc/pki/ovirt-engine",
    "etc/pki/ovirt-vmconsole",
    "var/lib/grafana",
    "var/lib/openvswitch",
    "var/lib/ovirt-engine",
)
# Files beside those of others.
SINGLES = (
    "etc/dnf/plugins/versionlock.list",
    "etc/exports.d/ovirt-engine-iso-domain.exports",
    "etc/firewalld/services/ovirt-http.xml",
    "etc/firewalld/services/ovirt-https.xml",
    "etc/firewalld/services/ovirt-postgres.xml",
    "etc/firewalld/services/ovirt-provider-ovn.xml",
    "etc/firewalld/services/ovn-central-firewall-service.xml",
    "etc/httpd/conf.d/internalsso-openidc.conf",
    "etc/httpd/conf.d/ovirt-engine-grafana-proxy.conf",
    "etc/httpd/conf.d/ovirt-engine-root-redirect.conf",
    "etc/httpd/conf.d/ovirt-sso.conf",
    "etc/httpd/conf.d/ssl.conf",
    "etc/httpd/conf.d/z-ovirt-engine-keycloak-proxy.conf",
    "etc/httpd/conf.d/z-ovirt-engine-proxy.conf",
    "etc/httpd/http.keytab",
    "etc/sysctl.d/ovirt-engine.conf",
    "etc/yum/pluginconf.d/versionlock.list",
)
# What comes and goes with a running engine, and what engine-cleanup and engine-setup keep of their own runs.
LEFT_OUT = (
    "var/lib/ovirt-engine/.ansible",
    "var/lib/ovirt-engine/ansible-runner",
    "var/lib/ovirt-engine/ansible-runner-service.log",
    "var/lib/ovirt-engine/backups",
    "var/lib/ovirt-engine/engine.up",
    "var/lib/ovirt-engine/jboss_runtime",
)


class Entry(NamedTuple):
    """A file, directory or link: ``content`` is the SHA-256 of a file or the target of a link."""

    kind: str
    mode: int
    owner: int
    group: int
    mtime: int  # nanoseconds; 0 for a link
    size: int
    content: str


Listing = Dict[str, Entry]  # by path below the prefix


class Actions(NamedTuple):
    """What puts a listing back: removed the deepest first, made the uppermost first."""

    removed: List[str]
    made: List[str]
    touched: List[str]  # directories whose mode, owner or time is set again, the deepest first


def is_left_out(path: str) -> bool:
    """Does this path not belong to what is set aside?"""
    return any(path == one or path.startswith(one + "/") for one in LEFT_OUT)


def plan_back(index: Mapping[str, Entry], live: Mapping[str, Entry]) -> Actions:
    """Return what makes the live files those of the index again."""
    removed = [path for path, entry in live.items() if path not in index or index[path].kind != entry.kind]
    made = []
    for path, entry in index.items():
        found = live.get(path)
        if entry.kind == DIRECTORY:
            if found is None or found.kind != DIRECTORY:
                made.append(path)
        elif found != entry:
            made.append(path)
    changed = set(removed) | set(made)
    touched = [
        path
        for path, entry in index.items()
        if entry.kind == DIRECTORY and (path in changed or live.get(path) != entry or has_child_in(path, changed))
    ]
    return Actions(sorted(removed, reverse=True), sorted(made), sorted(touched, reverse=True))


def has_child_in(directory: str, paths: "set[str]") -> bool:
    """Was something directly below a directory changed, and with it the directory's time?"""
    return any(path.rpartition("/")[0] == directory for path in paths)


def differences(index: Mapping[str, Entry], live: Mapping[str, Entry]) -> List[str]:
    """Return the paths that are not as in the index."""
    return sorted(path for path in set(index) | set(live) if index.get(path) != live.get(path))


def to_json(index: Mapping[str, Entry]) -> Dict[str, List[object]]:
    """Return an index as plain data; bytes of names that are no UTF-8 stand in it as surrogates."""
    return {path: list(entry) for path, entry in sorted(index.items())}


def from_json(content: Mapping[str, object]) -> Listing:
    """Return the index that to_json made; raise ValueError where it is none."""
    entries = content.get("entries")
    if content.get("schema") != SCHEMA or not isinstance(entries, dict):
        raise ValueError("it is of another schema")
    return {str(path): Entry(*values) for path, values in entries.items()}


def sizes(index: Mapping[str, Entry]) -> Tuple[int, int]:
    """Return how many files an index has, and their bytes."""
    files = [entry for entry in index.values() if entry.kind == FILE]
    return len(files), sum(entry.size for entry in files)
