# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the body of a module and report how it ended: the only place that calls exit_json and fail_json.

This file is private to the collection.
"""

import errno
from typing import Any, Callable, Dict, Iterable, NoReturn

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from .errors import BackupError, Interrupted, Problem, list_problems
from .redact import redact

Body = Callable[[], Dict[str, Any]]


def run(module: AnsibleModule, body: Body, secrets: Iterable[str] = ()) -> NoReturn:
    """Run ``body``, which returns the result; ``secrets`` may still grow while it runs."""
    try:
        result = body()
    except BackupError as error:
        fail(module, error, secrets)
    except Interrupted as error:
        fail(module, BackupError(error.message, error.code, **error.facts), secrets)
    except OSError as error:
        code = "disk_full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "os_error"
        text = "%s: %s" % (error.strerror or error, error.filename) if error.filename else str(error)
        fail(module, BackupError("The operating system refused: %s" % text, code), secrets)
    module.exit_json(**_warn(module, result))
    raise AssertionError("exit_json ends the process")


def fail(module: AnsibleModule, error: BackupError, secrets: Iterable[str]) -> NoReturn:
    """Report an error: its sentence, its code, every problem, and the facts that go with it."""
    facts = dict(error.facts)
    facts.setdefault("problems", list_problems([Problem(error.code, error.message)]))
    report = redact(dict(facts, msg=error.message), secrets)
    module.fail_json(**dict(_warn(module, report), code=error.code))
    raise AssertionError("fail_json ends the process")


def _warn(module: AnsibleModule, result: Dict[str, Any]) -> Dict[str, Any]:
    """Give the warnings of a result to Ansible, which shows them and puts them into the result itself."""
    for text in result.get("warnings", ()):
        module.warn(text)
    return {key: value for key, value in result.items() if key != "warnings"}


def require(module: AnsibleModule, library: str, import_error: Any) -> None:
    """Fail with the usual words where a Python library is missing."""
    if import_error is not None:
        module.fail_json(msg=missing_required_lib(library), exception=import_error, code="library_missing")
