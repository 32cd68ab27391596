# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pg_hba.conf of a PostgreSQL server: read as the server reads it, written whole or not at all.

This file is private to the collection.
"""

import ipaddress
import os
import stat
from typing import Any, Optional

from .._common.files import UNFINISHED, remove_file, sync_directory
from .connection import fetch
from .pg_hba_rules import EVERYWHERE, AddressRange, Client, Rule
from .server_model import Access

FIRST_WITH_INCLUDES = 160000  # server version from which rules may come from several files
RULES = (
    "SELECT {file}, line_number, type, database, user_name, address, netmask, auth_method, error"
    " FROM pg_hba_file_rules ORDER BY {order}"
)


def read_client(text: str) -> Client:
    """Return a client, given as an address or a network, with its addresses and as CIDR."""
    network = _read_network(text)
    return Client(text if network is None else str(network), _find_range(network))


def _read_network(address: str, netmask: str = "") -> Any:
    try:
        # ipaddress knows no netmask of IPv6, so its bits are counted.
        bits = "/%d" % bin(int(ipaddress.ip_address(netmask))).count("1") if netmask else ""
        return ipaddress.ip_network(address + bits, strict=False)
    except ValueError:
        return None


def _find_range(network: Any) -> Optional[AddressRange]:
    if network is None:
        return None
    return AddressRange(network.version, int(network.network_address), int(network.broadcast_address))


def read_access(connection: Any) -> Access:
    """Return the rules as the server reads its file now, and the file itself where it is on this host."""
    path = str(fetch(connection, "SHOW hba_file")[0][0])
    version = int(fetch(connection, "SHOW server_version_num")[0][0])
    columns = ("file_name", "rule_number") if version >= FIRST_WITH_INCLUDES else ("%s::text", "line_number")
    values = None if version >= FIRST_WITH_INCLUDES else (path,)
    rules, errors = [], []
    for row in fetch(connection, RULES.format(file=columns[0], order=columns[1]), values):
        file, line, kind, databases, users, address, netmask, method, error = row
        if kind is None:  # a rule with an error is one that is loaded and never matches, such as hostssl without SSL
            errors.append("line %s of %s: %s" % (line, file, error))
            continue
        addresses = EVERYWHERE if address == "all" else _find_range(_read_network(address or "", netmask or ""))
        rules.append(Rule(file, int(line), kind, tuple(databases), tuple(users), addresses, method))
    is_writable = os.access(os.path.dirname(os.path.realpath(path)), os.W_OK | os.X_OK)
    is_loaded = bool(fetch(connection, "SELECT (pg_stat_file(%s)).modification <= pg_conf_load_time()", (path,))[0][0])
    return Access(path, read_if_local(connection, path), is_writable, tuple(rules), tuple(errors), is_loaded)


def read_if_local(connection: Any, path: str) -> Optional[str]:
    """Return the text of the server's file; None where this host has no such file, or one with other content."""
    try:
        with open(path, "rb") as stream:
            content = stream.read()
    except OSError:
        return None
    served = bytes(fetch(connection, "SELECT pg_read_binary_file(%s)", (path,))[0][0])
    return content.decode("utf-8", "surrogateescape") if content == served else None


def write_access(path: str, text: str) -> None:
    """Replace the file by a new one with the same owner and mode."""
    path = os.path.realpath(path)
    status = os.stat(path)
    name = path + UNFINISHED
    remove_file(name)  # of a run that was killed here
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(text.encode("utf-8", "surrogateescape"))
        if os.geteuid() == 0:
            os.fchown(stream.fileno(), status.st_uid, status.st_gid)
        os.fchmod(stream.fileno(), stat.S_IMODE(status.st_mode))
        stream.flush()
        os.fsync(stream.fileno())
    os.rename(name, path)
    sync_directory(os.path.dirname(path))
