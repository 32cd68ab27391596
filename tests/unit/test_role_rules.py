# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules for roles and playbooks hold, and the checker names each kind of breach when one is planted."""

from pathlib import Path

import pytest
from tooling import role_rules
from tooling.places import ROOT

TASKS = "roles/engine_backup/tasks/main.yml"
PLAYBOOK = "playbooks/engine_backup.yml"

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


def test_roles_and_playbooks_keep_their_rules() -> None:
    assert role_rules.find_breaches(ROOT) == []


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
