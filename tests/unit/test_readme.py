# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The README keeps its word: its links lead somewhere, its commands exist, Ansible takes its playbook."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tooling import interfaces
from tooling.places import ROOT, link_checkout

pytestmark = pytest.mark.ansible

README = (ROOT / "README.md").read_text(encoding="utf-8")
PLAYBOOKS = re.findall(r"^```yaml\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
CONSOLES = re.findall(r"^```console\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
INVENTORY = "engine:\n  hosts:\n    engine1:\n"


def ansible_playbook(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "inventory").write_text(INVENTORY, encoding="utf-8")
    return subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "inventory", "--syntax-check", *arguments],
        cwd=folder,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(link_checkout())},
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)", README)
    assert links
    assert [link for link in links if not link.startswith("https://") and not (ROOT / link).exists()] == []


def test_scripts_that_it_names_can_be_run() -> None:
    scripts = {word for block in CONSOLES for word in block.split() if word.startswith("tests/")}
    assert scripts == {"tests/demo", "tests/run"}
    assert [script for script in scripts if not os.access(ROOT / script, os.X_OK)] == []


def test_readme_fits_on_two_screens_and_has_a_playbook_for_engines_and_one_for_vms() -> None:
    assert len(README.splitlines()) <= 110
    assert len(PLAYBOOKS) == 2


@pytest.mark.parametrize("text", PLAYBOOKS, ids=["engine", "vm"])
def test_playbook_is_short_and_valid(tmp_path: Path, text: str) -> None:
    assert len(text.splitlines()) <= 10
    (tmp_path / "backup.yml").write_text(text, encoding="utf-8")
    done = ansible_playbook(tmp_path, "backup.yml")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("text", PLAYBOOKS, ids=["engine", "vm"])
def test_playbook_sets_only_variables_that_the_role_has(text: str) -> None:
    (role,) = yaml.safe_load(text)[0]["roles"]
    options = interfaces.read_role(ROOT / "roles" / role["role"].rpartition(".")[2])[1]
    assert [name for name in role["vars"] if name not in options] == []


def test_playbook_of_the_collection_is_called_as_shown(tmp_path: Path) -> None:
    (command,) = [line for block in CONSOLES for line in block.splitlines() if line.startswith("ansible-playbook ")]
    done = ansible_playbook(tmp_path, *command.split()[3:])
    assert command.split()[1:3] == ["-i", "inventory"]
    assert done.returncode == 0, done.stdout
