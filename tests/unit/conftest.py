# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the checkout importable as ansible_collections.ovirt.backup, also where there is no Ansible.

Python 3.6 syntax: the tests of the pure layers run on the Pythons of the managed hosts.
"""

import importlib.util
import sys

from tooling.io_files import tests_of_io
from tooling.places import link_checkout

sys.path.insert(0, str(link_checkout()))

# Without Ansible only what is pure is tested.
collect_ignore = [] if importlib.util.find_spec("ansible") else [str(path) for path in tests_of_io()]
