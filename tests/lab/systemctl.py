# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for systemctl: keeps the state of each service in a file."""

from __future__ import annotations

import sys
from pathlib import Path

SERVICES = (
    "ovirt-engine", "ovirt-engine-dwhd", "ovirt-engine-notifier", "grafana-server", "httpd", "postgresql",
    "ovirt-websocket-proxy", "ovirt-fence-kdump-listener", "ovirt-imageio",
)
CHANGES = {
    "start": (True, None), "restart": (True, None), "stop": (False, None),
    "enable": (None, True), "disable": (None, False),
}


def write_state(directory: Path, service: str, active: bool, enabled: bool) -> None:
    """Remember one service."""
    text = "{} {}\n".format("active" if active else "inactive", "enabled" if enabled else "disabled")
    (directory / service).write_text(text, encoding="utf-8")


def read_state(directory: Path, service: str) -> tuple[bool, bool] | None:
    """Whether the service is active and enabled; None for one that does not exist."""
    path = directory / service
    if not path.is_file():
        return None
    active, enabled = path.read_text(encoding="utf-8").split()
    return active == "active", enabled == "enabled"


def main(home: Path, arguments: list[str]) -> int:
    """Understands is-active, is-enabled, show, daemon-reload and the verbs of CHANGES, with --now and --quiet."""
    directory = home / "services"
    words = [word for word in arguments if not word.startswith("-")]
    if not words:
        return _complain("Too few arguments.")
    verb, units = words[0], [word.removesuffix(".service") for word in words[1:]]
    if verb == "daemon-reload":
        return 0
    quiet = "--quiet" in arguments or "-q" in arguments
    now = "--now" in arguments
    results = [_one(directory, verb, unit, quiet, now) for unit in units]
    return _overall(verb, results)


def _overall(verb: str, results: list[int]) -> int:
    if verb in ("is-active", "is-enabled"):
        # True of any of the units, as systemctl has it.
        return 0 if 0 in results else max(results, default=1)
    return max(results, default=1)


def _one(directory: Path, verb: str, unit: str, quiet: bool, now: bool) -> int:
    state = read_state(directory, unit)
    if verb in ("is-active", "is-enabled"):
        return _tell(verb, state, quiet)
    if verb == "show":
        return _show(state)
    if verb not in CHANGES:
        return _complain("Unknown command verb {}.".format(verb))
    if state is None:
        print("Unit {}.service not found.".format(unit), file=sys.stderr)
        return 5
    active, enabled = CHANGES[verb]
    if now and enabled is not None:
        active = enabled
    write_state(directory, unit, _new(active, state[0]), _new(enabled, state[1]))
    return 0


def _new(wanted: bool | None, before: bool) -> bool:
    return before if wanted is None else wanted


def _show(state: tuple[bool, bool] | None) -> int:
    word = "active" if state and state[0] else "inactive"
    print("ActiveState={}\nLoadState={}".format(word, "loaded" if state else "not-found"))
    return 0


def _tell(verb: str, state: tuple[bool, bool] | None, quiet: bool) -> int:
    yes, words = False, ("inactive", "disabled")
    if state is not None:
        yes = state[0 if verb == "is-active" else 1]
    word = {"is-active": ("active", words[0]), "is-enabled": ("enabled", words[1])}[verb][0 if yes else 1]
    if not quiet:
        print(word)
    if yes:
        return 0
    return 3 if verb == "is-active" else 1


def _complain(text: str) -> int:
    print(text, file=sys.stderr)
    return 1
