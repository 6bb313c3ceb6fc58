"""What went wrong elsewhere with permissions on live things, and the tests that it does not here.

Mattermost CVE-2026-9162: revoked sessions stayed on their WebSocket
    test_known_bugs_of_sessions.py::test_cve_2026_9162
Open WebUI CVE-2026-44553: the role of when one connected, for ever
    test_known_bugs_of_sessions.py::test_cve_2026_44553
SurrealDB GHSA-4m82-p8cx-f94j: a live query goes on as the user of before
    test_known_bugs_of_sessions.py::test_ghsa_4m82
Directus GHSA-56p6-qw3c-fq2g: the user suspended, the token valid
    test_known_bugs_of_sessions.py::test_ghsa_56p6
Parse GHSA-97pr-9hgg-3p8r, CVE-2026-30947, CVE-2026-33421: live queries had a policy of their own
    test_same_answer_everywhere.py::test_parse_livequery
Harper#1414: other transports went on after a user was dropped
    integration/test_revocation_everywhere.py::test_every_transition_holds_through_every_door
NATS 2026-26, GHSA-7qmq-8cc4-hxwg: what was retained and replayed skipped the deny rules
    test_nats_2026_26
NATS 2026-18, GHSA-jx8g-9g95-6322: a queue subscription overrode a plain deny
    test_nats_2026_18
OpenFGA CVE-2024-56323, CVE-2026-34972, CVE-2026-41131, CVE-2026-48096: keys of caches collided
    test_openfga
SpiceDB CVE-2026-55866, CVE-2025-65111: wrong answers while others ask and change
    histories/test_histories.py::test_every_promise_is_kept
SpiceDB CVE-2025-49011: a reverse lookup misses some
    test_histories.py::TestHistories
Centrifugo CVE-2026-49998: keys cached by their id alone
    oidc/test_authenticator.py::test_keys_are_those_of_the_issuer
Centrifugo CVE-2026-32301: keys fetched from where an unverified token says
    oidc/test_authenticator.py::test_an_issuer_that_is_not_configured_is_not_asked
Supabase 12a36ff2: read and write swapped
    test_supabase_12a36ff2
Supabase c039bca9: presence shown to who may not see it
    test_supabase_c039bca9
Supabase bd1381b3: one reader's role leaked into the judgement of the next
    test_supabase_bd1381b3
monster-mq#176: a second front door without the rules
    integration/test_second_door.py::test_monster_mq_176
PowerSync: what ends access is compacted away while a client is offline
    store/test_follower.py::test_a_follower_that_was_left_behind_by_trimming_loads_anew

The names of tests here are beginnings of names, in this directory unless they say otherwise.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_authz import Grant, Put, Revoke, UriRule
from fairlead_authz.authorizer import GraphAuthorizer
from fairlead_authz.model.closures import Closures, FreshClosures
from fairlead_authz.model.graph import Graph, Node
from fairlead_authz.model.levels import MANAGE, READ, WRITE
from fairlead_authz.model.rights import Policy, Rights
from fairlead_authz.tokens.tokens import Tokens
from fairlead_authz.uri_rules import UriRules
from fairlead_router import HistoryRule, RealmOptions
from fairlead_router.item import About
from fairlead_router.messages import PublishOptions
from fairlead_router.payload import Payload
from support.by_hand import RealmByHand, a_realm_by_hand, texts
from support.core import Core

HERE = Path(__file__).parent
NOT_AUTHORIZED = "wamp.error.not_authorized"
KEPT = RealmOptions(event_history=(HistoryRule("com.app.", match="prefix"),))
PATTERNS = {"exact": "com.app.x", "prefix": "com.app.", "wildcard": "com.app."}


@pytest.fixture
async def realm(tmp_path: Path) -> AsyncIterator[RealmByHand]:
    async with a_realm_by_hand(tmp_path, options=KEPT) as realm:
        yield realm


def test_every_bug_has_a_test_that_is_there() -> None:
    assert __doc__ is not None
    rows = re.findall(r"^    (?:(\S+)::)?(\w+)$", __doc__, flags=re.MULTILINE)
    assert len(rows) == 18
    for file, name in rows:
        tests = HERE if "/" not in file or (HERE / file).exists() else HERE.parents[1]
        text = (tests / (file or Path(__file__).name)).read_text(encoding="utf-8")
        assert re.search(rf"(def |^){name}", text, flags=re.MULTILINE), (file, name)


# ---- NATS: what is replayed, and every kind of subscription ----


@pytest.mark.parametrize("match", PATTERNS)
async def test_nats_2026_26_nothing_is_replayed_to_who_has_lost_the_right(realm: RealmByHand, match: str) -> None:
    realm.publisher.publish("com.app.x", ["kept"], options=PublishOptions(retain=True))
    bob, dora = await realm.join("bob"), await realm.join("dora")
    kept = dora.subscribe(PATTERNS[match], match=match)
    await realm.authz.apply([Revoke("bob", "read", "p")])
    answers = bob.ask(
        [32, 1, {"match": match, "get_retained": True}, PATTERNS[match]],
        [48, 2, {}, "wamp.subscription.get_events", [kept]],
    )
    assert "kept" not in str(answers)


@pytest.mark.parametrize("match", PATTERNS)
async def test_nats_2026_18_no_kind_of_subscription_gets_what_another_is_denied(realm: RealmByHand, match: str) -> None:
    """Others hold the same subscription, which they share with who was denied."""
    carol, bob, dora = [await realm.join(user) for user in ("carol", "bob", "dora")]
    for peer in (bob, dora):
        peer.subscribe(PATTERNS[match], match=match)
    carol.ask([32, 1, {"match": match}, PATTERNS[match]])
    realm.publish("x", "of x")
    assert (texts(carol), texts(bob), texts(dora)) == ([], ["of x"], ["of x"])
    await realm.authz.apply([Revoke("bob", "read", "p")])
    realm.publish("x", "secret")
    assert (texts(carol), texts(bob), texts(dora)) == ([], [], ["secret"])


@pytest.mark.parametrize("invoke", ["first", "last", "roundrobin", "random"])
async def test_nats_2026_18_a_shared_registration_gives_no_right_to_who_joins_it(
    realm: RealmByHand, invoke: str
) -> None:
    alice, bob, dora = [await realm.join(user) for user in ("alice", "bob", "dora")]
    assert alice.register("com.app.x", invoke=invoke)
    assert bob.ask([64, 1, {"invoke": invoke}, "com.app.x"])[0][4] == NOT_AUTHORIZED
    assert dora.register("com.app.x", invoke=invoke)
    await realm.authz.apply([Put("user", "dora", is_admin=False)])
    dora.take()
    for number in range(1, 9):
        bob.send([48, number + 1, {}, "com.app.x"])
    assert [message[0] for message in alice.take()] == [68] * 8
    assert dora.take() == []


# ---- OpenFGA: what is remembered is found again by that question alone ----

ODD = st.text(alphabet="ab_+@-.{}#,:|", max_size=6)
ids = st.text(alphabet="ab_+@-", min_size=1, max_size=3)
RULES = (UriRule("a.{object}", subscribe="read"), UriRule("a.b.{object}", subscribe="write"),
         UriRule("a.{object}.b", subscribe="manage"), UriRule("{object}.a", subscribe="read"))  # fmt: skip


@given(uris=st.lists(st.one_of(ODD, st.builds("a.{}".format, ODD)), max_size=30))
def test_openfga_the_rule_that_is_remembered_for_a_uri_is_the_one_that_is_found(uris: list[str]) -> None:
    rules = UriRules(RULES)
    for uri in [*uris, *uris]:
        assert rules.find(uri) == rules._find(uri)


@given(granted=st.sets(st.tuples(ids, ids), max_size=8), asked=st.lists(st.tuples(ids, ids), max_size=30))
def test_openfga_verdicts_are_those_of_their_user_and_object(
    granted: set[tuple[str, str]], asked: list[tuple[str, str]]
) -> None:
    """Users and objects whose names are alike, or make the same text when put together, on one pattern."""
    graph = Graph()
    graph.put(Node("system", "user", "system"))
    pairs = [*granted, *asked]
    for user, object_id in pairs:
        graph.put(Node(f"u{user}", "user", "system"))
        graph.put(Node(object_id, "object", "system"))
    for user, object_id in granted:
        graph.link(f"u{user}", object_id, READ)
    rights = Rights(graph, Closures(graph), Policy())
    rules = UriRules((UriRule("x.{object}", subscribe="read"),))
    core = Core(authorizer=GraphAuthorizer(graph, Tokens([], graph, lambda: 0), rights, rules, is_open=False))
    peers = {f"u{user}": core.join(f"u{user}") for user, _ in pairs}
    for peer in peers.values():
        peer.subscribe("x.", match="prefix")
    for _ in range(2):
        for _, object_id in pairs:
            core.realm1.pubsub.deliver(f"x.{object_id}", Payload.from_values([object_id]), {})
            hearers = {user for user, peer in peers.items() if texts(peer) == [object_id]}
            assert hearers == {f"u{user}" for user, granted_id in granted if granted_id == object_id}


@given(links=st.lists(st.tuples(ids, ids, st.sampled_from([READ, WRITE, MANAGE])), max_size=12), asked=st.lists(ids))
def test_openfga_closures_that_are_kept_are_those_that_are_made_anew(
    links: list[tuple[str, str, int]], asked: list[str]
) -> None:
    graph = Graph()
    graph.put(Node("system", "user", "system"))
    for name in {name for link in links for name in link[:2]} | set(asked):
        graph.put(Node(name, "role" if "a" in name else "user", "system"))
    kept = Closures(graph)
    for tail, head, level in links:
        for user in asked:
            kept.of(user)
        graph.link(tail, head, level)
        kept.touch([tail])
        for user in asked:
            fresh = FreshClosures(graph).of(user)
            assert (kept.of(user).followed, kept.of(user).owning) == (fresh.followed, fresh.owning)


def test_openfga_topics_and_objects_that_are_one_text_together_are_two_questions() -> None:
    assert len({About("a.b", "c"), About("a", "b.c"), About("a.b.c", None), About("a.b.c", "")}) == 4


# ---- Supabase ----


async def test_supabase_12a36ff2_reading_is_not_writing_nor_the_other_way_round(realm: RealmByHand) -> None:
    bob, alice = await realm.join("bob"), await realm.join("alice")
    assert bob.subscribe("com.app.x")
    assert bob.ask([16, 1, {"acknowledge": True}, "com.app.x", ["forged"]])[0][4] == NOT_AUTHORIZED
    assert bob.ask([48, 2, {}, "com.app.x"])[0][4] == "wamp.error.no_such_procedure", "which read suffices for"
    assert bob.ask([64, 3, {}, "com.app.x"])[0][4] == NOT_AUTHORIZED
    assert alice.ask([16, 1, {"acknowledge": True}, "com.app.x", ["written"]])[0][0] == 17
    assert texts(bob) == ["written"]
    await realm.authz.apply([Grant("bob", "write", "x"), Revoke("bob", "read", "x"), Revoke("bob", "read", "p")])
    assert bob.ask([16, 4, {"acknowledge": True}, "com.app.x", ["forged"]])[-1][4] == NOT_AUTHORIZED


PRESENCE = [
    ("wamp.session.list", []),
    ("wamp.session.count", []),
    ("wamp.subscription.list", []),
    ("wamp.subscription.lookup", ["com.app.x"]),
    ("wamp.subscription.match", ["com.app.x"]),
    ("wamp.subscription.list_subscribers", ["id"]),
    ("wamp.subscription.count_subscribers", ["id"]),
    ("wamp.registration.list_callees", ["id"]),
    ("fairlead.authz.sessions", []),
]


@pytest.mark.parametrize(("procedure", "arguments"), PRESENCE)
async def test_supabase_c039bca9_who_listens_to_what_is_shown_to_nobody_who_may_not_see_it(
    realm: RealmByHand, procedure: str, arguments: list[Any]
) -> None:
    carol, bob = await realm.join("carol"), await realm.join("bob")
    subscription = bob.subscribe("com.app.x")
    known = [subscription if each == "id" else each for each in arguments]
    answers = str(carol.ask([48, 1, {}, procedure, known]))
    assert str(bob.session_id) not in answers
    assert "bob" not in answers
    assert str(subscription) not in answers.replace(str(known), "")


async def test_supabase_bd1381b3_each_event_is_judged_by_the_rights_of_each_reader(realm: RealmByHand) -> None:
    """One after the other on one pattern, first who may see most."""
    dora, bob, carol = [await realm.join(user) for user in ("dora", "bob", "carol")]
    await realm.authz.apply([Put("object", "z", owner="dora"), Grant("carol", "read", "y")])
    for peer in (dora, bob, carol):
        peer.subscribe("com.app.", match="prefix")
    for object_id in ("z", "x", "y", "z", "y", "x"):
        realm.publish(object_id, object_id)
    assert (texts(dora), texts(bob), texts(carol)) == (["z", "x", "y", "z", "y", "x"], ["x", "y", "y", "x"], ["y", "y"])
