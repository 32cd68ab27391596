# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The error that a call must end with, and the codes of its problems.

Python 3.6 syntax: the tests of the pure layers run on the Pythons of the managed hosts.
"""

from typing import Any, Callable, Collection, List, Sequence, Tuple

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import Refused

AT_REST = {"lock", "remove_leftovers", "unlock"}  # what a run that is refused may do all the same


def error_of(kind: Any, call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Return the error of this kind that a call ends with."""
    with pytest.raises(kind) as caught:
        call(*arguments, **options)
    return caught.value


def codes_of(error: Any) -> List[str]:
    """Return the codes of the problems that an error names, in their order."""
    return [problem["code"] for problem in error.facts["problems"]]


def assert_refused(
    case: Tuple[Callable[[Any], None], Any, Sequence[str]],
    act: Any,
    make_request: Any,
    host: Any,
    writing: Collection[str],
) -> None:
    """See that a flow refuses what a case makes of its host and its request, by these codes, and writes nothing."""
    change, options, codes = case
    change(host)
    error = error_of(Refused, act, make_request(**options), host)
    assert codes_of(error) == codes
    assert (error.code, error.facts["phase"]) == (codes[0], "plan")
    assert set(host.calls) & set(writing) <= AT_REST
    assert not host.is_held
