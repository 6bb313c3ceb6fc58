"""The authorizer: what each kind of principal may do to each kind of URI. Everything else is denied."""

from __future__ import annotations

import pytest

from fairlead_authz.authorizer import GraphAuthorizer
from fairlead_authz.model.closures import Closures
from fairlead_authz.model.graph import Graph, Node
from fairlead_authz.model.levels import MANAGE, READ, WRITE
from fairlead_authz.model.rights import Policy, Rights
from fairlead_authz.tokens.tokens import Tokens
from fairlead_authz.uri_rules import UriRule, UriRules
from fairlead_router import ANONYMOUS, Action, Match, Principal

APP = UriRule("com.app.{object}", subscribe="read", publish="write", call="write", register="manage")
EDIT = UriRule("com.edit.{object}", subscribe="write", publish="write")
ADMIN, BOB, STRANGER = Principal("root", "admin"), Principal("bob", "user"), Principal("nobody", "user")
FORMER = Principal("bob", "admin")
"""Bob as he joined when he was an administrator."""

ACTIONS: list[Action] = ["subscribe", "publish", "call", "register"]


def authorizer(bobs_level: int = 0, is_open: bool = False, trash_at_us: int | None = None) -> GraphAuthorizer:
    graph = Graph()
    graph.put(Node("root", "user", "root", is_admin=True))
    graph.put(Node("bob", "user", "root"))
    graph.put(Node("anonymous", "user", "root", is_active=False))
    graph.put(Node("x", "object", "root", trash_at_us=trash_at_us))
    graph.link("bob", "x", bobs_level)
    rights = Rights(graph, Closures(graph), Policy(lambda: 0))
    return GraphAuthorizer(graph, Tokens([], graph, lambda: 0), rights, UriRules((APP, EDIT)), is_open)


def allowed(of: GraphAuthorizer, who: Principal, uri: str, match: Match = "exact") -> list[Action]:
    """The actions that are allowed, asked as the router asks."""
    return [each for each in ACTIONS if of.authorize(who, each, uri, match, of.object_of(each, uri))]


@pytest.mark.parametrize(
    ("level", "actions"),
    [
        (0, []),
        (READ, ["subscribe"]),
        (WRITE, ["subscribe", "publish", "call"]),
        (MANAGE, ["subscribe", "publish", "call", "register"]),
    ],
)
def test_a_rule_says_which_level_each_action_needs(level: int, actions: list[Action]) -> None:
    assert allowed(authorizer(level), BOB, "com.app.x") == actions


def test_nobody_hears_of_what_is_in_the_trash_whatever_the_rule_asks_for() -> None:
    assert allowed(authorizer(WRITE), BOB, "com.edit.x") == ["subscribe", "publish"]
    assert allowed(authorizer(WRITE, trash_at_us=0), BOB, "com.edit.x") == ["publish"]


def test_the_object_that_the_source_names_counts_not_the_one_in_the_uri() -> None:
    judge = authorizer(READ)
    assert judge.authorize(BOB, "subscribe", "fairlead.stream.another", "exact", "x")
    assert not judge.authorize(BOB, "subscribe", "fairlead.stream.x", "exact", "another")


def test_an_object_without_a_rule_for_its_uri_is_denied() -> None:
    assert not authorizer(MANAGE).authorize(BOB, "subscribe", "com.other.x", "exact", "x")


@pytest.mark.parametrize("who", [ANONYMOUS, BOB, STRANGER, FORMER])
def test_everybody_may_call_the_services_and_hear_of_own_revocations(who: Principal) -> None:
    judge = authorizer()
    for procedure in ("fairlead.log.append", "fairlead.record.put", "fairlead.container.take", "fairlead.authz.apply"):
        assert allowed(judge, who, procedure) == ["call"]
    assert allowed(judge, who, "fairlead.session.revoked") == ["subscribe"]
    assert allowed(judge, who, "fairlead.session.lagged") == ["subscribe"]


@pytest.mark.parametrize("who", [ANONYMOUS, BOB, STRANGER, FORMER])
@pytest.mark.parametrize(
    "uri",
    ["com.app.x", "com.app.unknown", "com.app.x.y", "com.other", "fairlead.stream.x", "fairlead.records.x",
     "fairlead.logs.x", "wamp.session.list", "wamp.session.kill", "wamp.session.on_join",
     "wamp.subscription.get", "wamp.session",
     "wamp.session.add_testament.x", "wamp.registration.list"],
)  # fmt: skip
def test_the_rest_is_denied(who: Principal, uri: str) -> None:
    assert allowed(authorizer(), who, uri) == []


@pytest.mark.parametrize("who", [ANONYMOUS, BOB, STRANGER, FORMER])
def test_everybody_may_call_the_router_procedures_that_judge_themselves(who: Principal) -> None:
    for uri in ("wamp.session.add_testament", "wamp.session.flush_testaments", "wamp.subscription.get_events"):
        assert allowed(authorizer(), who, uri) == ["call"]


@pytest.mark.parametrize("who", [ANONYMOUS, BOB, STRANGER, FORMER])
def test_patterns_are_for_subscribing_where_each_event_is_judged(who: Principal) -> None:
    judge = authorizer()
    assert allowed(judge, who, "com.app.", "prefix") == ["subscribe"]
    assert allowed(judge, who, "fairlead.stream.", "prefix") == ["subscribe"]
    for prefix in ("com.", "fairlead.", "wamp.", "fairlead.session."):
        assert allowed(judge, who, prefix, "prefix") == []
    assert allowed(judge, who, "com.app.", "wildcard") == ["subscribe"]
    assert allowed(judge, who, "fairlead.stream.", "wildcard") == ["subscribe"]
    for pattern in ("..", "com..", "com..x", "wamp.session.", "fairlead.log.", "fairlead.session."):
        assert allowed(judge, who, pattern, "wildcard") == []


def test_a_pattern_is_no_way_around_the_open_procedures() -> None:
    for match in ("prefix", "wildcard"):
        assert allowed(authorizer(), BOB, "fairlead.log.", match) == []
        assert allowed(authorizer(), BOB, "wamp.session.add_testament", match) == []


def test_only_an_administrator_registers_patterns() -> None:
    judge = authorizer(MANAGE)
    for match in ("prefix", "wildcard"):
        assert not judge.authorize(BOB, "register", "com.app.", match, None)
        assert judge.authorize(ADMIN, "register", "com.app.", match, None)


def test_an_administrator_may_everything_and_a_former_one_nothing() -> None:
    judge = authorizer()
    for uri in ("com.app.x", "com.other", "wamp.session.list"):
        assert allowed(judge, ADMIN, uri) == ACTIONS
        assert allowed(judge, FORMER, uri) == []
    assert judge.can(ADMIN, "manage", "x")
    assert not judge.can(FORMER, "read", "x")


def test_in_an_open_realm_everybody_may_everything() -> None:
    judge = authorizer(is_open=True)
    for who in (ANONYMOUS, BOB, STRANGER):
        assert allowed(judge, who, "com.other") == ACTIONS
        assert judge.can(who, "manage", "x")
        assert judge.is_admin(who)


@pytest.mark.parametrize(
    ("action", "uri", "match", "said"),
    [
        ("publish", "com.app.x", "exact", "by the rule for 'com.app.{object}' it needs write on the object"),
        ("call", "com.edit.x", "exact", "the rule for 'com.edit.{object}' has no call, so it is for administrators"),
        ("subscribe", "com.other.x", "exact", "no rule is about it, so it is for administrators"),
        ("subscribe", "com.", "prefix", "no rule has all of this pattern"),
        ("register", "com.app.", "prefix", "patterns are for administrators"),
    ],
)
def test_what_is_lacking_is_said(action: Action, uri: str, match: Match, said: str) -> None:
    assert authorizer(READ).lacking(BOB, action, uri, match) == said


def test_what_is_lacking_does_not_tell_what_there_is() -> None:
    judge = authorizer()
    assert judge.lacking(BOB, "call", "com.app.x", "exact") == judge.lacking(BOB, "call", "com.app.none", "exact")
