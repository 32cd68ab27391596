# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Option specifications that several modules share; the doc fragments are their twins.

This file is private to the collection.
"""

from typing import Any, Dict

from .._core.databases import SCOPES

SCOPE_CHOICES = ["all"] + list(SCOPES)

ENGINE_HOST: Dict[str, Dict[str, Any]] = {
    "prefix": {"type": "path", "default": ""},
    "tmpdir": {"type": "path"},
}
