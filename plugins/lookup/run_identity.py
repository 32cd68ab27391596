# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The identity of this run of Ansible."""

DOCUMENTATION = r"""
name: run_identity
short_description: The identity of this run of Ansible
version_added: "0.3.0"
author:
  - oVirt backup contributors (@oVirt)
description:
  - Returns one word that names the process of this run (C(ansible-playbook), or what a job template starts), and no
    other.
  - O(ovirt.backup.vm_snapshot_backup#module:run) and O(ovirt.backup.vm_snapshot_restore#module:run) take it. A
    later run on the same machine can then tell what a killed run left from what a living one is at work on.
  - It is the same wherever it is asked for within one run.
options:
  _terms:
    description: Nothing is looked up.
    required: false
"""

EXAMPLES = r"""
- name: Say who is at work
  ansible.builtin.debug:
    msg: "{{ lookup('ovirt.backup.run_identity') }}"
"""

RETURN = r"""
_raw:
  description: Host, boot, namespace of process ids, process id and start of the run, with slashes between them.
  type: list
  elements: str
"""

import multiprocessing
import os
from typing import Any, List, Optional

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ..module_utils._common.process_identity import identify_process


class LookupModule(LookupBase):
    """Looks up the process behind all workers of this run."""

    def run(self, terms: List[Any], variables: Optional[Any] = None, **kwargs: Any) -> List[str]:
        """Return the identity, as the only element."""
        self.set_options(var_options=variables, direct=kwargs)
        if terms:
            raise AnsibleLookupError("ovirt.backup.run_identity looks nothing up, but was given %r" % terms)
        parent = multiprocessing.parent_process()
        return [identify_process(os.getpid() if parent is None or parent.pid is None else parent.pid)]
