# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages of a run, in their order."""

from __future__ import annotations

from typing import NamedTuple


class Stage(NamedTuple):
    """One stage: its word in faults and tables, its id in the log, its title, whether an error skips it."""

    name: str
    identifier: str
    title: str
    only_if_good: bool = True


STAGES = (
    Stage("init", "init", "Initializing", False),
    Stage("setup", "setup", "Environment setup"),
    Stage("packages-setup", "internal_packages", "Environment packages setup"),
    Stage("programs", "programs", "Programs detection"),
    Stage("late-setup", "late_setup", "Environment setup (late)"),
    Stage("customization", "customization", "Environment customization"),
    Stage("validation", "validation", "Setup validation"),
    Stage("transaction", "transaction-prepare", "Transaction setup"),
    Stage("early-misc", "early_misc", "Misc configuration (early)"),
    Stage("packages", "packages", "Package installation"),
    Stage("misc", "misc", "Misc configuration"),
    Stage("commit", "cleanup", "Transaction commit"),
    Stage("closeup", "closeup", "Closing up"),
    Stage("cleanup", "cleanup", "Clean up", False),
    Stage("pre-terminate", "pre-terminate", "Pre-termination", False),
    Stage("terminate", "terminate", "Termination", False),
)
