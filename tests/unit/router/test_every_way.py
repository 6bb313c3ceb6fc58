"""Every way to what was published shows a principal the same: one right, not one check for each way.

Routers have leaked where a second way (a pattern, what is retained, history, an in-process peer) had a check of
its own, or none.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fairlead_router import Match, Principal, RealmOptions
from fairlead_router.authorizers import Rule, StaticAuthorizer
from fairlead_router.pubsub.event_history import HistoryRule
from fairlead_router.uris import matches
from support.core import Core, Peer

TOPICS = [f"{first}.{second}" for first in "abc" for second in "xyz"] + ["a", "a.x.deep"]
PATTERNS: list[tuple[str, Match]] = [
    *((topic, "exact") for topic in TOPICS),
    ("a", "prefix"),
    ("a.", "prefix"),
    ("b.x", "prefix"),
    ("a..", "wildcard"),
    ("a..", "wildcard"),
    (".", "wildcard"),
    ("a..", "wildcard"),
]
PUBLISHER = Rule(uri="", match="prefix", authids={"publisher"}, allow={"publish", "subscribe"})
HISTORY = Rule(uri="wamp.subscription.get_events", roles={"*"}, allow={"call"})
KEEP_ALL = RealmOptions(event_history=tuple(HistoryRule(first, "prefix") for first in "abc"))

RULES = st.lists(
    st.builds(
        lambda pattern, is_allowed: Rule(
            uri=pattern[0],
            match=pattern[1],
            roles={"user"},
            allow={"subscribe"} if is_allowed else set(),
            deny=set() if is_allowed else {"subscribe"},
        ),
        st.sampled_from([("", "prefix"), *(each for each in PATTERNS if each[1] != "wildcard" or "" in each[0])]),
        st.booleans(),
    ),
    max_size=6,
)


def core_of(*rules: Rule, options: RealmOptions | None = None) -> tuple[Core, StaticAuthorizer]:
    authorizer = StaticAuthorizer([PUBLISHER, *rules])
    core = Core(authorizer=authorizer, options=options)
    core.authenticator.roles["publisher"] = "publisher"
    return core, authorizer


def publish_all(core: Core, options: dict[str, Any]) -> None:
    publisher = core.join("publisher")
    for topic in TOPICS:
        publisher.send([16, 1, options, topic, [topic]])
    publisher.vanish()


def seen_by(peer: Peer) -> set[str]:
    """Topics; a pattern may see meta events beside them."""
    return {message[4][0] for message in peer.take() if message[0] == 36 and message[4][0] in TOPICS}


def permitted(rules: StaticAuthorizer, who: Principal, pattern: str, match: Match) -> set[str]:
    """What a subscription to this pattern may show."""
    if not rules.authorize(who, "subscribe", pattern, match, None):
        return set()
    return {
        topic
        for topic in TOPICS
        if matches(pattern, match, topic) and rules.authorize(who, "subscribe", topic, "exact", None)
    }


@given(RULES, st.sampled_from(PATTERNS))
def test_live_and_retained_events_are_the_same_ones(given_rules: list[Rule], asked: tuple[str, Match]) -> None:
    core, rules = core_of(*given_rules)
    pattern, match = asked
    publish_all(core, {"retain": True})
    alice = core.join("alice")
    alice.send([32, 1, {"match": match, "get_retained": True}, pattern])
    retained = seen_by(alice)
    publish_all(core, {})
    live = seen_by(alice)
    assert retained == live == permitted(rules, core.authenticator.principal("alice"), pattern, match)


@given(RULES, st.sampled_from(PATTERNS))
def test_history_is_of_the_events_that_were_or_would_be_seen(given_rules: list[Rule], asked: tuple[str, Match]) -> None:
    core, rules = core_of(HISTORY, *given_rules, options=KEEP_ALL)
    pattern, match = asked
    subscription = core.join("publisher").subscribe(pattern, match=match)
    publish_all(core, {})
    [answer] = core.join("alice").ask([48, 1, {}, "wamp.subscription.get_events", [subscription]])
    if answer[0] == 8:
        assert answer[4] == "wamp.error.not_authorized"
        shown = set()
    else:
        shown = {event["args"][0] for event in answer[3]}
    assert shown == permitted(rules, core.authenticator.principal("alice"), pattern, match)


@given(RULES, RULES, st.sampled_from(PATTERNS))
def test_replaced_rules_hold_for_what_is_queued_and_for_what_comes(
    before: list[Rule], after: list[Rule], asked: tuple[str, Match]
) -> None:
    core, rules = core_of(*before)
    pattern, match = asked
    alice = core.join("alice")
    who = core.authenticator.principal("alice")
    alice.send([32, 1, {"match": match}, pattern])
    alice.clog()
    publish_all(core, {})
    allowed_before = permitted(rules, who, pattern, match)
    rules.replace([PUBLISHER, *after])
    alice.read_on()
    was_subscribed = rules_allowed(before, who, asked)
    assert seen_by(alice) == allowed_before & permitted(rules, who, pattern, match)
    publish_all(core, {})
    assert seen_by(alice) == (permitted(rules, who, pattern, match) if was_subscribed else set())


def rules_allowed(given_rules: list[Rule], who: Principal, asked: tuple[str, Match]) -> bool:
    return StaticAuthorizer(given_rules).authorize(who, "subscribe", *asked, None)


async def test_in_process_members_are_judged_like_wire_peers() -> None:
    """An empty set of rules, and no service: nothing is allowed through this door either."""
    core = Core(authorizer=StaticAuthorizer())
    member = core.realm1.join(Principal("alice", "user"))
    futures = [member.subscribe("a.x", lambda event: None), member.register("a.x", lambda call: {})]
    core.host.run()
    assert [getattr(future.exception(), "uri", None) for future in futures] == ["wamp.error.not_authorized"] * 2


def test_connection_that_joins_again_as_another_user_has_nothing_of_the_first() -> None:
    core, _ = core_of(Rule(uri="a.x", authids={"alice"}, allow={"subscribe"}))
    peer = core.join("alice")
    peer.subscribe("a.x")
    assert peer.ask([6, {}, "wamp.close.normal"])[0][0] == 6
    [welcome] = peer.ask([1, "realm1", {"roles": {"subscriber": {}}, "authid": "bob"}])
    assert welcome[0] == 2
    publish_all(core, {})
    assert peer.take() == []
    assert peer.ask([32, 1, {}, "a.x"])[0][4] == "wamp.error.not_authorized"
