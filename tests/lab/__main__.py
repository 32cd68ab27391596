# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command line of the lab: python3 -m lab COMMAND DIR."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from . import lifecycle, machines, server_states
from .history import move_on
from .layout import Lab, LabError, load

DATABASE = "PostgreSQL on {0.address}:{0.port}, superuser: psql -h {0.socket} -p {0.port} -U postgres"
COMMANDS = {
    "start": "make and start a lab",
    "stop": "stop it",
    "status": "say whether it runs",
    "checkpoint": "keep a copy of the machine under a name",
    "rewind": "make the machine what it was at a checkpoint",
    "reinstall": "make it a machine with packages only",
    "database": "start a second PostgreSQL server, group database in the inventory",
    "starting": "restart PostgreSQL into a recovery that takes N seconds",
    "full": "let PostgreSQL refuse all but the superuser for N seconds",
    "move-on": "add, change and delete rows, as an engine in use does",
}
SERVER_STATES: dict[str, Callable[[Lab], AbstractContextManager[object]]] = {
    "starting": server_states.starting_up,
    "full": server_states.full,
}
USAGE = """lab below {home} (engine {version}, {components}, scale {scale}), made in {seconds:.1f} s

  engine installation   {prefix}
  PostgreSQL            127.0.0.1:{port}, databases {databases}
                        superuser: psql -h {socket} -p {port} -U postgres
  inventory             {inventory}
  faults                {faults} (one file per fault; python3 -m lab faults lists them)

  make a backup by hand: PATH={prefix}/bin:$PATH engine-backup --mode=backup --file=/tmp/x.backup --log=/tmp/x.log
  stop it:               python3 -m lab stop {home} --remove
"""


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python3 -m lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("faults", help="list the faults that can be switched on")
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text)
        command.add_argument("directory", type=Path)
        if name in ("checkpoint", "rewind"):
            command.add_argument("name")
        if name in SERVER_STATES:
            command.add_argument("seconds", type=float)
        if name in ("start", "database"):
            command.add_argument("--port", type=int, default=0, help="of PostgreSQL; any free one if left out")
        if name == "start":
            command.add_argument("--scale", type=int, default=1, help="1: a few MB; 100: about 700 MB of databases")
            command.add_argument("--components", default="all", help="engine, engine+dwh, all, all+block ...")
            command.add_argument("--engine-version", default="4.5.7", choices=lifecycle.VERSIONS)
            command.add_argument("--services", action="store_true", help="start the programs of the services too")
            command.add_argument("--odd", action="store_true", help="add objects that engine-cleanup cannot drop")
        if name == "stop":
            command.add_argument("--remove", action="store_true", help="delete all files of the lab too")
    return parser.parse_args(arguments)


def describe(lab: Lab, seconds: float) -> str:
    """What was made and how to use it."""
    return USAGE.format(
        home=lab.home,
        version=lab.version,
        components="+".join(lab.components),
        scale=lab.scale,
        seconds=seconds,
        prefix=lab.prefix,
        port=lab.port,
        databases=", ".join(d.name for d in lab.databases.values()),
        socket=lab.socket,
        inventory=lab.inventory,
        faults=lab.faults,
    )


def run(options: argparse.Namespace) -> None:
    """Do what the command says."""
    if options.command == "faults":
        from .faults import table

        print(table())
    elif options.command == "start":
        began = time.monotonic()
        lab = lifecycle.start(
            options.directory,
            options.scale,
            options.components,
            options.engine_version,
            options.port,
            options.services,
            options.odd,
        )
        print(describe(lab, time.monotonic() - began))
    elif options.command == "stop":
        lifecycle.stop(options.directory, options.remove)
    elif options.command == "status":
        print(lifecycle.status(options.directory))
    else:
        change(options, load(options.directory.absolute()))


def change(options: argparse.Namespace, lab: Lab) -> None:
    """What is done to a lab that runs."""
    if options.command == "checkpoint":
        machines.checkpoint(lab, options.name)
    elif options.command == "rewind":
        machines.rewind(lab, options.name)
    elif options.command == "reinstall":
        machines.reinstall(lab)
    elif options.command in SERVER_STATES:
        with SERVER_STATES[options.command](lab):
            time.sleep(options.seconds)
    elif options.command == "database":
        server = machines.start_database_server(lab, options.port)
        print(DATABASE.format(server))
    else:
        print("rows came and went in {}".format(", ".join(move_on(lab))))


def main() -> int:
    """Entry point."""
    try:
        run(parse(sys.argv[1:]))
    except LabError as error:
        print("lab: {}".format(error), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
