"""What the loops of `writer` and `follow` need of a framework: the time, a way to wait, a session to call on.

asyncio and Twisted each have an implementation in the module of their name. The coroutines of this package await only
what comes from here, so one and the same loop runs on either.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple, Protocol

from fairlead_client.errors import ClientError
from fairlead_client.requests import Request, Result


class Answer(NamedTuple):
    """One thing that came for a request: a result, the final one or not, or an error."""

    request: Request
    result: Result
    error: ClientError | None = None
    is_final: bool = True


class Wakeup(Protocol):
    """A bell: `set` by whoever has news, waited for by one coroutine."""

    def set(self) -> None:
        """Rings; before the wait it counts for the next one."""

    async def wait(self, timeout_s: float | None = None) -> None:
        """Returns at the ring, or when the time is up."""


class Task(Protocol):
    """A running coroutine."""

    def cancel(self) -> object:
        """Ends it, soon."""


class Runtime(Protocol):
    """A framework."""

    def time_s(self) -> float:
        """A clock that only goes forward."""

    def wakeup(self) -> Wakeup:
        """A new bell."""

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> Task:
        """Runs a coroutine beside its caller."""

    def in_thread(self, job: Callable[[], None], on_done: Callable[[OSError | None], None] | None = None) -> None:
        """Does a blocking job somewhere else, and tells how it ended, in the framework's own thread again."""


class Session(Protocol):
    """A joined WAMP session."""

    @property
    def is_open(self) -> bool:
        """Calls can be made."""

    def call(self, request: Request, on_answer: Callable[[Answer], None]) -> Callable[[], None]:
        """Makes a call; what comes for it goes to `on_answer`, the final answer last. Returns how to cancel it."""

    def on_end(self, callback: Callable[[], None]) -> None:
        """Calls back once the session is over, whoever ended it."""

    def pause(self) -> None:
        """Reads no more from the router until `resume`: who cannot use more must not collect it."""

    def resume(self) -> None:
        """Reads again."""

    def end(self) -> None:
        """Leaves the realm and closes the connection, without waiting."""


class Sessions(Protocol):
    """Where sessions come from, and so what framework all that uses them runs on."""

    @property
    def runtime(self) -> Runtime:
        """The framework."""

    async def session(self) -> Session:
        """The open session, else a new one, however long that takes. Raises Refused when there will be none."""


def outcome_of(job: Callable[[], None]) -> OSError | None:
    """Does the job; what a disk had against it, if it had something."""
    try:
        job()
    except OSError as error:
        return error
    return None
