"""What can go wrong, decided by what the peer is told.

    RouterError
        RequestError        the request fails: ERROR, the session goes on
        SessionError        the session ends: ABORT

A CallError is none of them: it is an ERROR that a member inside the router was answered with.

A class is named after the last part of its error URI, so that log, wire and code say the
same word. Raise where the fact is known; the session turns it into a message in one place.
"""

from typing import Any, ClassVar


class RouterError(Exception):
    """The root: carries the error URI and a sentence that names the value and the rule."""

    uri: ClassVar[str] = "wamp.error.runtime_error"

    def __init__(self, text: str, **details: Any) -> None:
        super().__init__(text)
        self.text = text
        self.details = details


class RequestError(RouterError):
    """One request fails. On the wire: ERROR with `[text]` as args and the details as kwargs."""


class InvalidUri(RequestError):
    """A URI or pattern breaks the grammar (spec: Basic Profile, URIs)."""

    uri = "wamp.error.invalid_uri"


class InvalidArgument(RequestError):
    """A payload or an argument has a value that the receiver cannot take."""

    uri = "wamp.error.invalid_argument"


class NotAuthorized(RequestError):
    """The principal lacks the right; also what ends a call whose right is revoked."""

    uri = "wamp.error.not_authorized"


class AuthorizationFailed(RequestError):
    """The authorizer itself failed, so nothing is allowed."""

    uri = "wamp.error.authorization_failed"


class OptionNotAllowed(RequestError):
    """An option asks for something that this router does not do, or not for this URI."""

    uri = "wamp.error.option_not_allowed"


class OptionDisallowedDiscloseMe(RequestError):
    """The realm discloses nobody, and the peer asked for it."""

    uri = "wamp.error.option_disallowed.disclose_me"


class FeatureNotSupported(RequestError):
    """The peer at the other end did not announce a feature that the request needs."""

    uri = "wamp.error.feature_not_supported"


class NoSuchProcedure(RequestError):
    """Nobody has registered the procedure."""

    uri = "wamp.error.no_such_procedure"


class Unavailable(RequestError):
    """What a callee answers that can do nothing for a call now: another callee may."""

    uri = "wamp.error.unavailable"


class NoAvailableCallee(RequestError):
    """The procedure is registered, and all its callees are unavailable."""

    uri = "wamp.error.no_available_callee"


class ProcedureAlreadyExists(RequestError):
    """The procedure has a callee already."""

    uri = "wamp.error.procedure_already_exists"


class NoSuchRegistration(RequestError):
    """UNREGISTER names a registration that the session does not hold."""

    uri = "wamp.error.no_such_registration"


class NoSuchSubscription(RequestError):
    """UNSUBSCRIBE names a subscription that the session does not hold."""

    uri = "wamp.error.no_such_subscription"


class NoSuchSession(RequestError):
    """A session meta procedure names a session that the realm does not have, or not for this caller."""

    uri = "wamp.error.no_such_session"


class Canceled(RequestError):
    """The call ended before its result: canceled by the caller, or its callee has gone."""

    uri = "wamp.error.canceled"


class PayloadSizeExceeded(RequestError):
    """A message is longer than its receiver takes (oversize.py)."""

    uri = "wamp.error.payload_size_exceeded"


class Timeout(RequestError):
    """The call took longer than its timeout, or the realm's."""

    uri = "wamp.error.timeout"


class LimitExceeded(RequestError):
    """A named limit of the router is reached (limits.py): the text names it, the keyword tells programs and counters.

    >>> error = LimitExceeded("the session has 3 subscriptions already", limit="subscriptions_per_session")
    >>> error.text, error.details["limit"]
    ('the session has 3 subscriptions already (subscriptions_per_session)', 'subscriptions_per_session')
    """

    uri = "fairlead.error.limit_exceeded"

    def __init__(self, text: str, *, limit: str) -> None:
        super().__init__(f"{text} ({limit})", limit=limit)


class CallError(Exception):
    """A call that this member made was answered with ERROR."""

    def __init__(self, uri: str, args: list[Any], kwargs: dict[str, Any]) -> None:
        super().__init__(f"{uri}: {args[0] if args else ''}")
        self.uri = uri
        self.error_args = args
        self.error_kwargs = kwargs


class SessionError(RouterError):
    """The session ends. On the wire: ABORT with the text as `message`."""


class ProtocolViolation(SessionError):
    """The peer sent what the protocol does not allow here (spec: Basic Profile, Protocol Violations)."""

    uri = "wamp.error.protocol_violation"


class LimitReached(SessionError):
    """A named limit is reached and no session is possible or bearable; text and `limit=` as in LimitExceeded."""

    uri = "fairlead.error.limit_reached"

    def __init__(self, text: str, *, limit: str) -> None:
        super().__init__(f"{text} ({limit})", limit=limit)


class NoSuchRealm(SessionError):
    """HELLO names a realm that the router does not have."""

    uri = "wamp.error.no_such_realm"


class Suspended(SessionError):
    """The realm serves nobody for now; who comes back later finds it again. Also the reason of GOODBYE."""

    uri = "fairlead.close.suspended"


class AuthenticationFailed(SessionError):
    """The peer's proof of identity is wrong."""

    uri = "wamp.error.authentication_failed"


class NoMatchingAuthMethod(SessionError):
    """HELLO offers no authentication method that the realm takes."""

    uri = "wamp.error.no_matching_auth_method"
