"""Idle sessions: the option to end who neither sends nor gets a message for long (`idle_timeout_s`).

It costs nothing per message: what has gone through a session is counted anyway, and a timer looks now and then
whether it has become more. A call in progress keeps both its ends. Pings are not messages: whether the connection
stands is another question.
"""

from typing import TYPE_CHECKING

from fairlead_router.errors import LimitReached
from fairlead_router.host import Timer

if TYPE_CHECKING:
    from fairlead_router.session import Session

IDLE_TIMEOUT = "fairlead.close.idle_timeout"
"""GOODBYE reason for a session that was silent for too long."""

_LOOKS = 4
"""In one timeout: a session lives at most a quarter longer than it may."""


class IdleWatch:
    """Ends its session when it has been silent for `timeout_s`, or a little longer."""

    __slots__ = ("_looks_left", "_seen", "_session", "_timeout_s", "_timer")

    def __init__(self, session: "Session", timeout_s: float) -> None:
        self._session = session
        self._timeout_s = timeout_s
        self._seen = 0
        self._looks_left = _LOOKS
        self._timer = self._wait()

    def stop(self) -> None:
        """The session has ended."""
        self._timer.cancel()

    def _wait(self) -> Timer:
        return self._session.realm.host.call_later(self._timeout_s / _LOOKS, self._look)

    def _look(self) -> None:
        session = self._session
        messages = session.received_messages + session.outbox.sent_messages
        if messages != self._seen or session.calls or session.invocations:
            self._seen = messages
            self._looks_left = _LOOKS
        else:
            self._looks_left -= 1
        if self._looks_left:
            self._timer = self._wait()
            return
        error = LimitReached(f"no message for {self._timeout_s:g} s", limit="idle_timeout_s")
        session.realm.limit_exceeded(error, session.id)
        session.realm.end_session(session, IDLE_TIMEOUT, error.text)
