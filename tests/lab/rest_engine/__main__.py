# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of the stand-in engine."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from . import lifecycle, remote
from .faults import table as faults_table
from .layout import RestLab, RestLabError
from .worlds import DEFAULT, many_vms

USAGE = """stand-in engine below {0.home}

  url         {0.url}
  CA          {0.ca_file}
  user        {0.username}, password {0.password}
  inventory   {0.inventory}
  faults      {0.faults} (one file per fault; python3 -m lab.rest_engine faults lists them)
  requests    {0.requests}
  disks       {0.disks}
  stop it:    python3 -m lab.rest_engine stop {0.home} --remove
"""


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python3 -m lab.rest_engine")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("faults", help="list the faults that can be switched on")
    commands.add_parser("requests", help="list the kinds of requests")
    for name in ("start", "stop", "status", "write", "serve"):
        command = commands.add_parser(name)
        command.add_argument("directory", type=lambda text: Path(text).absolute())
        if name == "start":
            command.add_argument("--vms", type=int, default=0, help="that many small virtual machines more")
            command.add_argument("--realistic", action="store_true", help="delays as of a real engine")
        if name == "status":
            command.add_argument("--json", action="store_true", help="everything that the engine knows")
        if name == "stop":
            command.add_argument("--remove", action="store_true", help="delete all its files too")
        if name == "write":
            for word in ("vm", "disk", "offset", "text"):
                command.add_argument(word)
    return parser.parse_args(arguments)


def start(options: argparse.Namespace) -> RestLab:
    """A new one, or one that was stopped."""
    world = many_vms(options.vms) if options.vms else DEFAULT
    return lifecycle.start(options.directory, world, **(lifecycle.REALISTIC if options.realistic else {}))


def run(options: argparse.Namespace) -> None:
    """Do what the command says."""
    if options.command == "faults":
        print(faults_table())
    elif options.command == "requests":
        from .resources import table

        print(table())
    elif options.command == "start":
        print(USAGE.format(start(options)))
    elif options.command == "stop":
        lifecycle.stop(options.directory, options.remove)
    elif options.command == "status":
        if options.json:
            print(json.dumps(remote.call(options.directory, "status")["world"], indent=1))
        else:
            print(lifecycle.status(options.directory))
    elif options.command == "write":
        remote.write(options.directory, options.vm, options.disk, int(options.offset), options.text.encode())
    else:
        serve(options.directory)


def serve(home: Path) -> None:
    """The process itself, which start() starts."""
    from .server import run as serve_forever

    (home / "pid").write_text(str(os.getpid()), encoding="ascii")
    serve_forever(home)


def main() -> int:
    """Entry point."""
    try:
        run(parse(sys.argv[1:]))
    except RestLabError as error:
        print("rest_engine: {}".format(error), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
