# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the configuration of an engine host as plain names and values. This file is private to the collection."""

from typing import Dict

from .._archive.configuration import parse_setup_state
from .._archive.databases import ENGINE_CONFIGURATION
from .installation import DEFAULTS_FILE, SETUP_STATE, merge_configuration, read_texts


def read_variables(prefix: str) -> Dict[str, str]:
    """Return the variables of the engine's own configuration, as the engine reads them."""
    return merge_configuration(prefix, (DEFAULTS_FILE,) + ENGINE_CONFIGURATION)


def read_setup_state(prefix: str) -> Dict[str, str]:
    """Return key -> 'type:value' of what engine-setup left behind."""
    return parse_setup_state(text for _path, text in read_texts(prefix, (SETUP_STATE, SETUP_STATE + ".d")))
