# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The flows need the lab and the engine's SDK; decisions are also tested on the Pythons of the managed hosts."""

import importlib.util

FLOWS = """
backup/test_attach.py backup/test_foreign.py backup/test_freeze.py backup/test_plan.py
restore/test_interruption.py restore/test_refusals.py restore/test_run.py
""".split()

collect_ignore_glob = [] if importlib.util.find_spec("ansible") else FLOWS
