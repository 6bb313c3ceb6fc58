"""From HELLO to a principal: authenticators that take their time, fail, or ask twice; and those who fail too often."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from fairlead_router.auth import ChallengeRequest, Decision, HelloRequest
from fairlead_router.auth.attempts import Attempts
from fairlead_router.authorization import Principal
from fairlead_router.connection import Connection
from fairlead_router.errors import AuthenticationFailed, LimitReached, NoMatchingAuthMethod
from fairlead_router.limits import Limits
from fairlead_router.peer import PeerDetails
from support.core import ROLES, Answer, Core, HandHost, Peer, types_of

HELLO = [1, "realm1", {"roles": ROLES}]
LIMIT = "fairlead.error.limit_reached"
FAILED = "wamp.error.authentication_failed"
ALICE = Principal("alice", "user", "ticket", authextra={"hint": "for alice only"})


class Asked:
    """An authenticator that answers what the test says."""

    def __init__(self, answer: Callable[[HelloRequest], Decision | Awaitable[Decision]]) -> None:
        self._answer = answer
        self.hellos: list[HelloRequest] = []

    def authenticate(self, hello: HelloRequest) -> Decision | Awaitable[Decision]:
        self.hellos.append(hello)
        return self._answer(hello)


def core_with(answer: Callable[[HelloRequest], Any], **limits: Any) -> tuple[Core, Asked]:
    core = Core(Limits(**limits))
    core.realm1.authenticator = asked = Asked(answer)
    return core, asked


def raises(error: Exception) -> Callable[..., Any]:
    def ask(*args: Any) -> Any:
        raise error

    return ask


def reason(messages: list[list[Any]]) -> str:
    [abort] = messages
    assert abort[0] == 3
    uri: str = abort[2]
    return uri


# ---- what an authenticator may answer ----


def test_session_has_the_id_that_the_authenticator_was_told() -> None:
    core, asked = core_with(lambda hello: ALICE)
    [welcome] = Peer(core).ask(HELLO)
    assert asked.hellos[0].session_id == welcome[1]


def test_welcome_has_the_authextra_of_the_principal_and_nobody_else_sees_it() -> None:
    core, _ = core_with(lambda hello: ALICE)
    watcher = Peer(core)
    watcher.ask(HELLO)
    watcher.subscribe("wamp.session.on_join")
    [welcome] = Peer(core).ask(HELLO)
    assert welcome[2]["authextra"] == {"hint": "for alice only"}
    [[joined]] = watcher.events()
    assert joined["authid"] == "alice"
    assert "hint" not in str(joined)


@pytest.mark.parametrize(("levels", "answer"), [(62, 2), (63, 3)])
def test_welcome_is_nested_no_deeper_than_every_reader_takes(levels: int, answer: int) -> None:
    """64 levels, of which two are the message and its details."""
    authextra: dict[str, Any] = {}
    for _ in range(levels - 1):
        authextra = {"a": authextra}
    core, _ = core_with(lambda hello: Principal("alice", "user", authextra=authextra))
    assert types_of(Peer(core).ask(HELLO)) == [answer]


def test_principal_without_authextra_has_none_in_welcome() -> None:
    [welcome] = Peer(Core()).ask(HELLO)
    assert "authextra" not in welcome[2]


def test_decision_may_come_later() -> None:
    answer = Answer()
    core, _ = core_with(lambda hello: answer)
    peer = Peer(core)
    assert peer.ask(HELLO) == []
    answer.give(ChallengeRequest("ticket", lambda signature, extra: ALICE, {"n": 1}))
    assert peer.take() == [[4, "ticket", {"n": 1}]]
    assert types_of(peer.ask([5, "secret", {}])) == [2]
    assert core.host.pending_timers == 0


def test_verify_gets_signature_and_extra_of_authenticate() -> None:
    seen: list[Any] = []

    def verify(signature: str, extra: dict[str, Any]) -> Decision:
        seen.append((signature, extra))
        return ALICE

    core, _ = core_with(lambda hello: ChallengeRequest("x", verify))
    Peer(core).ask(HELLO, [5, "proof", {"nonce": "n"}])
    assert seen == [("proof", {"nonce": "n"})]


def test_welcome_says_the_method_whose_proof_was_asked_for() -> None:
    """Autobahn's Component looks its method up by WELCOME; an authenticator of a program need not say it twice."""
    core, _ = core_with(lambda hello: ChallengeRequest("pin", lambda signature, extra: Principal("alice", "user")))
    [_, welcome] = Peer(core).ask(HELLO, [5, "1234", {}])
    assert welcome[2]["authmethod"] == "pin"


def test_second_challenge_may_follow_the_first() -> None:
    second = ChallengeRequest("totp", lambda signature, extra: ALICE)
    core, _ = core_with(lambda hello: ChallengeRequest("ticket", lambda signature, extra: second))
    messages = Peer(core).ask(HELLO, [5, "ticket", {}], [5, "123456", {}])
    assert [message[:2] for message in messages[:2]] == [[4, "ticket"], [4, "totp"]]
    assert types_of(messages) == [4, 4, 2]


def test_challenge_is_used_up_by_one_answer() -> None:
    core = Core()
    peer = Peer(core)
    peer.ask([1, "realm1", {"roles": ROLES, "authid": "alice", "authmethods": ["ticket"]}])
    messages = peer.ask([5, "secret", {}], [5, "secret", {}])
    assert types_of(messages) == [2, 3]
    assert messages[1][2] == "wamp.error.protocol_violation"
    assert not list(core.realm1.sessions())


@pytest.mark.parametrize(
    "message", [[5, 5, {}], [5], [5, "x", []], [5, None, {}], [5, b"\xff".decode("latin-1"), "extra"]]
)
def test_malformed_authenticate_is_a_violation(message: list[Any]) -> None:
    peer = Peer(Core())
    peer.ask([1, "realm1", {"roles": ROLES, "authid": "alice", "authmethods": ["ticket"]}])
    assert reason(peer.ask(message)) == "wamp.error.protocol_violation"


# ---- failing closed ----


@pytest.mark.parametrize(
    "answer",
    [
        RuntimeError("the database is away"),
        None,
        "alice",
        {"role": "user"},
        Principal("alice", "service"),
        Principal("alice", "user", authextra={"what no message can carry": object()}),
        ChallengeRequest("x", lambda signature, extra: ALICE, {"at": {1, 2, 3}}),
    ],
)
@pytest.mark.parametrize("when", ["at once", "later"])
def test_authenticator_that_fails_lets_nobody_in_and_only_the_log_knows_why(
    answer: Any, when: str, caplog: pytest.LogCaptureFixture
) -> None:
    later = Answer()
    at_once = raises(answer) if isinstance(answer, Exception) else lambda hello: answer
    core, _ = core_with(at_once if when == "at once" else lambda hello: later)
    peer = Peer(core)
    peer.ask(HELLO) if when == "later" else peer.send(HELLO)
    if when == "later":
        later.give(answer)
    [abort] = peer.take()
    assert abort == [3, {"message": "the peer could not be authenticated"}, FAILED]
    assert core.realm1.counters.authentications_failed == 1
    assert any(record.levelno == logging.ERROR and record.exc_info for record in caplog.records)


def test_no_matching_method_is_no_failed_attempt() -> None:
    core, _ = core_with(raises(NoMatchingAuthMethod("none")))
    assert reason(Peer(core).ask(HELLO)) == "wamp.error.no_matching_auth_method"
    assert core.realm1.counters.authentications_failed == 0


def test_decision_must_come_in_time() -> None:
    core, _ = core_with(lambda hello: Answer(), authenticator_timeout_s=3)
    peer = Peer(core)
    peer.ask(HELLO)
    core.host.advance(2.9)
    assert peer.take() == []
    core.host.advance(0.2)
    assert reason(peer.take()) == FAILED
    core.host.advance(60)
    assert core.host.pending_timers == 0


@pytest.mark.parametrize("end", [Peer.vanish, lambda peer: peer.send([16, 1, {}, "com.x"])])
def test_decision_that_comes_too_late_opens_nothing(end: Callable[[Peer], None]) -> None:
    answer = Answer()
    core, _ = core_with(lambda hello: answer)
    peer = Peer(core)
    peer.ask(HELLO)
    end(peer)
    answer.give(ALICE)
    assert all(message[0] == 3 for message in peer.take())
    assert list(core.realm1.sessions()) == []


def test_so_many_may_wait_for_a_decision_and_no_more() -> None:
    answers: list[Answer] = []

    def later(hello: HelloRequest) -> Answer:
        answers.append(Answer())
        return answers[-1]

    core, _ = core_with(later, authentications_waiting=2)
    first, second, third = Peer(core), Peer(core), Peer(core)
    assert [peer.ask(HELLO) for peer in (first, second)] == [[], []]
    [abort] = third.ask(HELLO)
    assert "authentications_waiting" in abort[1]["message"]
    answers[0].give(ALICE)
    second.vanish()
    assert types_of(first.take()) == [2]
    fourth, fifth = Peer(core), Peer(core)
    assert [peer.ask(HELLO) for peer in (fourth, fifth)] == [[], []], "both places are free again"


# ---- who fails too often ----


def attempt(core: Core, ticket: str, address: str | None) -> list[list[Any]]:
    peer = Peer(core)
    peer.network.connection = peer.connection = Connection(
        core, peer.connection._serializer, peer.connection.wire, peer.network, peer=PeerDetails(address=address)
    )
    return peer.ask(HELLO, [5, ticket, {}])


def guarded(**limits: Any) -> Core:
    def verify(ticket: str, extra: dict[str, Any]) -> Decision:
        if ticket != "right":
            raise AuthenticationFailed("the ticket is not valid")
        return ALICE

    core, _ = core_with(lambda hello: ChallengeRequest("ticket", verify), **limits)
    return core


def test_an_address_that_fails_too_often_is_not_heard_for_a_while() -> None:
    core = guarded(failed_attempts_per_address=3, failed_attempts_window_s=60)
    for _ in range(3):
        assert types_of(attempt(core, "wrong", "192.0.2.1")) == [4, 3]
    [abort] = attempt(core, "right", "192.0.2.1")
    assert (abort[0], abort[2]) == (3, LIMIT)
    assert "failed_attempts_per_address" in abort[1]["message"]
    assert types_of(attempt(core, "right", "192.0.2.2")) == [4, 2], "others are heard"
    core.host.advance(61)
    assert types_of(attempt(core, "right", "192.0.2.1")) == [4, 2]
    assert core.realm1.counters.authentications_failed == 3


def test_challenges_taken_before_do_not_help_against_the_bound() -> None:
    core = guarded(failed_attempts_per_address=1)
    peers = [Peer(core) for _ in range(2)]
    for peer in peers:
        peer.network.connection = peer.connection = Connection(
            core, peer.connection._serializer, peer.connection.wire, peer.network, peer=PeerDetails(address="192.0.2.1")
        )
        assert types_of(peer.ask(HELLO)) == [4]
    assert types_of(peers[0].ask([5, "wrong", {}])) == [3]
    [abort] = peers[1].ask([5, "right", {}])
    assert "failed_attempts_per_address" in abort[1]["message"]


@pytest.mark.parametrize("address", [None, "", "unix", "127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])
def test_addresses_that_many_share_are_not_bounded(address: str | None) -> None:
    core = guarded(failed_attempts_per_address=1)
    for _ in range(3):
        assert types_of(attempt(core, "wrong", address)) == [4, 3]


def test_addresses_of_one_ipv6_subscriber_count_together() -> None:
    attempts = Attempts(HandHost(), Limits(failed_attempts_per_address=1))
    attempts.failed(PeerDetails(address="2001:db8:1:2::1"))
    with pytest.raises(LimitReached):
        attempts.check(PeerDetails(address="2001:db8:1:2:ffff::2"))
    attempts.check(PeerDetails(address="2001:db8:1:3::1"))


def test_so_many_addresses_are_remembered_and_no_more() -> None:
    attempts = Attempts(HandHost(), Limits(failed_attempts_per_address=1, addresses_with_failures=2))
    peers = [PeerDetails(address=f"192.0.2.{number}") for number in range(3)]
    for peer in peers:
        attempts.failed(peer)
    attempts.check(peers[0])
    for peer in peers[1:]:
        with pytest.raises(LimitReached):
            attempts.check(peer)
