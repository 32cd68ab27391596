# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where everything of a stand-in engine is, and how it is reached."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple


class RestLabError(Exception):
    """The stand-in engine cannot do what was asked."""


class RestLab(NamedTuple):
    """A stand-in engine that was started."""

    home: str
    url: str
    ca_file: str
    other_ca_file: str  # of somebody else: for what must not trust it
    username: str
    password: str
    operator: str  # a user who may do only what was granted: see grant()
    operator_password: str
    inventory: str
    faults: str
    requests: str
    disks: str
    hosts: str
    pid: int


def lab_path(home: Path) -> Path:
    """Where the description of the lab is kept."""
    return home / "rest_lab.json"


def save(lab: RestLab) -> None:
    """Keep the description; it holds throw-away passwords."""
    path = lab_path(Path(lab.home))
    new = path.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text(json.dumps(lab._asdict(), indent=2) + "\n", encoding="utf-8")
    new.replace(path)


def load(home: Path | str) -> RestLab:
    """The lab below a directory."""
    try:
        return RestLab(**json.loads(lab_path(Path(home).absolute()).read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise RestLabError("no stand-in engine below {}".format(home)) from error
