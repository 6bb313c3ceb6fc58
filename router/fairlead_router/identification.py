"""Identification: one peer's way from HELLO to a principal, whatever its realm's authenticator needs for it.

It fails closed: whatever the authenticator raises but a SessionError is in the log, and the peer hears only that it
was refused. What an authenticator takes its time for is canceled when the peer has gone or the time is over.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from inspect import isawaitable
from typing import Any

import msgspec

from fairlead_router.auth.attempts import Attempts
from fairlead_router.auth.protocol import ChallengeRequest, Decision, HelloRequest
from fairlead_router.authorization import Principal
from fairlead_router.errors import (
    AuthenticationFailed,
    InvalidUri,
    LimitReached,
    NoMatchingAuthMethod,
    ProtocolViolation,
    SessionError,
)
from fairlead_router.host import Timer
from fairlead_router.limits import Limits
from fairlead_router.messages import Hello, Roles
from fairlead_router.realm import Realm
from fairlead_router.session import SERVICE_ROLE
from fairlead_router.transcode import OutsideCommonModel, encode
from fairlead_router.uris import check_uri

Later = Callable[[Decision | SessionError], None]


class InvalidRealmUri(SessionError):
    """HELLO names a realm that breaks the grammar of URIs, so that no router can have it."""

    uri = InvalidUri.uri


def check_hello(message: Hello, limits: Limits) -> None:
    """What is wrong with a HELLO whatever its realm. Raises a SessionError."""
    if message.details.roles == Roles():
        raise ProtocolViolation("HELLO announces no role of publisher, subscriber, caller, callee")
    if len(message.details.authid or "") > limits.authid_length:
        text = f"the authid has more than {limits.authid_length} characters"
        raise LimitReached(text, limit="authid_length")
    _check_extra(message.details.authextra)
    try:
        check_uri(message.realm, "exact", limits.uri_length)
    except InvalidUri as error:
        raise InvalidRealmUri(error.text) from None


def _check_extra(extra: dict[str, Any] | None) -> None:
    """A procedure may be asked about it: no deeper and no stranger than a payload (transcode.py)."""
    if extra:
        try:
            encode("json", extra)
        except OutsideCommonModel as error:
            raise ProtocolViolation(f"extra: {error}") from None


class Identification:
    """Made for each HELLO. `on_later` gets what was not decided at once, or the error that it came to."""

    def __init__(self, realm: Realm, attempts: Attempts, hello: HelloRequest, on_later: Later) -> None:
        self._realm = realm
        self._attempts = attempts
        self._hello = hello
        self._on_later = on_later
        self._challenge: ChallengeRequest | None = None
        self._authmethod: str | None = None
        self._waiting: Timer | None = None
        self._timer: Timer | None = None

    def begin(self) -> Decision | None:
        """HELLO: ask the authenticator. None if it decides later. Raises a SessionError."""
        return self._ask(partial(self._realm.authenticator.authenticate, self._hello))

    def answer(self, signature: str, extra: dict[str, Any]) -> Decision | None:
        """AUTHENTICATE: the challenge is used up, whatever becomes of it. None and errors as of `begin`."""
        challenge, self._challenge = self._challenge, None
        assert challenge is not None
        _check_extra(extra)
        self._attempts.check(self._hello.peer)
        return self._ask(partial(challenge.verify, signature, extra))

    def cancel(self) -> None:
        """The peer has gone, or hears no more: nothing is awaited for it."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._stop_waiting()

    def _stop_waiting(self) -> None:
        assert self._timer is not None
        self._timer.cancel()
        self._waiting = self._timer = None
        self._attempts.end_waiting()

    def _ask(self, question: Callable[[], Decision | Awaitable[Decision]]) -> Decision | None:
        try:
            answer = question()
        except Exception as error:
            raise self._refusal(error) from error
        if isawaitable(answer):
            self._wait(answer)
            return None
        decision = self._accepted(answer)
        if isinstance(decision, SessionError):
            raise decision
        return decision

    def _wait(self, answer: Awaitable[Decision]) -> None:
        host = self._realm.host
        waiting = host.wait_for(answer, self._answered)
        try:
            self._attempts.begin_waiting()
        except LimitReached:
            waiting.cancel()
            raise
        self._waiting = waiting
        self._timer = host.call_later(self._realm.limits.authenticator_timeout_s, self._timed_out)

    def _answered(self, answer: Any) -> None:
        if self._waiting is None:
            return
        self._stop_waiting()
        if isinstance(answer, BaseException):
            self._on_later(self._refusal(answer))
        else:
            self._on_later(self._accepted(answer))

    def _timed_out(self) -> None:
        self.cancel()
        limit_s = self._realm.limits.authenticator_timeout_s
        self._on_later(self._refusal(TimeoutError(f"no decision within {limit_s:g} s (authenticator_timeout_s)")))

    def _accepted(self, answer: Any) -> Decision | SessionError:
        """The answer, unless it makes no sense: then our own program is wrong, and nobody is let in for it."""
        if isinstance(answer, ChallengeRequest):
            self._challenge, self._authmethod = answer, answer.authmethod
            return self._sendable(answer, answer.extra)
        if not isinstance(answer, Principal):
            return self._refusal(TypeError(f"it answered with {type(answer).__name__}"))
        if answer.expires_us is not None and answer.expires_us <= self._realm.host.time_us():
            return self._refusal(AuthenticationFailed("what the peer came in with has expired"))
        if answer.authrole == SERVICE_ROLE:
            return self._refusal(ValueError(f"authrole {SERVICE_ROLE!r} is for services inside the router"))
        if "\0" in f"{answer.authid}{answer.authrole}{answer.authmethod}{answer.authprovider}":
            return self._refusal(ValueError("U+0000 in a principal: JSON could not tell others of it"))
        if self._authmethod is not None:  # the proof is what counts: clients look their method up by WELCOME
            answer = msgspec.structs.replace(answer, authmethod=self._authmethod)
        return self._sendable(answer, answer.authextra)

    def _sendable(self, decision: Decision, extra: dict[str, Any] | None) -> Decision | SessionError:
        """The decision, if every reader takes the message: in WELCOME the extra is a level deeper than args are."""
        if extra:
            try:
                encode("json", [extra])
            except OutsideCommonModel as error:
                return self._refusal(error)
        return decision

    def _refusal(self, error: BaseException) -> SessionError:
        """What the peer is told, which is little, and what is counted and logged."""
        if isinstance(error, NoMatchingAuthMethod):
            return error
        self._realm.counters.authentications_failed += 1
        if isinstance(error, AuthenticationFailed):
            self._attempts.failed(self._hello.peer)
        if isinstance(error, SessionError):
            return error
        self._realm.failures.add(f"the authenticator of realm {self._realm.name!r} failed", error)
        return AuthenticationFailed("the peer could not be authenticated")
