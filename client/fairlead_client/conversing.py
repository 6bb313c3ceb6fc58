"""One long call after the other: the loop around a state machine that says what to call and what the answers mean.

A call lasts as long as its session; the next one goes on where the machine has come to. This is the loop behind
`follow` and `watch`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator
from typing import Protocol, TypeVar

from fairlead_client.backoff import Backoff
from fairlead_client.calling import Calling
from fairlead_client.errors import CallFailed, Refused
from fairlead_client.records import now_us
from fairlead_client.requests import Request, Result
from fairlead_client.runtime import Answer, Session, Sessions

Item = TypeVar("Item")
Item_co = TypeVar("Item_co", covariant=True)


class Machine(Protocol[Item_co]):
    """What knows where we are."""

    @property
    def is_finished(self) -> bool:
        """Nothing is to be called any more."""

    def begun(self, session: Session) -> None:
        """The next call goes out on this session."""

    def request(self) -> Request:
        """That call."""

    def is_done_with(self, request: Request) -> bool:
        """Whether (more) answers to a request are of no use."""

    def look_at_clock(self, now_us: int) -> None:
        """It is that late, microseconds since 1970."""

    def progressed(self, result: Result) -> Iterable[Item_co]:
        """A progressive result has come."""

    def succeeded(self, request: Request, result: Result) -> Iterable[Item_co]:
        """The final one has come."""

    def failed(self, request: Request, error: CallFailed) -> Iterable[Item_co]:
        """An error has come; raises it if that is the end."""

    def refused(self, error: Refused) -> Iterable[Item_co]:
        """There will be no session; raises it if that is no ordinary end."""


async def converse(sessions: Sessions, machine: Machine[Item]) -> AsyncGenerator[Item, None]:
    """Whatever the machine makes of the answers, over as many sessions as it takes."""
    runtime = sessions.runtime
    backoff = Backoff()
    while not machine.is_finished:
        try:
            session = await sessions.session()
        except Refused as error:
            for item in machine.refused(error):
                yield item
            continue
        machine.begun(session)
        request = machine.request()
        call = Calling(runtime, session, request)
        has_moved = False
        try:
            while not call.is_over and not machine.is_done_with(request):
                for item in _items(machine, await call.answers()):
                    has_moved = True
                    yield item
                machine.look_at_clock(now_us())
        finally:
            call.cancel()
        if has_moved or machine.is_done_with(request):
            backoff.reset()
        elif session.is_open:  # refused, for now
            await runtime.wakeup().wait(backoff.next_s())


def _items(machine: Machine[Item], answers: Iterable[Answer]) -> Iterator[Item]:
    for answer in answers:
        if machine.is_done_with(answer.request):
            return
        if isinstance(answer.error, CallFailed):
            yield from machine.failed(answer.request, answer.error)
        elif answer.error is not None:
            return  # the session is gone: the next one goes on where we are
        elif answer.is_final:
            yield from machine.succeeded(answer.request, answer.result)
        else:
            yield from machine.progressed(answer.result)
