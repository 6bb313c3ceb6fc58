"""Answers that an authorizer gives later: waited for in bounded time. Failure and silence mean no.

An authorizer that raises, that answers with anything but a bool, or that does not answer within
`authorizer_timeout_s` has failed: nothing is allowed, the peer is told `wamp.error.authorization_failed`,
and the log says why.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from fairlead_router.errors import AuthorizationFailed
from fairlead_router.failure_log import FailureLog
from fairlead_router.host import Host

Verdict = bool | AuthorizationFailed


class Answers:
    """Waits for the authorizer of one realm."""

    def __init__(self, host: Host, timeout_s: float, failures: FailureLog) -> None:
        self.host = host
        self.timeout_s = timeout_s
        self._failures = failures

    def wait_for(self, awaitable: Awaitable[bool], callback: Callable[[Verdict], None]) -> None:
        """Call back once, in a later turn: with the answer, or with the failure."""
        _Answer(self, awaitable, callback)

    def failure(self, value: Any) -> AuthorizationFailed:
        """What went wrong, as the peer is told it: an exception that the authorizer raised, or what it gave for a bool.

        The log has all of it, the peer only what the authorizer meant for it.
        """
        if isinstance(value, AuthorizationFailed):
            return value
        if isinstance(value, BaseException):
            self._failures.add("the authorizer failed", value)
        else:
            self._failures.add(f"the authorizer answered with {value!r}, which is no bool")
        return AuthorizationFailed("the authorizer failed; the router's log says why")


class _Answer:
    """One answer that is waited for; it keeps itself alive through the host."""

    __slots__ = ("_answers", "_awaited", "_callback", "_is_over", "_timer")

    def __init__(self, answers: Answers, awaitable: Awaitable[bool], callback: Callable[[Verdict], None]) -> None:
        self._answers = answers
        self._callback = callback
        self._is_over = False
        self._timer = answers.host.call_later(answers.timeout_s, self._be_late)
        self._awaited = answers.host.wait_for(awaitable, self._be_known)

    def _be_known(self, value: Any) -> None:
        """One that comes although it was given up is no answer any more."""
        if not self._is_over:
            self._is_over = True
            self._timer.cancel()
            self._callback(value if isinstance(value, bool) else self._answers.failure(value))

    def _be_late(self) -> None:
        self._is_over = True
        self._awaited.cancel()
        late = TimeoutError(f"no answer within {self._answers.timeout_s:g} s (authorizer_timeout_s)")
        self._callback(self._answers.failure(late))
