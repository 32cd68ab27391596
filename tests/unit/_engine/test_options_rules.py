# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which options are read and set with engine-config."""

from typing import List

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._engine.options_rules import (
    check_option,
    get_arguments,
    set_arguments,
    type_of_option,
)

# Lines as in the engine's own file.
PROPERTIES = """# comment
DisableFenceAtStartupInSec.description="Disable Fence Operations At oVirt Startup In Seconds"
DisableFenceAtStartupInSec.type=Integer
AttestationTruststore.description="Trust store"
SysPrepDefaultPassword.description="Default SysPrep user password"
SysPrepDefaultPassword.type=Password
AdminWord.type=CompositePassword
AdminWord.description="a = b"
"""


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("DisableFenceAtStartupInSec", "Integer"), ("AttestationTruststore", "String"),
        ("SysPrepDefaultPassword", "Password"), ("AdminWord", "CompositePassword"), ("DisableFence", ""), ("type", ""),
    ],
)  # fmt: skip
def test_the_type_of_an_option_is_found(name: str, kind: str) -> None:
    assert type_of_option(PROPERTIES, name) == kind


@pytest.mark.parametrize(
    ("name", "version", "kind", "codes"),
    [
        ("DisableFenceAtStartupInSec", "general", "Integer", []),
        ("MaxNumOfVmCpus", "4.7", "Integer", []),
        ("LocalAdminWord", "general", "CompositePassword", ["option_is_secret"]),
        ("SysPrepDefaultPassword", "general", "", ["option_is_secret"]),
        ("AttestationTruststorePass", "general", "String", ["option_is_secret"]),
        ("-s", "general", "", ["option_name_invalid"]),
        ("A=B", "general", "", ["option_name_invalid"]),
        ("A\n", "4.7\n", "", ["option_name_invalid", "option_version_invalid"]),
        ("A", "", "", ["option_version_invalid"]),
        ("", "newest", "", ["option_name_invalid", "option_version_invalid"]),
    ],
)
def test_secrets_and_what_the_tool_would_misread_are_refused(
    name: str, version: str, kind: str, codes: List[str]
) -> None:
    assert [problem.code for problem in check_option(name, version, kind)] == codes


def test_the_tool_is_asked_with_the_version_so_that_it_never_asks_back() -> None:
    assert get_arguments("A", "general") == ["-g", "A", "--cver=general"]
    assert set_arguments("A", "4.7", "x=y z") == ["-s", "A=x=y z", "--cver=4.7"]
