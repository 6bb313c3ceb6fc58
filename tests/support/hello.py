"""A HELLO in the test's hand, and the answer to it, for tests of authenticators."""

from __future__ import annotations

from typing import Any

from fairlead_router.auth import Authenticator, ChallengeRequest, HelloRequest
from fairlead_router.authorization import Principal
from fairlead_router.peer import IN_PROCESS, PeerDetails

TIME_US = 1_790_000_000_123_456


def hello(
    *authmethods: str,
    authid: str | None = None,
    authextra: dict[str, Any] | None = None,
    peer: PeerDetails = IN_PROCESS,
    session_id: int = 4711,
) -> HelloRequest:
    """What a peer said."""
    return HelloRequest("realm1", authid, authmethods, authextra, "test", peer, session_id, TIME_US)


def challenged(authenticator: Authenticator, request: HelloRequest) -> ChallengeRequest:
    """The challenge that the authenticator answers with."""
    decision = authenticator.authenticate(request)
    assert isinstance(decision, ChallengeRequest)
    return decision


def verified(challenge: ChallengeRequest, signature: str, extra: dict[str, Any] | None = None) -> Principal:
    """The principal that the proof names."""
    decision = challenge.verify(signature, extra or {})
    assert isinstance(decision, Principal)
    return decision
