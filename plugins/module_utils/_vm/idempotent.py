# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send a request that writes until it is carried out, and never twice. This file is private to the collection."""

from typing import Callable, Generic, Optional, Tuple, TypeVar

from .api_errors import ApiError, Conflict, NotFound, Unavailable
from .backup.rules import is_passing
from .protocols import Waiter

Made = TypeVar("Made")


class IdempotentRequest(Generic[Made]):
    """One request that writes.

    Where its answer is lost, ``look`` finds what it made; only when that did not show up for ``settle`` seconds is the
    request sent again. A refusal that passes by itself is waited for.

    Where nobody else can have made what ``look`` finds (``is_ours``), every refusal is followed by a look: the request
    may be one that a run sent before it was killed.
    """

    def __init__(
        self,
        what: str,
        send: Callable[[], Made],
        look: Callable[[], Optional[Made]],
        settle: float,
        waiter: Waiter,
        is_ours: bool = False,
    ) -> None:
        self._what = what
        self._send = send
        self._look = look
        self._settle = settle
        self._waiter = waiter
        self._is_ours = is_ours
        self._lost_at: Optional[float] = None
        self._may_be_done = False

    def may_be_done(self) -> bool:
        """Was the request carried out, or may it have been though nobody saw it?"""
        return self._may_be_done

    def send_once(self, timeout: Optional[float] = None) -> Made:
        """Return what the request made; raise ApiError where it was refused for good or the time is over."""
        made, _reason = self._waiter.until(
            self._what, self._attempt, lambda seen: seen[0] is not None, lambda seen: seen[1], timeout
        )
        if made is None:  # until returns only what is done
            raise ApiError("%s: the answer is empty" % self._what)
        return made

    def _attempt(self) -> Tuple[Optional[Made], str]:
        """Return what was made, or why not yet."""
        if self._lost_at is not None:
            found = self._look()
            if found is not None:
                return found, ""
            if self._waiter.monotonic() < self._lost_at + self._settle:
                return None, "the answer to the request was lost, and there is no trace yet of what it was to make"
        self._waiter.raise_if_caller_exited()  # the next run may be at work by now
        self._may_be_done = True  # also where a signal ends the run before there is an answer
        try:
            return self._send(), ""
        except Unavailable:
            self._lost_at = self._waiter.monotonic()
            raise
        except Conflict as error:
            self._may_be_done = self._lost_at is not None
            return self._check(error)
        except ApiError:
            self._may_be_done = self._lost_at is not None
            raise

    def _check(self, error: Conflict) -> Tuple[Optional[Made], str]:
        # After a lost answer the refusal may be of a second request, because the first was carried out after all.
        found = self._look() if self._is_ours or self._lost_at is not None else None
        if found is None and not is_passing(error.detail):
            raise error
        return found, error.message


def deliver_removal(
    what: str, send: Callable[[], object], read: Callable[[], object], settle: float, waiter: Waiter
) -> None:
    """Send a request that takes something away; that it is gone already is as good: ``read`` raises NotFound then."""

    def is_gone() -> Optional[bool]:
        try:
            read()
        except NotFound:
            return True
        return None

    def attempt() -> bool:
        try:
            send()
        except NotFound:
            return True
        except Conflict:
            if not is_gone():
                raise
        return True

    IdempotentRequest(what, attempt, is_gone, settle, waiter).send_once()
