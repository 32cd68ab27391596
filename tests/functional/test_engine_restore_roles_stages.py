# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The three restore roles share their stages. Together, their chains kill a run in every stage that writes, once."""

from . import test_engine_restore_credentials_role as credentials
from . import test_engine_restore_fresh_role as fresh
from . import test_engine_restore_overwrite_role as overwrite
from .restore_stages import BACKUP, CLEANUP, EVERY_VICTIM, RESTORE, SETUP, TAKE_UP, victims, writing_stages

ROLES = (fresh, overwrite, credentials)
KILLS = [kill for role in ROLES for kill in role.CHAIN]


def test_every_stage_that_writes_is_killed_in_some_chain() -> None:
    """A stage that is new in the task files belongs into the chain of a role that has it."""
    assert {kill.stage for kill in KILLS} == {stage for role in ROLES for stage in writing_stages(role.NAME)}


def test_a_tool_at_work_loses_each_part_of_its_run() -> None:
    """That a tool is killed in the cleanup or in the set-up is seen with their modules."""
    killed = [victims(KILLS, *stages) for stages in ((BACKUP,), (CLEANUP,), (TAKE_UP, RESTORE), (SETUP,))]
    without_tool = {"run", "connection", "module"}
    assert killed == [{"module", "tool"}, without_tool, EVERY_VICTIM, without_tool]


def test_no_chain_repeats_what_another_one_does() -> None:
    causes = [(kill.stage, kill.moment, kill.times, kill.moment == "in" and kill.victim) for kill in KILLS]
    assert sorted({cause for cause in causes if causes.count(cause) > 1}) == []
