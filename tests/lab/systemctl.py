# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for systemctl: the state of services lives in files, some have real background programs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

from . import processes

SERVICES = (
    "ovirt-engine",
    "ovirt-engine-dwhd",
    "ovirt-engine-notifier",
    "grafana-server",
    "httpd",
    "postgresql",
    "ovirt-websocket-proxy",
    "ovirt-fence-kdump-listener",
    "ovirt-imageio",
)
# Installed by other packages: they run before engine-setup did anything.
FOREIGN_SERVICES = ("httpd", "postgresql")
CHANGES = {
    "start": (True, None),
    "restart": (True, None),
    "stop": (False, None),
    "enable": (None, True),
    "disable": (None, False),
    "try-restart": (None, None),
    "reset-failed": (None, None),
}
QUESTIONS = ("is-active", "is-enabled", "is-failed")
NOT_FOUND_SHOWN = {
    "enable": "Failed to {} unit: Unit file {}.service does not exist.",
    "disable": "Failed to {} unit: Unit file {}.service does not exist.",
}
NOT_LOADED = "Failed to {} {}.service: Unit {}.service not found."
STOP_FAILED = "Job for {}.service failed because a timeout was exceeded."
START_FAILED = (
    "Job for {0}.service failed because the control process exited with error code.\n"
    'See "systemctl status {0}.service" and "journalctl -xeu {0}.service" for details.'
)


class State(NamedTuple):
    """What is known of one unit."""

    is_active: bool
    is_enabled: bool


def write_state(directory: Path, service: str, active: bool, enabled: bool) -> None:
    """Remember one service."""
    text = "{} {}\n".format("active" if active else "inactive", "enabled" if enabled else "disabled")
    (directory / service).write_text(text, encoding="utf-8")


def read_state(directory: Path, service: str) -> State | None:
    """Whether the service is active and enabled; None for one that does not exist."""
    path = directory / service
    if not path.is_file():
        return None
    active, enabled = path.read_text(encoding="utf-8").split()
    return State(active == "active", enabled == "enabled")


def active_word(home: Path, service: str) -> str:
    """active, inactive, or failed where the program of an active service has died."""
    state = read_state(home / "services", service)
    if state is None or not state.is_active:
        return "inactive"
    died = processes.pid_of(home, service) is not None and not processes.is_alive(home, service)
    return "failed" if died else "active"


def main(home: Path, arguments: list[str]) -> int:
    """Understands is-active, is-enabled, is-failed, show, daemon-reload and CHANGES, with --now and --quiet."""
    words = _words(arguments)
    if not words:
        return _complain("Too few arguments.")
    verb, units = words[0], [word.removesuffix(".service") for word in words[1:]]
    if verb == "daemon-reload":
        return 0
    if verb == "show":
        return _show(home, units, _properties(arguments), "--value" in arguments)
    if verb in QUESTIONS:
        return _answer(home, verb, units, "--quiet" in arguments or "-q" in arguments)
    if verb not in CHANGES:
        return _complain("Unknown command verb {}.".format(verb))
    return max([change(home, verb, unit, "--now" in arguments) for unit in units], default=1)


def _words(arguments: list[str]) -> list[str]:
    # The value of -p stands apart: "-p ActiveState".
    pairs = zip(["", *arguments], arguments, strict=False)
    return [word for before, word in pairs if not word.startswith("-") and before != "-p"]


def _answer(home: Path, verb: str, units: list[str], quiet: bool) -> int:
    """True of any of the units, as systemctl has it."""
    results = [_tell(home, verb, unit, quiet) for unit in units]
    return 0 if 0 in results else max(results, default=1)


def change(home: Path, verb: str, unit: str, now: bool = False) -> int:
    """Start, stop, enable or disable one unit; the exit status."""
    directory = home / "services"
    state = read_state(directory, unit)
    if state is None:
        _complain(NOT_FOUND_SHOWN.get(verb, NOT_LOADED).format(verb, unit, unit))
        return 1 if verb in NOT_FOUND_SHOWN else 5
    active, enabled = CHANGES[verb]
    if now and enabled is not None:
        active = enabled
    if enabled is not None:
        write_state(directory, unit, state.is_active, enabled)
        state = State(state.is_active, enabled)
    if active is None:
        return 0
    return _start(home, unit, state, verb == "restart") if active else _stop(home, unit, state)


def _fails(home: Path, fault: str, unit: str) -> bool:
    try:
        return unit in (home / "faults" / fault).read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return False


def _start(home: Path, unit: str, state: State, again: bool) -> int:
    if active_word(home, unit) == "active" and not again:
        return 0
    if _fails(home, "service-does-not-start", unit):
        return _complain(START_FAILED.format(unit))
    if processes.is_installed(home, unit):
        processes.stop(home, unit)
        if not processes.start(home, unit):
            processes.stop(home, unit)
            write_state(home / "services", unit, False, state.is_enabled)
            return _complain(START_FAILED.format(unit))
    write_state(home / "services", unit, True, state.is_enabled)
    return 0


def _stop(home: Path, unit: str, state: State) -> int:
    if _fails(home, "service-does-not-stop", unit):
        return _complain(STOP_FAILED.format(unit))
    if processes.is_installed(home, unit):
        processes.stop(home, unit)
    write_state(home / "services", unit, False, state.is_enabled)
    return 0


def _properties(arguments: list[str]) -> list[str]:
    wanted = [word.partition("=")[2] for word in arguments if word.startswith("--property=")]
    wanted += [word.partition("=")[2] for word in arguments if word.startswith("-p=")]
    wanted += [word for before, word in zip(arguments, arguments[1:], strict=False) if before == "-p"]
    return [name for word in wanted for name in word.split(",")]


def _show(home: Path, units: list[str], wanted: list[str], bare: bool) -> int:
    blocks = []
    for unit in units:
        known = _describe(home, unit)
        shown = [name for name in known if not wanted or name in wanted]
        blocks.append("\n".join(known[name] if bare else "{}={}".format(name, known[name]) for name in shown))
    print("\n\n".join(blocks))
    return 0


def _describe(home: Path, unit: str) -> dict[str, str]:
    state, active = read_state(home / "services", unit), active_word(home, unit)
    return {
        "Id": unit + ".service",
        "LoadState": "loaded" if state else "not-found",
        "ActiveState": active,
        "SubState": {"active": "running", "inactive": "dead"}.get(active, active),
        "MainPID": str(processes.pid_of(home, unit) or 0) if active == "active" else "0",
        "UnitFileState": ("enabled" if state.is_enabled else "disabled") if state else "",
    }


def _tell(home: Path, verb: str, unit: str, quiet: bool) -> int:
    if verb == "is-enabled":
        return _tell_enabled(read_state(home / "services", unit), unit, quiet)
    word = active_word(home, unit)
    if not quiet:
        print(word)
    good = word == ("failed" if verb == "is-failed" else "active")
    return 0 if good else 1 if verb == "is-failed" else 3


def _tell_enabled(state: State | None, unit: str, quiet: bool) -> int:
    if state is None:
        return _complain("Failed to get unit file state for {}.service: No such file or directory".format(unit))
    if not quiet:
        print("enabled" if state.is_enabled else "disabled")
    return 0 if state.is_enabled else 1


def _complain(text: str) -> int:
    print(text, file=sys.stderr)
    return 1
