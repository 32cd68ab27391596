# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's Python SDK, where it is installed: the only place that imports it.

This file is private to the collection.
"""

import traceback
from typing import Any, Optional

LIBRARY = "ovirt-engine-sdk-python >= 4.6.0 (ovirtsdk4)"

sdk: Any = None
types: Any = None
pycurl: Any = None
IMPORT_ERROR: Optional[str] = None

try:
    import ovirtsdk4
    import ovirtsdk4.types
    import pycurl as curl_library

    sdk, types, pycurl = ovirtsdk4, ovirtsdk4.types, curl_library
except ImportError:
    IMPORT_ERROR = traceback.format_exc()
