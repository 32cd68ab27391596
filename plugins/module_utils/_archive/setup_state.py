# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what the files in an archive say of its engine: where its databases are, and how it was set up.

The rest of the archive is passed over. This file is private to the collection.
"""

from typing import Dict

from .._postgres.model import Settings
from .configuration import (
    ArchivedSetup,
    in_reading_order,
    merge_texts,
    owned_kinds,
    parse_setup_state,
    settings_of_texts,
)
from .files import read_files_part

DWH_UUID = "DWH_UUID"


def read_databases(path: str) -> Dict[str, Settings]:
    """Return the databases that belong to the engine of an archive, by kind."""
    texts = in_reading_order(read_files_part(path).configuration)
    own, settings = owned_kinds(texts), settings_of_texts(texts)
    return {kind: settings[kind] for kind in sorted(own) if kind in settings}


def read_setup(path: str) -> ArchivedSetup:
    """Return how the engine of an archive was set up."""
    found = read_files_part(path)
    texts = in_reading_order(found.configuration)
    return ArchivedSetup(
        parse_setup_state([found.setup_state]), merge_texts(texts).get(DWH_UUID, ""), settings_of_texts(texts)
    )
