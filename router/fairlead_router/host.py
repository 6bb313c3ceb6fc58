"""What the protocol core needs from the program around it: a turn of the loop, a timer, an awaited answer, the time.

The core imports no asyncio and reads no clock; `loop_host.py` gives it these on an event loop, a test
gives it a hand-driven one.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol


class Timer(Protocol):
    """A pending `call_later` or `wait_for`."""

    def cancel(self) -> object:
        """Forget it; harmless when it has run."""


class Host(Protocol):
    """The event loop as the core sees it."""

    def time_us(self) -> int:
        """The wall clock: microseconds since 1970. It may jump; order never rests on it."""

    def steady_us(self) -> int:
        """A clock that nobody sets, and that goes on while the machine sleeps: microseconds since some moment."""

    def call_soon(self, callback: Callable[[], object]) -> None:
        """Run the callback in the next turn of the loop."""

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Run the callback after so many seconds."""

    def wait_for(self, awaitable: Awaitable[Any], callback: Callable[[Any], None]) -> Timer:
        """Run the callback with the awaited result, or with the exception object that the await raised.

        Canceling it cancels the awaitable too.
        """
