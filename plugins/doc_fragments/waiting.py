# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a module waits for the engine: the twin of WAITING in module_utils/_vm/argspecs.py."""


class ModuleDocFragment:
    """Documentation fragment for waiting."""

    DOCUMENTATION = r"""
options:
  timeout:
    description:
      - Seconds that the whole run may take. What is not done by then is reported with what was awaited and what was
        seen last.
      - An engine that restarts meanwhile is waited for.
    type: int
    default: 3600
  poll_interval:
    description:
      - Seconds between two looks at what the engine is doing.
      - A long wait is looked at less often, after a tenth of the time waited so far, but every 30 seconds at least
        where this is not longer. The first look comes after the shortest time that the engine can need.
      - It must be more than V(0).
    type: float
    default: 3
"""
