# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fake host of the flow that a folder tests, good in every way.

Python 3.6 syntax: the tests of the flows run on the Pythons of the managed hosts.
"""

import os
from typing import Any

import pytest
from unit.fakes.engine_host import FakeEngineHost
from unit.fakes.otopi_host import FakeOtopiHost
from unit.fakes.restore_host import FakeRestoreHost

HOSTS = {"backup": FakeEngineHost, "restore": FakeRestoreHost, "setup": FakeOtopiHost}


@pytest.fixture
def host(request: Any) -> Any:
    return HOSTS[os.path.basename(os.path.dirname(str(request.fspath)))]()
