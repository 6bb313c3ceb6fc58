"""Static rules in a realm: what they allow, what they filter, and what their replacement ends."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from fairlead_router.authorizers import InvalidRule, Rule, StaticAuthorizer
from fairlead_router.gate import REVOKED
from support.core import EVERY_FEATURE, Core, GateSwitchedOff, Peer, types_of

EVERY_ACTION = frozenset({"subscribe", "publish", "call", "register"})
NOT_AUTHORIZED = "wamp.error.not_authorized"


def rule(uri: str, match: str = "exact", *, allow: Any = (), deny: Any = (), roles: Any = ("*",), **who: Any) -> Rule:
    return Rule(
        uri=uri,
        match=match,  # type: ignore[arg-type]
        allow=frozenset(allow),
        deny=frozenset(deny),
        roles=frozenset(roles),
        **{key: frozenset(value) for key, value in who.items()},
    )


PUBLISHER = rule("", "prefix", allow=EVERY_ACTION, roles=(), authids=("publisher",))


def world(*rules: Rule, gate: Any = None) -> tuple[Core, StaticAuthorizer]:
    authorizer = StaticAuthorizer([PUBLISHER, *rules])
    return (Core(authorizer=authorizer) if gate is None else Core(authorizer=authorizer, gate=gate)), authorizer


def publish(core: Core, *topics: str) -> None:
    publisher = core.join("publisher")
    for topic in topics:
        publisher.send([16, 1, {}, topic, [topic]])
    publisher.vanish()


def error_of(answers: list[list[Any]]) -> Any:
    [answer] = answers
    return answer[4] if answer[0] == 8 else None


@pytest.mark.parametrize(
    ("request_of", "number"),
    [
        (lambda uri: [16, 1, {"acknowledge": True}, uri], 16),
        (lambda uri: [32, 1, {}, uri], 32),
        (lambda uri: [48, 1, {}, uri], 48),
        (lambda uri: [64, 1, {}, uri], 64),
    ],
)
def test_what_no_rule_allows_is_denied(request_of: Any, number: int) -> None:
    core, _ = world(rule("com.x", allow=EVERY_ACTION))
    alice = core.join("alice")
    [error] = alice.ask(request_of("com.y"))
    assert error[:5] == [8, number, 1, {}, NOT_AUTHORIZED]
    assert error_of(alice.ask(request_of("com.x"))) != NOT_AUTHORIZED


@pytest.mark.parametrize("match", ["prefix", "wildcard"])
def test_exact_grant_allows_no_pattern(match: str) -> None:
    core, _ = world(rule("net.pub", allow=["subscribe"]))
    alice = core.join("alice")
    pattern = "net.pub" if match == "prefix" else "net."
    assert error_of(alice.ask([32, 1, {"match": match}, pattern])) == NOT_AUTHORIZED
    publish(core, "net.public-secret", "net.secret")
    assert alice.take() == []


def test_prefix_does_not_go_around_a_denial_within_it() -> None:
    core, _ = world(rule("com.app.", "prefix", allow=["subscribe"]), rule("com.app.secret", deny=["subscribe"]))
    alice = core.join("alice")
    alice.subscribe("com.app.", match="prefix")
    publish(core, "com.app.secret", "com.app.news", "com.app.secrets")
    assert alice.events() == [["com.app.news"], ["com.app.secrets"]]


def test_wildcard_does_not_go_around_a_denial_within_it() -> None:
    core, _ = world(rule("com..state", "wildcard", allow=["subscribe"]), rule("com.x.state", deny=["subscribe"]))
    alice = core.join("alice")
    alice.subscribe("com..state", match="wildcard")
    publish(core, "com.x.state", "com.y.state")
    assert alice.events() == [["com.y.state"]]


def test_pattern_that_reaches_further_than_its_grant_is_denied() -> None:
    core, _ = world(rule("com.app.", "prefix", allow=["subscribe"]))
    alice = core.join("alice")
    for match, pattern in (("prefix", "com."), ("prefix", "com.app"), ("wildcard", "com..x"), ("wildcard", "..")):
        assert error_of(alice.ask([32, 1, {"match": match}, pattern])) == NOT_AUTHORIZED
    alice.subscribe("com.app..x", match="wildcard")
    alice.subscribe("com.app.x", match="prefix")


def test_pattern_is_registered_only_where_nothing_in_it_is_denied() -> None:
    _, authorizer = world(
        rule("com.app.", "prefix", allow=["register"]),
        rule("com.app.secret.x", deny=["register"]),
        rule("com.app..y", "wildcard", deny=["register"]),
    )
    alice = Core().authenticator.principal("alice")
    for match, pattern, is_allowed in (
        ("prefix", "com.app.", False),
        ("prefix", "com.app.secret", False),
        ("prefix", "com.app.open", True),
        ("wildcard", "com.app.secret.", False),
        ("wildcard", "com.app..y", True),
        ("wildcard", "com.app.", True),
    ):
        assert authorizer.authorize(alice, "register", pattern, match, None) is is_allowed, pattern  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("match", "pattern", "is_allowed"),
    [
        ("prefix", "com.app.", False),
        ("prefix", "com.app.open", True),
        ("wildcard", "com..x", False),
        ("wildcard", "com.app.", False),
        ("wildcard", "com.app..deep", True),
        ("exact", "com.app.x", True),
        ("exact", "com.app.secret", False),
    ],
)
def test_register_of_a_pattern(match: str, pattern: str, is_allowed: bool) -> None:
    core, _ = world(rule("com.app.", "prefix", allow=["register"]), rule("com.app.secret", deny=["register"]))
    error = error_of(core.join("alice").ask([64, 1, {"match": match}, pattern]))
    assert error == (None if is_allowed else NOT_AUTHORIZED)


# ---- replacement ----


@pytest.mark.parametrize(("match", "pattern"), [("exact", "com.a.p"), ("prefix", "com.a"), ("wildcard", "com..p")])
@pytest.mark.parametrize("invoke", ["roundrobin", "first", "last", "random"])
def test_callee_that_lost_the_right_gets_no_more_calls_and_those_beside_it_go_on(
    match: str, pattern: str, invoke: str
) -> None:
    caller = rule("", "prefix", allow=["call"])
    registering = rule(pattern, match, allow=["register"])
    core, authorizer = world(caller, registering)
    alice, bob, carol = [core.join(authid, roles=EVERY_FEATURE) for authid in ("alice", "bob", "carol")]
    for callee in (alice, bob):
        callee.register(pattern, match=match, invoke=invoke)
    authorizer.replace([caller, rule(pattern, match, allow=["register"], roles=(), authids=["bob"])])
    assert types_of(alice.take()) == [67]
    for request in range(1, 5):
        carol.send([48, request, {}, "com.a.p"])
    assert (types_of(alice.take()), types_of(bob.take())) == ([], [68] * 4)


def test_narrowed_grant_ends_the_registration_of_a_pattern() -> None:
    everything = rule("com.", "prefix", allow=["register"])
    core, authorizer = world(everything)
    alice = core.join("alice", roles=EVERY_FEATURE)
    alice.register("com.app.", match="prefix")
    authorizer.replace([everything, rule("com.app.secret", deny=["register"])])
    assert types_of(alice.take()) == [67]


def revoked(peer: Peer) -> list[Any]:
    return [message[2]["subscription"] for message in peer.take() if message[:2] == [35, 0]]


def replacement_ends_what_lost_its_right(gate: Any = None) -> bool:
    core, authorizer = world(rule("com.", "prefix", allow=["subscribe"]), gate=gate)
    alice = core.join("alice", roles=EVERY_FEATURE)
    [lost, _] = [alice.subscribe(topic) for topic in ("com.lost", "com.kept")]
    alice.clog()
    publish(core, "com.lost", "com.kept")
    authorizer.replace([PUBLISHER, rule("com.kept", allow=["subscribe"])])
    publish(core, "com.lost", "com.kept")
    alice.read_on()
    kept, told, kept_too = alice.take()
    return (kept[4], told, kept_too[4]) == (
        ["com.kept"],
        [35, 0, {"subscription": lost, "reason": REVOKED}],
        ["com.kept"],
    )


def test_replacement_ends_what_lost_its_right_and_nothing_else() -> None:
    assert replacement_ends_what_lost_its_right()


def test_replacement_needs_the_gate() -> None:
    with pytest.raises(ValueError, match="too many values"):
        replacement_ends_what_lost_its_right(GateSwitchedOff)


def test_replacement_ends_registrations_and_calls() -> None:
    core, authorizer = world(rule("com.p", allow=["call", "register"]))
    callee, alice = core.join("callee", roles=EVERY_FEATURE), core.join("alice")
    callee.register("com.p")
    alice.ask([48, 1, {}, "com.p"])
    callee.take()
    authorizer.replace([])
    assert [error[4] for error in alice.take()] == [NOT_AUTHORIZED]
    assert types_of(callee.take()) == [67, 69]


def test_replacement_is_seen_by_patterns_in_both_directions() -> None:
    everything = rule("com.", "prefix", allow=["subscribe"])
    core, authorizer = world(everything, rule("com.a", deny=["subscribe"]))
    alice = core.join("alice")
    alice.subscribe("com.", match="prefix")
    publish(core, "com.a", "com.b")
    assert alice.events() == [["com.b"]]
    authorizer.replace([PUBLISHER, everything, rule("com.b", deny=["subscribe"])])
    publish(core, "com.a", "com.b")
    assert alice.events() == [["com.a"]]


def test_replacement_concerns_every_realm_of_the_authorizer() -> None:
    authorizer = StaticAuthorizer([rule("com.x", allow=["subscribe"])])
    peers = [Core(authorizer=authorizer).join("alice", roles=EVERY_FEATURE) for _ in range(2)]
    subscriptions = [peer.subscribe("com.x") for peer in peers]
    authorizer.replace([])
    assert [revoked(peer) for peer in peers] == [[subscription] for subscription in subscriptions]


def test_realm_that_is_gone_is_not_kept() -> None:
    authorizer = StaticAuthorizer()
    realms = [weakref.ref(Core(authorizer=authorizer).realm1) for _ in range(10)]
    gc.collect()
    assert not any(realm() for realm in realms)


def test_bad_rules_leave_the_old_ones_in_force() -> None:
    core, authorizer = world(rule("com.x", allow=["subscribe"]))
    alice = core.join("alice")
    with pytest.raises(InvalidRule):
        authorizer.replace([rule("com..bad", allow=["subscribe"])])
    alice.subscribe("com.x")
    publish(core, "com.x")
    assert alice.events() == [["com.x"]]


def test_rules_know_no_objects() -> None:
    _, authorizer = world(rule("", "prefix", allow=EVERY_ACTION))
    assert authorizer.object_of("subscribe", "com.x") is None
    assert not authorizer.can(Core().authenticator.principal("alice"), "read", "x")
