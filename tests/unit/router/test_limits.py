"""Each bound: who exceeds it is told which one and how much, it is counted, and nobody else notices."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead_router.authorization import Principal
from fairlead_router.limits import Limits
from fairlead_router.observer import RealmObserver
from fairlead_router.transcode import Codec
from support.core import ROLES, Core, Peer, Rights, types_of
from support.wamp import dumps

LIMIT_EXCEEDED = "fairlead.error.limit_exceeded"


class Heard(RealmObserver):
    """What an observer is told of limits."""

    def __init__(self, core: Core) -> None:
        self.limits: list[tuple[int | None, str]] = []
        core.realm1.observe(self)

    def limit_exceeded(self, session_id: int | None, limit: str) -> None:
        self.limits.append((session_id, limit))


def assert_refused(core: Core, answer: list[Any], limit: str, value: int) -> None:
    """An ERROR that names the limit and its value to people and to programs, and was counted once."""
    assert (answer[0], answer[4]) == (8, LIMIT_EXCEEDED), answer
    assert str(value) in answer[5][0]
    assert f"({limit})" in answer[5][0]
    assert answer[6] == {"limit": limit}
    assert core.realm1.counters.limits_exceeded == {limit: 1}


# ---- requests ----


def test_subscriptions_of_a_session_are_bounded() -> None:
    core = Core(Limits(subscriptions_per_session=2))
    alice, bob = core.join(), core.join()
    heard = Heard(core)
    for number in range(2):
        alice.subscribe(f"com.x{number}")
    [answer] = alice.ask([32, 3, {}, "com.y"])
    assert_refused(core, answer, "subscriptions_per_session", 2)
    assert heard.limits == [(alice.session_id, "subscriptions_per_session")]
    bob.subscribe("com.y")


def test_registrations_of_a_session_are_bounded() -> None:
    core = Core(Limits(registrations_per_session=1))
    alice, bob = core.join(), core.join()
    alice.register("com.x")
    [answer] = alice.ask([64, 2, {}, "com.y"])
    assert_refused(core, answer, "registrations_per_session", 1)
    bob.register("com.y")


def test_calls_in_progress_of_a_caller_are_bounded() -> None:
    core = Core(Limits(calls_per_session=2))
    alice, bob, callee = core.join(), core.join(), core.join()
    callee.register("com.x")
    [answer] = alice.ask(*([48, number, {}, "com.x"] for number in (1, 2, 3)))
    assert_refused(core, answer, "calls_per_session", 2)
    assert bob.ask([48, 1, {}, "com.x"]) == []
    assert len(callee.take()) == 3


def test_calls_in_progress_at_a_callee_are_bounded() -> None:
    core = Core(Limits(invocations_per_session=2))
    alice, bob, callee, other = core.join(), core.join(), core.join(), core.join()
    callee.register("com.x")
    other.register("com.y")
    alice.ask([48, 1, {}, "com.x"], [48, 2, {}, "com.x"])
    [answer] = bob.ask([48, 1, {}, "com.x"])
    assert_refused(core, answer, "invocations_per_session", 2)
    assert bob.ask([48, 2, {}, "com.y"]) == []
    [first, _] = callee.take()
    callee.send([70, first[1], {}])
    core.host.run()
    assert bob.ask([48, 3, {}, "com.x"]) == []


def test_requests_that_wait_for_the_authorizer_are_bounded() -> None:
    rights = Rights()
    core = Core(Limits(waiting_requests=3), rights)
    alice = core.join()
    rights.is_asynchronous = True
    [answer] = alice.ask(*([32, number, {}, "com.x"] for number in range(1, 5)))
    assert_refused(core, answer, "waiting_requests", 3)


def test_requests_that_wait_for_the_authorizer_are_bounded_in_bytes_until_they_are_answered() -> None:
    rights = Rights()
    core = Core(Limits(waiting_request_bytes=2500), rights)
    alice = core.join()
    calls = [[48, number, {}, "com.x", ["x" * 1000]] for number in range(1, 6)]
    rights.is_asynchronous = True
    [answer] = alice.ask(*calls[:4])
    assert answer[2] == 4
    assert_refused(core, answer, "waiting_request_bytes", 2500)
    assert types_of(alice.ask([49, 3, {}], calls[4])) == [8], "what is withdrawn takes no room"
    while rights.answer():
        core.host.run()
    assert len(alice.take()) == 3
    assert types_of(alice.ask(*calls[:3])) == []


@pytest.mark.parametrize(
    "option", ["exclude", "exclude_authid", "exclude_authrole", "eligible", "eligible_authid", "eligible_authrole"]
)
def test_lists_of_receivers_are_bounded(option: str) -> None:
    core = Core(Limits(listed_receivers=3))
    alice, bob = core.join(), core.join()
    bob.subscribe("com.x")
    entries = [1, 2, 3, 4] if option in {"exclude", "eligible"} else list("abcd")
    [answer] = alice.ask([16, 1, {"acknowledge": True, option: entries}, "com.x"])
    assert_refused(core, answer, "listed_receivers", 3)
    [published] = alice.ask([16, 2, {"acknowledge": True, option: entries[:3]}, "com.x"])
    assert published[0] == 17


def test_uri_has_a_longest_length() -> None:
    core = Core(Limits(uri_length=20))
    alice = core.join()
    for request in ([32, 1, {}, "com." + "x" * 17], [48, 2, {}, "com." + "x" * 17], [64, 3, {}, "com." + "x" * 17]):
        [answer] = alice.ask(request)
        assert answer[4] == "wamp.error.invalid_uri"
        assert "21 characters; at most 20" in answer[5][0]
    alice.subscribe("com." + "x" * 16)


def deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


def test_payload_may_not_be_nested_deeper_than_every_reader_takes() -> None:
    core = Core()
    alice, bob = core.join(), core.join()
    bob.subscribe("com.x")
    [answer] = alice.ask([16, 1, {"acknowledge": True}, "com.x", deep(64)])
    assert answer[4] == "wamp.error.invalid_argument"
    assert "nested deeper than 63 levels" in answer[5][0]
    alice.ask([16, 2, {}, "com.x", deep(63)])
    assert bob.events() == [deep(63)]


@pytest.mark.parametrize(
    ("codec", "opening", "closing"), [("json", b"[", b"]"), ("msgpack", b"\x91", b"\x90"), ("cbor", b"\x81", b"\x80")]
)
@pytest.mark.parametrize("place", ["options", "args"])
def test_nesting_without_end_ends_the_session_that_sent_it(
    codec: Codec, opening: bytes, closing: bytes, place: str
) -> None:
    core = Core()
    alice, bob = core.join(codec=codec), core.join()
    bob.subscribe("com.x")
    message = [16, 1, {"a": 0x7A}, "com.x", 0x7B]
    whole = dumps(codec, message)
    mark = dumps(codec, 0x7A if place == "options" else 0x7B)
    at = whole.rindex(mark)
    alice.send_bytes(
        whole[:at] + opening * 100_000 + closing * (100_000 if codec == "json" else 1) + whole[at + len(mark) :]
    )
    reason, text = refusal(alice)
    assert reason == "wamp.error.protocol_violation"
    assert "nest" in text
    assert bob.take() == []


# ---- sessions ----


def refusal(peer: Peer) -> tuple[str, str]:
    """Reason and text of the ABORT that must be all that arrives; the transport closes after it."""
    [abort] = peer.take()
    assert abort[0] == 3, abort
    assert peer.network.is_closed
    return abort[2], abort[1]["message"]


def hello(core: Core, **details: Any) -> Peer:
    peer = Peer(core)
    peer.send([1, "realm1", {"roles": ROLES, **details}])
    return peer


def test_sessions_of_a_realm_are_bounded() -> None:
    core = Core(Limits(sessions_per_realm=2))
    heard = Heard(core)
    alice, _ = core.join(), core.join()
    reason, text = refusal(hello(core))
    assert (reason, text) == (
        "fairlead.error.limit_reached",
        "realm 'realm1' has 2 sessions already (sessions_per_realm)",
    )
    assert core.realm1.counters.limits_exceeded == {"sessions_per_realm": 1}
    assert heard.limits == [(None, "sessions_per_realm")]
    assert core.realm1.join(Principal("logs", "service")).session_id, "a service of the program always has a place"
    alice.vanish()
    core.realm1.kill(authid="logs")
    core.join()


def test_sessions_of_an_authid_are_bounded() -> None:
    core = Core(Limits(sessions_per_authid=2))
    alice, _ = core.join("alice"), core.join("alice")
    reason, text = refusal(hello(core, authid="alice"))
    assert (reason, text) == ("fairlead.error.limit_reached", "'alice' has 2 sessions already (sessions_per_authid)")
    core.join("bob")
    alice.vanish()
    core.join("alice")


def test_messages_before_welcome_are_small() -> None:
    core = Core(Limits(hello_bytes=1000))
    reason, text = refusal(hello(core, authextra={"x": "y" * 1000}))
    assert reason == "fairlead.error.limit_reached"
    assert "at most 1000 are allowed (hello_bytes)" in text
    assert core.counters.limits_exceeded == {"hello_bytes": 1}
    core.join().subscribe("com." + "x" * 1000)


@pytest.mark.parametrize("place", ["HELLO", "AUTHENTICATE"])
def test_extras_of_opening_are_nested_no_deeper_than_payloads(place: str) -> None:
    core = Core()
    extra = {"a": deep(63)}
    if place == "HELLO":
        peer = hello(core, authextra=extra)
    else:
        peer = hello(core, authid="alice", authmethods=["ticket"])
        assert peer.take()[0][0] == 4
        peer.send([5, "secret", extra])
    reason, text = refusal(peer)
    assert reason == "wamp.error.protocol_violation"
    assert "nested deeper than 63 levels" in text
    assert hello(core, authextra={"a": deep(62)}).take()[0][0] == 2


def test_session_that_does_not_open_in_time_is_counted() -> None:
    core = Core(Limits(hello_timeout_s=10))
    peer = Peer(core)
    core.host.advance(11)
    assert refusal(peer) == ("fairlead.close.hello_timeout", "no session within 10 s (hello_timeout_s)")
    assert core.counters.limits_exceeded == {"hello_timeout_s": 1}
