#!/usr/bin/python

# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run engine-setup on a restored oVirt Engine and prove that it took the restored database."""

DOCUMENTATION = r"""
module: engine_setup
short_description: Run engine-setup on a restored oVirt Engine and prove that it took the restored database
version_added: "0.2.0"
author:
  - oVirt backup contributors (@oVirt)
description:
  - Runs C(engine-setup --accept-defaults --offline) without a terminal, with answers made of what is found on the host,
    and then asks the engine database what became of it.
  - On an empty database C(engine-setup) makes a brand-new engine and ends with status 0. Here that is refused before
    anything is written, see O(expect_restored).
  - A question that has no answer ends the run at once, with its name and text. So does a question that is asked again
    and again.
  - Components that were not set up when the backup was made are not added, certificates are not renewed, the password
    of the administrator is left alone. Another answer in O(answers) overrules each of these.
  - The dump of a restored database, to which C(engine-setup) goes back when it fails, is not compressed where the disk
    has twice the size of that database free. The answer C(OVESETUP_DB/dumper) overrules this.
  - The answers stand in a private file while C(engine-setup) runs. It writes down those to its questions itself, in
    C(/var/lib/ovirt-engine/setup/answers), readable by root only.
  - C(engine-setup) keeps a copy of each file that it replaces. Of a file with the credentials of a database it is
    removed where the password in it is another one.
extends_documentation_fragment:
  - ovirt.backup.attributes
  - ovirt.backup.engine_host
attributes:
  check_mode:
    support: full
    details:
      - Everything is read and every refusal is made, nothing is written. The result names the answers, the command and
        the reasons why C(engine-setup) has to run.
  diff_mode:
    support: full
  idempotent:
    support: full
    details:
      - Nothing is done where C(engine-setup) ran with the installed version on this database, no database credentials
        were changed since, and the given answers are those that it wrote down. An answer that it does not write down is
        not compared.
options:
  timeout:
    description: The longest time that C(engine-setup) may take, in seconds.
    type: int
    default: 7200
  answers:
    description:
      - Answers that C(engine-setup) gets besides those of this module, or instead of them, as C(type:value).
      - The types are V(none), V(bool), V(int), V(str) and V(multi-str). The answer to a question is named
        C(QUESTION/1/NAME).
    type: dict
    default: {}
  secret_answers:
    description: As O(answers), for passwords. Their values are shown nowhere.
    type: dict
    default: {}
  expect_restored:
    description:
      - Refuse where the engine database is empty or can not be reached, or where the files of no engine are there.
      - With V(false) a new engine may be made.
    type: bool
    default: true
  again:
    description:
      - Run C(engine-setup) also where it has run with the same version and answers. The files that a restore brought
        say that it did, on the machine of the backup; of a restored engine database the module knows by itself.
    type: bool
    default: false
  archive:
    description:
      - For check mode before a restore. The answers are those for the engine of this archive on this host, and what of
        it is not here yet is no reason to refuse.
      - How large the restored database will be is not known then, so an answer for C(OVESETUP_DB/dumper) is left out.
      - Refused outside check mode.
    type: path
requirements:
  - psycopg2 for the Python that runs the module (C(python3-psycopg2) is installed with the engine)
  - Python 3.6 or newer
seealso:
  - module: ovirt.backup.engine_cleanup
"""

EXAMPLES = r"""
- name: Set the restored engine up
  ovirt.backup.engine_setup:

- name: What would engine-setup be told once this archive is restored?
  ovirt.backup.engine_setup:
    archive: /var/lib/ovirt-engine-backup/engine.backup
  check_mode: true

- name: Set it up with a firewall that is managed elsewhere and a new password of Grafana's administrator
  ovirt.backup.engine_setup:
    answers:
      OVESETUP_CONFIG/updateFirewall: bool:False
    secret_answers:
      OVESETUP_GRAFANA_CONFIG/adminPassword: "str:{{ grafana_password }}"
"""

RETURN = r"""
setup:
  description: What was set up. In check mode the planned values.
  returned: success
  type: dict
  contains:
    version: {description: 'Version and release of the installed engine-setup.', type: str}
    fqdn: {description: FQDN of the engine., type: str}
    ran: {description: Whether C(engine-setup) was run., type: bool}
    reasons: {description: Why it had to run. Empty when nothing was done., type: list, elements: str}
    restored:
      description: Whether it said that the engine database has been restored from a backup.
      type: bool
    stages: {description: The stages it went through., type: list, elements: str}
    warnings: {description: Its warnings., type: list, elements: str}
    dumps: {description: The dumps it made of the databases before it changed them., type: list, elements: str}
    answers: {description: 'The answers it got, secrets masked.', type: dict}
swept:
  description: What a killed run had left behind and this one removed, or would remove in check mode.
  returned: success
  type: list
  elements: str
cmd:
  description: The command. It holds no secret. Empty when nothing was run.
  returned: success, and when engine-setup failed
  type: list
  elements: str
log_path:
  description: The log of C(engine-setup). Empty when nothing was run.
  returned: success, and when engine-setup failed
  type: str
rc:
  description: Exit status of C(engine-setup). V(none) when it was ended.
  returned: when engine-setup was run
  type: int
code:
  description: A stable name of the error, explained in docs/troubleshooting.md.
  returned: failure
  type: str
problems:
  description: Every problem, with C(code) and C(message).
  returned: failure
  type: list
  elements: dict
phase:
  description: What was being done, C(plan), C(engine-setup) or C(proving).
  returned: failure
  type: str
question:
  description: The question that ended the run, its C(name), C(text) and C(stage).
  returned: when engine-setup asked what it was not told
  type: dict
last_question:
  description:
    - The name of the last question that was asked, answered or not. Where C(engine-setup) says that it was
      aborted, this
      is the question whose answer did it.
  returned: when engine-setup failed
  type: str
stage:
  description: The stage in which C(engine-setup) ended.
  returned: when engine-setup failed
  type: str
errors:
  description: The errors that C(engine-setup) printed.
  returned: when engine-setup failed
  type: list
  elements: str
last_lines:
  description: The last lines of the log that are not of debugging, 20 at most.
  returned: when engine-setup failed
  type: list
  elements: str
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._common.errors import BackupError
from ..module_utils._common.interruption import interruptible
from ..module_utils._common.module_runner import require, run
from ..module_utils._engine.argspecs import ENGINE_HOST
from ..module_utils._engine.setup.answers import secret_values
from ..module_utils._engine.setup.otopi_tools import OtopiHost
from ..module_utils._engine.setup.setup import SetupRequest, SetupResult, preview_setup, set_up
from ..module_utils._postgres.connection import PSYCOPG2_ERROR

ARGUMENT_SPEC: Dict[str, Dict[str, Any]] = dict(
    ENGINE_HOST,
    timeout={"type": "int", "default": 7200},
    answers={"type": "dict", "default": {}},
    secret_answers={"type": "dict", "default": {}, "no_log": True},
    expect_restored={"type": "bool", "default": True},
    again={"type": "bool", "default": False},
    archive={"type": "path"},
)


def read_request(params: Dict[str, Any]) -> SetupRequest:
    """Return the request that the options stand for."""
    return SetupRequest(
        prefix=params["prefix"],
        tmpdir=params["tmpdir"] or "",
        timeout=params["timeout"],
        answers={str(key): str(value) for key, value in params["answers"].items()},
        secret_answers={str(key): str(value) for key, value in params["secret_answers"].items()},
        expect_restored=params["expect_restored"],
        again=params["again"],
        archive=params["archive"] or "",
    )


def describe_result(result: SetupResult) -> Dict[str, Any]:
    """Return the result of the module."""
    # Ansible takes every other status for a failure, also that of a tool that had nothing to do.
    ended = {"rc": 0} if result.rc == 0 else {}
    return {
        **ended,
        "changed": result.changed,
        "setup": result.setup,
        "cmd": result.cmd,
        "log_path": result.log_path,
        "swept": result.cleaned_up,
        "diff": {"before": dict(result.before, leftovers=result.cleaned_up), "after": dict(result.after, leftovers=[])},
    }


def act(request: SetupRequest, host: OtopiHost, check_mode: bool) -> Dict[str, Any]:
    """Set the engine up, or say what would be done; return the result of the module."""
    if request.archive and not check_mode:
        raise BackupError("'archive' is for check mode only: restore it first, and leave it out", "not_check_mode")
    with interruptible():
        return describe_result(preview_setup(request, host) if check_mode else set_up(request, host))


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    require(module, "psycopg2", PSYCOPG2_ERROR)
    request = read_request(module.params)
    all_answers = dict(request.answers, **request.secret_answers)
    module.no_log_values.update(secret_values(all_answers, list(request.secret_answers)))
    host = OtopiHost(request.prefix)
    run(module, lambda: act(request, host, module.check_mode), host.passwords)


if __name__ == "__main__":
    main()
