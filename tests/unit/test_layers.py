# Copyright: (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of dependency hold, and the checker names each kind of breach when one is planted."""

from pathlib import Path

import pytest
from tooling import layers, role_rules
from tooling.places import ROOT

CORE = "plugins/module_utils/_core/times.py"
HOST = "plugins/module_utils/_host/files.py"
API = "plugins/module_utils/_api/calls.py"
FLOWS = "plugins/module_utils/_flows/backup.py"
ANSIBLE = "plugins/module_utils/_ansible/argspecs.py"
MODULE = "plugins/modules/engine_backup.py"
LAB = "tests/lab/stand_in.py"

TASKS = "roles/engine_backup/tasks/main.yml"
PLAYBOOK = "playbooks/engine_backup.yml"

CODE_BREACHES = [
    (CORE, "import os\nos.listdir('x')", "uses os.listdir"),
    (CORE, "import subprocess", "imports subprocess"),
    (CORE, "from os import environ", "imports os.environ"),
    (CORE, "import os.path\nos.path.exists('x')", "uses os.path.exists"),
    (CORE, "import time\ntime.sleep(1)", "uses time.sleep"),
    (CORE, "import time\ntime.gmtime()", "calls time.gmtime()"),
    (CORE, "import datetime\ndatetime.datetime.now()", "calls datetime.datetime.now()"),
    (CORE, "open('x')", "calls open()"),
    (CORE, "from .._host.files import lock", "_core imports _host"),
    (CORE, "from .. import _host", "_core imports _host"),
    (CORE, "import yaml", "foreign library yaml"),
    (
        CORE,
        "from ansible_collections.ovirt.backup.plugins.module_utils._flows.backup import run",
        "_core imports _flows",
    ),
    (HOST, "from .._api.calls import find", "_host imports _api"),
    (HOST, "from .._ansible.run import run", "_host imports _ansible"),
    (HOST, "from .._flows.backup import run", "_host imports _flows"),
    (HOST, "import requests", "foreign library requests"),
    (HOST, "import subprocess", "subprocess is imported outside"),
    (HOST, "import os\nos.execv('x', [])", "os.execv is used outside"),
    (HOST, "import os\nos.system('x')", "os.system is used outside"),
    (HOST, "import psycopg2", "psycopg2 is imported outside"),
    (HOST, "from psycopg2 import sql", "psycopg2 is imported outside"),
    (HOST, "def f(module):\n    module.fail_json(msg='x')", "fail_json is used outside"),
    (HOST, "def f(check_mode):\n    if check_mode:\n        return", "_host looks at check_mode"),
    (HOST, "def f(module):\n    return module.check_mode", "_host looks at check_mode"),
    (HOST, "import ansible.module_utils.basic", "foreign library ansible"),
    (API, "from .._host.files import lock", "_api imports _host"),
    (API, "import psycopg2", "foreign library psycopg2"),
    (FLOWS, "from .._host.files import lock", "_flows imports _host"),
    (FLOWS, "import shutil", "imports shutil"),
    (FLOWS, "import ovirtsdk4", "ovirtsdk4 is imported outside"),
    (ANSIBLE, "from .._host.files import lock", "_ansible imports _host"),
    (ANSIBLE, "def f(module):\n    module.exit_json()", "exit_json is used outside"),
    (MODULE, "from .engine_backup_info import main", "modules imports modules"),
    (MODULE, "from ansible.module_utils import basic\nclass M(basic.AnsibleModule):\n    pass", "M inherits from"),
    (MODULE, "try:\n    pass\nexcept Exception:\n    pass", "catches every exception"),
    (MODULE, "try:\n    pass\nexcept (OSError, BaseException) as error:\n    print(error)", "catches every exception"),
    (MODULE, "try:\n    pass\nexcept:\n    pass", "catches every exception"),
    (MODULE, "raise RuntimeError('x')", "raises RuntimeError"),
    (LAB, "from ansible_collections.ovirt.backup.plugins.module_utils._core import times", "the lab shares code"),
    (LAB, "from ...plugins.module_utils._core.times import to_iso", "the lab shares code"),
    (LAB, "import plugins.module_utils._core.times", "the lab shares code"),
]

CLEAN_CODE = {
    CORE: "import re\nimport time\nfrom .errors import BackupError\nre.compile('x')\ntime.gmtime(0)\n",
    HOST: "import os\nfrom .._core.errors import BackupError\nfrom .command import run\nopen('x')\n",
    FLOWS: "import os.path\nfrom .._core.errors import BackupError\ndef f(now):\n    return os.path.join('a', now())\n",
    ANSIBLE: "from ansible.module_utils.basic import AnsibleModule\n",
    MODULE: "from ..module_utils._host.files import lock\ntry:\n    pass\nexcept BaseException:\n    raise\n",
    "plugins/module_utils/_host/command.py": "import subprocess\n",
    "plugins/module_utils/_host/database.py": "import psycopg2\n",
    "plugins/module_utils/_ansible/run.py": "def f(module):\n    module.fail_json(msg='x')\n",
    LAB: "import subprocess\nfrom .layout import Lab\nfrom . import plugins_of_pg_dump\n",
}

TASK_BREACHES = [
    ("ansible.builtin.command: 'true'", "calls ansible.builtin.command"),
    ("ansible.builtin.shell: 'true'", "calls ansible.builtin.shell"),
    ("command: 'true'", "neither of this collection nor of ansible.builtin"),
    ("community.general.archive: {path: x}", "neither of this collection nor of ansible.builtin"),
    ("action: ansible.builtin.command x", "hides its module"),
    ("ansible.builtin.set_fact: {name: 'a-{{ b }}'}", "builds the string name"),
    ("block: [{name: Inner, ansible.builtin.shell: 'true'}]", "calls ansible.builtin.shell"),
    ("block: []\n  always: [{name: Inner, ansible.builtin.raw: 'true'}]", "calls ansible.builtin.raw"),
]

CLEAN_TASKS = """
- name: Make one proven archive
  ovirt.backup.engine_backup:
    directory: "{{ engine_backup_directory }}"
  register: made
- name: Together
  when: made is changed
  block:
    - name: Keep a fact that is one expression
      ansible.builtin.set_fact:
        kept: "{{ made.archive.path }}"
"""


def plant(collection: Path, name: str, text: str) -> None:
    path = collection / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_layers_of_the_collection_are_kept() -> None:
    assert layers.find_breaches(ROOT) == []


def test_roles_and_playbooks_keep_their_rules() -> None:
    assert role_rules.find_breaches(ROOT) == []


def test_checker_reads_this_collection() -> None:
    assert len(list(layers.read_sources(ROOT, "plugins"))) > 20
    assert len(list(layers.read_sources(ROOT, "tests/lab"))) > 5


@pytest.mark.parametrize(("name", "code", "named"), CODE_BREACHES)
def test_planted_breach_is_named(tmp_path: Path, name: str, code: str, named: str) -> None:
    plant(tmp_path, name, code)
    breaches = layers.find_breaches(tmp_path)
    assert [breach for breach in breaches if breach.startswith(name + ":") and named in breach], breaches


def test_clean_code_passes(tmp_path: Path) -> None:
    for name, code in CLEAN_CODE.items():
        plant(tmp_path, name, code)
    assert layers.find_breaches(tmp_path) == []


@pytest.mark.parametrize(("task", "named"), TASK_BREACHES)
def test_planted_task_is_named(tmp_path: Path, task: str, named: str) -> None:
    plant(tmp_path, TASKS, f"- name: Planted\n  {task}\n")
    breaches = role_rules.find_breaches(tmp_path)
    assert len(breaches) == 1
    assert named in breaches[0]


def test_playbook_with_a_task_of_its_own_is_named(tmp_path: Path) -> None:
    plant(tmp_path, PLAYBOOK, "- name: P\n  hosts: all\n  tasks: [{name: T, ansible.builtin.debug: {msg: x}}]\n")
    assert "plays call roles only" in role_rules.find_breaches(tmp_path)[0]


def test_clean_roles_and_playbooks_pass(tmp_path: Path) -> None:
    plant(tmp_path, TASKS, CLEAN_TASKS)
    plant(tmp_path, PLAYBOOK, "- name: P\n  hosts: engine\n  roles: [ovirt.backup.engine_backup]\n")
    assert role_rules.find_breaches(tmp_path) == []
