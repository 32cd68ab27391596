# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a run of Ansible still lives."""

DOCUMENTATION = r"""
name: run_state
short_description: Whether a run of Ansible still lives
version_added: "0.3.0"
author:
  - oVirt backup contributors (@oVirt)
description:
  - Tells for each identity that P(ovirt.backup.run_identity#lookup) gave whether that run still lives.
  - The roles that restore note their identity in a journal. So a run that was cut off can be told from one that is at
    work, also while none of its modules is.
options:
  _terms:
    description: Identities of runs.
    required: true
"""

EXAMPLES = r"""
- name: Insist that whoever began this is not at work any more
  ansible.builtin.assert:
    that: lookup('ovirt.backup.run_state', journal.run) != 'alive'
"""

RETURN = r"""
_raw:
  description:
    - One word for each. V(alive); V(ended); V(unknown) for a run on another machine or in another container, and for a
      text that is no identity of a run.
  type: list
  elements: str
"""

from typing import Any, List, Optional

from ansible.plugins.lookup import LookupBase

from ..module_utils._common.process_identity import is_run_alive

WORDS = {True: "alive", False: "ended", None: "unknown"}


class LookupModule(LookupBase):
    """Looks at the processes of the controller."""

    def run(self, terms: List[Any], variables: Optional[Any] = None, **kwargs: Any) -> List[str]:
        """Return a word for each identity."""
        del variables, kwargs
        return [WORDS[is_run_alive(str(term))] for term in terms]
