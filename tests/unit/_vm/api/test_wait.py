# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only loop that sleeps: it ends, it says what it saw, and it waits for an engine that restarts."""

from typing import Callable, List

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._vm.api.wait import Waiter
from ansible_collections.ovirt.backup.plugins.module_utils._vm.api_errors import ApiError, NotFound, Unavailable


class Clock:
    def __init__(self) -> None:
        self.now = 50.0
        self.pauses: List[float] = []

    def read(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def waiter(clock: Clock) -> Waiter:
    return Waiter(clock.read, clock.sleep, 100, 3)


def looks(*states: object) -> Callable[[], str]:
    """Return a look that sees one state after the other, the last one for ever; errors are raised."""
    queue = list(states)

    def look() -> str:
        state = queue.pop(0) if len(queue) > 1 else queue[0]
        if isinstance(state, BaseException):
            raise state
        return str(state)

    return look


def is_ok(state: str) -> bool:
    return state == "ok"


def status(state: str) -> str:
    return "its status is %s" % state


def test_what_is_done_already_is_not_waited_for(waiter: Waiter, clock: Clock) -> None:
    assert waiter.until("the disk", looks("ok"), is_ok, status) == "ok"
    assert clock.pauses == []


def test_it_looks_again_until_it_is_done(waiter: Waiter, clock: Clock) -> None:
    assert waiter.until("the disk", looks("locked", "locked", "ok"), is_ok, status) == "ok"
    assert clock.pauses == [3, 3]


def test_at_the_deadline_it_says_what_was_awaited_and_what_was_seen_last(waiter: Waiter, clock: Clock) -> None:
    with pytest.raises(ApiError) as caught:
        waiter.until("the disk d1 to be unlocked", looks("locked"), is_ok, status)
    assert caught.value.code == "timed_out"
    assert "for the disk d1 to be unlocked" in str(caught.value)
    assert "its status is locked" in str(caught.value)
    assert "option timeout" in str(caught.value)
    assert caught.value.facts["last_seen"] == "its status is locked"
    assert clock.now == 150


def test_the_last_look_is_at_the_deadline(waiter: Waiter, clock: Clock) -> None:
    def look() -> str:
        return "ok" if clock.now >= 150 else "locked"

    assert waiter.until("the disk", look, is_ok, status) == "ok"


def test_the_deadline_is_one_for_the_whole_run(waiter: Waiter, clock: Clock) -> None:
    clock.now += 95
    with pytest.raises(ApiError):
        waiter.until("the disk", looks("locked"), is_ok, status)
    assert clock.now == 150
    assert waiter.until("the other disk", looks("ok"), is_ok, status) == "ok"
    with pytest.raises(ApiError):
        waiter.until("the other disk", looks("locked", "ok"), is_ok, status)


def test_a_wait_can_have_less_time_than_the_run_but_not_more(waiter: Waiter, clock: Clock) -> None:
    with pytest.raises(ApiError) as caught:
        waiter.until("the freeze", looks("busy"), is_ok, status, timeout=10)
    assert clock.now == 60
    assert "option timeout" not in str(caught.value)
    with pytest.raises(ApiError):
        waiter.until("the freeze", looks("busy"), is_ok, status, timeout=1000)
    assert clock.now == 150


def test_an_engine_that_restarts_is_waited_for(waiter: Waiter) -> None:
    away = Unavailable("connection refused")
    assert waiter.until("the disk", looks("locked", away, away, "ok"), is_ok, status) == "ok"
    assert waiter.retry_read("the version", looks(away, "4.5")) == "4.5"


def test_an_engine_that_stays_away_is_what_was_seen_last(waiter: Waiter) -> None:
    with pytest.raises(ApiError, match="for the version, in vain; what was seen last: connection refused") as caught:
        waiter.retry_read("the version", looks(Unavailable("connection refused")))
    assert caught.value.code == "timed_out"


def test_every_other_error_ends_the_wait(waiter: Waiter, clock: Clock) -> None:
    with pytest.raises(NotFound):
        waiter.until("the disk", looks("locked", NotFound("gone", status=404)), is_ok, status)
    with pytest.raises(NotFound):
        waiter.retry_read("the disk", looks(NotFound("gone", status=404)))
    assert clock.pauses == [3]


def test_hopeless_waits_end_at_once(waiter: Waiter, clock: Clock) -> None:
    def is_done(state: str) -> bool:
        raise ApiError("The disk is %s" % state, "disk_illegal")

    with pytest.raises(ApiError, match="The disk is illegal"):
        waiter.until("the disk", looks("illegal"), is_done, status)
    assert clock.pauses == []


def test_long_waits_are_looked_at_less_often(clock: Clock) -> None:
    waiter = Waiter(clock.read, clock.sleep, 3600, 3)
    with pytest.raises(ApiError):
        waiter.until("the merge", looks("locked"), is_ok, status)
    assert clock.pauses[:5] == [3] * 5
    assert max(clock.pauses) == 30
    assert len(clock.pauses) < 160
    assert clock.now == 3650


def test_a_head_start_comes_before_the_first_look(waiter: Waiter, clock: Clock) -> None:
    assert waiter.until("the merge", looks("locked", "ok"), is_ok, status, head_start=4) == "ok"
    assert clock.pauses == [12, 3]
    with pytest.raises(ApiError):
        waiter.until("the merge", looks("locked"), is_ok, status, timeout=10, head_start=4)
    assert clock.pauses == [12, 3, 10]
    assert waiter.until("the merge", looks("ok"), is_ok, status, timeout=0, head_start=4) == "ok"


def test_a_poll_interval_longer_than_the_longest_pause_is_kept(clock: Clock) -> None:
    waiter = Waiter(clock.read, clock.sleep, 240, 60)
    with pytest.raises(ApiError):
        waiter.until("the merge", looks("locked"), is_ok, status)
    assert clock.pauses == [60] * 4


def test_the_clock_is_the_one_it_was_given(waiter: Waiter, clock: Clock) -> None:
    assert waiter.monotonic() == 50
    clock.now += 7
    assert waiter.monotonic() == 57
