# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host of an engine is: the facts that the flows decide on. This file is private to the collection."""

from typing import Dict, FrozenSet, NamedTuple, Optional, Tuple

from .._postgres.model import Settings


class Installation(NamedTuple):
    """What is installed and set up on an engine host."""

    prefix: str
    tool: str  # path of engine-backup
    version: str  # of the engine's packages; empty where it was not found
    fqdn: str
    is_set_up: bool  # engine-setup ran to its end here
    supported: FrozenSet[str]  # scopes that the tool can back up; empty where nobody asked
    restorable: FrozenSet[str]  # the same of restoring
    missing_programs: Tuple[str, ...]
    enabled: FrozenSet[str]  # kinds that the setup state says are set up here
    answered: FrozenSet[str]  # kinds that the tool will dump, by its own query; the same
    owned: FrozenSet[str]  # kinds whose credentials stand in their own service's configuration
    settings: Dict[str, Settings]  # by kind
    notified: Optional[Settings]  # the engine database that the tool reports to, here or elsewhere
    grafana_file: str  # path of the SQLite file, empty where there is none
    log_directory: str
