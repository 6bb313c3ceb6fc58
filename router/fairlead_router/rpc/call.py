"""An invocation as an in-process endpoint sees it: who calls, with what, and the handle for its results.

An endpoint returns the result, or an awaitable of it, or `PENDING` and uses the handle later. Raising a
RequestError answers with ERROR. A result is one dict, sent as the only positional argument together
with empty kwargs (Autobahn with `details=True` loses its session without), or a ready Payload.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fairlead_router.authorization import Level, Principal
from fairlead_router.errors import NotAuthorized, RequestError
from fairlead_router.payload import Payload
from fairlead_router.rights_watch import Gained, Lost
from fairlead_router.rpc.arguments import T, bind
from fairlead_router.rpc.pending_call import PendingCall

if TYPE_CHECKING:
    from fairlead_router.session import Session


class _Pending:
    """The type of PENDING."""


PENDING = _Pending()
"""What an endpoint returns when the result comes later through the handle."""

Value = dict[str, Any] | Payload


class Caller:
    """Who calls; known whether or not the caller discloses itself."""

    __slots__ = ("_session",)

    def __init__(self, session: "Session") -> None:
        self._session = session

    @property
    def session_id(self) -> int:
        """The caller's session."""
        return self._session.id

    @property
    def principal(self) -> Principal:
        """The caller's identity."""
        return self._session.principal

    def can(self, level: Level, object_id: str) -> bool:
        """Whether the caller has this level on the object now. Services inside the router may everything."""
        return self._session.can(level, object_id)


class Call:
    """One invocation, and the handle for its results."""

    __slots__ = ("_forget", "_is_ended", "_on_input", "_pending", "caller", "expects_more", "on_end", "payload")

    def __init__(self, pending: PendingCall, payload: Payload, forget: Callable[[], object]) -> None:
        """`forget` is called when the endpoint has ended the call, or heard of its end."""
        self._pending = pending
        self._forget = forget
        self._is_ended = False
        self._on_input: Callable[[Payload, bool], None] | None = None
        self.payload = payload
        self.expects_more = False
        """Whether the caller sends more inputs than what is here (spec: Progressive Call Invocations)."""
        self.caller = Caller(pending.caller)
        self.on_end: Callable[[str], None] | None = None
        """Called once with a reason URI when the call ends otherwise than by us: canceled, revoked, caller gone."""

    @property
    def procedure(self) -> str:
        """The procedure's URI."""
        return self._pending.procedure

    @property
    def wants_progress(self) -> bool:
        """Whether the caller takes progressive results."""
        return self._pending.wants_progress

    @property
    def is_open(self) -> bool:
        """Whether the caller still waits for our result: one that we refused may be another callee's by now."""
        return not (self._is_ended or self._pending.is_over)

    # --- arguments ----------------------------------------------------------------------------

    def arguments(self, shape: type[T]) -> T:
        """The arguments, bound by position and by name to a msgspec Struct; a name wins, unknown ones are ignored.

        Raises InvalidArgument, which names the procedure, the argument and the rule.
        """
        return bind(self.procedure, self.payload, shape)

    @property
    def on_input(self) -> Callable[[Payload, bool], None] | None:
        """Called with each further input of a progressive call invocation, and whether it is the last one.

        What comes before it is set waits, as part of what the caller may have waiting (`kept_call_bytes`).
        """
        return self._on_input

    @on_input.setter
    def on_input(self, callback: Callable[[Payload, bool], None]) -> None:
        self._on_input = callback
        waiting = self._pending.kept
        self._pending.drop_kept()
        for number, payload in enumerate(waiting, 1):
            callback(payload, number == len(waiting) and not self.expects_more)

    def take(self, payload: Payload, is_last: bool) -> None:
        """Another input has come; called by the member. Raises LimitExceeded, and what the endpoint raises."""
        self.expects_more = not is_last
        if self._on_input is None:
            self._pending.keep(payload)
        else:
            self._on_input(payload, is_last)

    # --- rights -------------------------------------------------------------------------------

    def require(self, level: Level, object_id: str) -> None:
        """Raise NotAuthorized unless the caller has this level on the object now."""
        if not self.caller.can(level, object_id):
            principal = self.caller.principal
            raise NotAuthorized(f"{principal.authid!r} may not {level} {object_id!r}")

    def hold(self, level: Level, object_id: str) -> None:
        """Require the right for as long as the call lasts; its loss purges queued results and ends the call."""
        self.require(level, object_id)
        self._pending.tie_to(level, object_id)

    def watch_rights(self, lost: Lost, gained: Gained) -> None:
        """For as long as the call lasts, tell when rights of the caller may have gone or come (rights_watch.py).

        `lost` is called in the turn in which they go, before that is acknowledged: `purge` what is queued then, and ask
        `caller.can` before anything is sent.
        """
        self._pending.watch_rights(lost, gained)

    def show_while(self, holds: Callable[[], bool]) -> None:
        """The final result is for who may see it: once this is false, while it is still queued, it becomes ERROR.

        Asked when the caller, or any object, has lost something. For what no single right says: `hold` is for that.
        """
        self._pending.shown_while = (*self._pending.shown_while, holds)

    # --- results ------------------------------------------------------------------------------

    def send(self, result: Value, position: int = 0) -> bool:
        """A progressive result. False: there is no room and it was not queued; `on_writable` is called when there is.

        `position` is any number that `purge` gives back.
        """
        return self.is_open and self._pending.caller.realm.rpc.offer_progress(
            self._pending, as_payload(result), position
        )

    @property
    def on_writable(self) -> Callable[[], None] | None:
        """Called when there is room again after `send` returned False."""
        return self._pending.on_writable

    @on_writable.setter
    def on_writable(self, callback: Callable[[], None] | None) -> None:
        self._pending.on_writable = callback

    @property
    def has_queue(self) -> bool:
        """Whether anything waits to be written to the caller, of this call or another thing."""
        return not self._pending.outbox.is_empty

    def purge(self) -> int | None:
        """Take back what is queued of this call. Returns the position of the first result taken back, or None."""
        return self._pending.outbox.purge(self._pending)

    def finish(self, result: Value) -> None:
        """The final result. Nothing is sent if the call is over already."""
        payload = as_payload(result)
        self._pending.caller.realm.deadlines.run_due()
        if self._ends():
            self._pending.caller.realm.rpc.result(self._pending, payload)

    def abort(self, error: RequestError) -> None:
        """End the call with ERROR; queued results are taken back. Nothing is sent if the call is over already.

        Unavailable says that nothing was done: another callee of a shared registration gets the call.
        """
        if self._ends():
            self._pending.caller.realm.rpc.abort(self._pending, error)

    def _ends(self) -> bool:
        """The endpoint is done with the call. Whether the caller has waited for that."""
        was_open = self.is_open
        self._is_ended = True
        self._forget()
        return was_open


def as_payload(value: Value) -> Payload:
    """A dict as the only positional argument, with empty kwargs."""
    return value if isinstance(value, Payload) else Payload.from_values([value], {})
