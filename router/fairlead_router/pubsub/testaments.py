"""Testaments: what is published for a session when it has ended, however it ended (spec: Session Testament).

A session adds and flushes its own, nobody else's. They are published in the turn after its end, those of scope
`detached` first, each scope in the order in which they were added, and like any publication: by the rights that the
principal has then (G12). Without session resumption a session is detached and destroyed at once.
"""

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import msgspec

from fairlead_router.answers import Verdict
from fairlead_router.errors import LimitExceeded, NotAuthorized, RouterError
from fairlead_router.gate import Basis
from fairlead_router.messages import Publish, PublishOptions
from fairlead_router.payload import Payload
from fairlead_router.questions import Question
from fairlead_router.rpc.arguments import bind
from fairlead_router.transcode import Codec

if TYPE_CHECKING:
    from fairlead_router.realm import Realm
    from fairlead_router.session import Session

ADD = "wamp.session.add_testament"
FLUSH = "wamp.session.flush_testaments"

_REQUEST = 1
"""The request id of a PUBLISH that nobody sent and that is not acknowledged."""

Scope = Literal["detached", "destroyed"]


class _Add(msgspec.Struct):
    """Arguments of `wamp.session.add_testament`."""

    positional: ClassVar[tuple[str, ...]] = ("topic", "args", "kwargs")
    topic: str
    args: list[Any] | None = None
    kwargs: dict[str, Any] | None = None
    publish_options: PublishOptions | None = None
    scope: Scope = "destroyed"


class _Flush(msgspec.Struct):
    """Arguments of `wamp.session.flush_testaments`."""

    positional: ClassVar[tuple[str, ...]] = ()
    scope: Scope = "destroyed"


class Testament(msgspec.Struct, frozen=True):
    """A PUBLISH that waits for the end of its session."""

    scope: Scope
    message: Publish
    size: int


class Testaments:
    """The testaments of one realm's sessions."""

    __test__ = False  # the name is the spec's; pytest would take it for tests

    def __init__(self, realm: "Realm") -> None:
        self._realm = realm
        self._of: dict[Session, list[Testament]] = {}
        realm.procedures.update({ADD: self._add, FLUSH: self._flush})

    # --- the procedures -----------------------------------------------------------------------

    def _add(self, caller: "Session", payload: Payload) -> Payload:
        """Refuses at once what can never be published; the right is judged when the session has ended."""
        arguments = bind(ADD, payload, _Add)
        message = _publish_message(arguments, caller.outbox.wire.codec)
        self._realm.pubsub.question_publish(caller, message)
        testament = Testament(arguments.scope, message, self._realm.pubsub.publication(caller, message).size)
        self._check_room(caller, testament)
        self._of.setdefault(caller, []).append(testament)
        return Payload.of()

    def _flush(self, caller: "Session", payload: Payload) -> Payload:
        scope = bind(FLUSH, payload, _Flush).scope
        kept = [each for each in self._of.pop(caller, ()) if each.scope != scope]
        if kept:
            self._of[caller] = kept
        return Payload.of()

    def _check_room(self, session: "Session", added: Testament) -> None:
        limits, known = self._realm.limits, self._of.get(session, ())
        if len(known) >= limits.testaments_per_session:
            text = f"the session has {len(known)} testaments already"
            raise LimitExceeded(text, limit="testaments_per_session")
        size = sum(each.size for each in known) + added.size
        if size > limits.testament_bytes:
            text = f"the session's testaments would have {size} bytes, at most {limits.testament_bytes}"
            raise LimitExceeded(text, limit="testament_bytes")

    # --- the session's end --------------------------------------------------------------------

    def session_left(self, session: "Session") -> None:
        """Publish them in the next turn: the session may have been ended amid the gate's sweep."""
        testaments = self._of.pop(session, None)
        if testaments is not None:
            ordered = sorted(testaments, key=lambda each: each.scope == "destroyed")
            self._realm.host.call_soon(partial(self._publish, session, deque(ordered)))

    def _publish(self, session: "Session", left: deque[Testament]) -> None:
        """In their order: each waits for the answer about the one before."""
        self._realm.deadlines.run_due()
        while left:
            try:
                question = self._realm.pubsub.question_publish(session, left[0].message)
                verdict = self._realm.may(session.principal, question)
            except RouterError as error:
                self._settle(session, left.popleft(), error)
                continue
            if not isinstance(verdict, bool):
                basis = self._realm.gate.basis(session.principal.authid, question.object_id)
                self._realm.answers.wait_for(verdict, partial(self._answered, session, left, question, basis))
                return
            self._settle(session, left.popleft(), verdict)

    def _answered(
        self, session: "Session", left: deque[Testament], question: Question, basis: Basis, verdict: Verdict
    ) -> None:
        """A yes is stale if a cell has moved meanwhile: it is asked again (G6)."""
        if verdict is not True or basis == self._realm.gate.basis(session.principal.authid, question.object_id):
            self._settle(session, left.popleft(), verdict)
        self._publish(session, left)

    def _settle(self, session: "Session", testament: Testament, verdict: bool | RouterError) -> None:
        """Nobody is left to be told of a refusal: it is counted."""
        try:
            if isinstance(verdict, RouterError):
                raise verdict
            if not verdict:
                raise NotAuthorized(f"{session.principal.authid!r} may not publish {testament.message.topic!r}")
            self._realm.pubsub.publish(session, testament.message)
        except RouterError as error:
            self._realm.counters.refused_publications += 1
            self._realm.limit_exceeded(error, session.id)


def _publish_message(arguments: _Add, codec: Codec) -> Publish:
    """In the serializer of the session, as if it had sent PUBLISH itself. Raises InvalidArgument."""
    payload = Payload.from_values(arguments.args or [], arguments.kwargs or None).to(codec)
    options = msgspec.structs.replace(arguments.publish_options or PublishOptions(), acknowledge=False)
    return Publish(
        _REQUEST, options, arguments.topic, msgspec.Raw(payload.args_bytes), msgspec.Raw(payload.kwargs_bytes)
    )
