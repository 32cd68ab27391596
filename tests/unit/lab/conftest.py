# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab needs Python 3.10; the other unit tests run on the Pythons of the managed hosts too."""

import sys

collect_ignore_glob = ["test_*.py"] if sys.version_info < (3, 10) else []
