# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One play whose tasks take turns with the test, which switches faults and reads directories in between."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from .playbooks import Engine, Result, Task
from .side_effects import wait_for


class Meanwhile(NamedTuple):
    """What the test does while the task before it runs; it waits by itself for its moment."""

    act: Callable[[], object]


Step = Task | Callable[[], object] | Meanwhile


def in_turns(engine: Engine, *steps: Step) -> list[Result]:
    """Run tasks, and functions of the test between them, in one play; return the results of the tasks."""
    turns = [Turn(engine.scratch / f"turn{len(engine.plays)}-{number}", step) for number, step in enumerate(steps)]
    played = [turn for turn in turns if not isinstance(turn.step, Meanwhile)]
    running = engine.start(*(turn.task() for turn in played))
    with ThreadPoolExecutor(1) as reader:  # a play whose output nobody reads stops
        finished = reader.submit(engine.finish, running)
        try:
            for turn in turns:
                turn.take(finished)
        finally:
            for turn in turns:
                turn.end()
    return [result for result, turn in zip(finished.result(), played, strict=True) if not callable(turn.step)]


class Turn:
    """A step. At a function of the test the play waits until it was called; the controller waits, not a module."""

    def __init__(self, path: Path, step: Step) -> None:
        self.path = path
        self.step = step

    def task(self) -> Task:
        if isinstance(self.step, dict):
            return self.step
        command = f"touch '{self.path}.come'; until test -e '{self.path}.ended'; do sleep 0.05; done"
        return {"ansible.builtin.debug": {"msg": f'{{{{ lookup("ansible.builtin.pipe", "{command}") }}}}'}}

    def take(self, play: Future[list[Result]]) -> None:
        """Do what is the test's to do; nobody waits for a play that has ended."""
        if isinstance(self.step, Meanwhile):
            self.step.act()
        elif callable(self.step):
            wait_for(self.path.name, lambda: Path(f"{self.path}.come").exists() or play.done())
            self.step()
            self.end()

    def end(self) -> None:
        Path(f"{self.path}.ended").touch()
