"""Event history: what is kept, for how long, and what is not."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead_router.counters import RealmCounters
from fairlead_router.options import RealmOptions
from fairlead_router.payload import Payload
from fairlead_router.pubsub.event_history import HistoryRule, MemoryHistory
from fairlead_router.pubsub.publication import Publication
from fairlead_router.uris import Match
from support.core import HAND_HOST_START_US, Core


def publication(topic: str, value: Any = None) -> Publication:
    return Publication(topic=topic, payload=Payload.of(value))


def kept(store: MemoryHistory, uri: str, match: Match = "exact") -> list[Any]:
    return [event.publication.payload.args[0] for event in store.events(uri, match)]


def history(*rules: HistoryRule) -> MemoryHistory:
    return MemoryHistory(rules, RealmCounters())


def test_topics_without_a_rule_are_not_kept() -> None:
    store = history(HistoryRule("com.a"), HistoryRule("com..z", match="wildcard"))
    for topic in ("com.a", "com.b", "com.a.x", "com.b.z"):
        store.append(publication(topic, topic), 0)
    assert kept(store, "com.", "prefix") == ["com.a", "com.b.z"]


def test_oldest_events_of_a_rule_go_when_there_are_too_many() -> None:
    store = history(HistoryRule("com.a", limit_events=2), HistoryRule("com.b"))
    for number in range(4):
        store.append(publication("com.a", number), 0)
        store.append(publication("com.b", number), 0)
    assert (kept(store, "com.a"), kept(store, "com.b")) == ([2, 3], [0, 1, 2, 3])


def test_oldest_events_of_a_rule_go_when_they_are_too_large() -> None:
    size = publication("com.a", 0).size
    store = history(HistoryRule("com.a", limit_bytes=2 * size))
    for number in range(4):
        store.append(publication("com.a", number), 0)
    assert kept(store, "com.a") == [2, 3]


def test_event_that_fills_all_is_kept_and_a_larger_one_costs_nobody_its_place() -> None:
    counters = RealmCounters()
    full = publication("com.a", "x" * 100)
    store = MemoryHistory([HistoryRule("com.a", limit_bytes=full.size)], counters)
    store.append(full, 0)
    store.append(publication("com.a", "x" * 101), 0)
    assert kept(store, "com.a") == ["x" * 100]
    assert counters.events_too_large_for_history == 1


def test_event_is_kept_once_under_the_first_rule_that_matches() -> None:
    store = history(HistoryRule("com.a", limit_events=1), HistoryRule("com.", match="prefix"))
    for number in range(3):
        store.append(publication("com.a", number), 0)
    assert kept(store, "com.a") == [2]


def test_events_of_several_rules_are_in_the_order_of_acceptance() -> None:
    store = history(*(HistoryRule(f"com.{name}") for name in "ab"))
    for number in range(6):
        store.append(publication(f"com.{'ab'[number % 2]}", number), -number)
    assert kept(store, "com.", "prefix") == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("uri", "match"), [("", "exact"), ("com..x", "exact"), ("com. ", "prefix"), ("a#", "wildcard")]
)
def test_rule_that_can_match_nothing_is_a_mistake(uri: str, match: Match) -> None:
    with pytest.raises(ValueError, match="is not valid"):
        HistoryRule(uri, match)


@pytest.mark.parametrize(("events", "size"), [(0, 1), (1, 0), (-1, 1)])
def test_rule_that_can_keep_nothing_is_a_mistake(events: int, size: int) -> None:
    with pytest.raises(ValueError, match=r"'com.x': limit_events .* must be greater than 0"):
        HistoryRule("com.x", limit_events=events, limit_bytes=size)


@pytest.mark.parametrize(
    ("options", "is_kept"),
    [
        ({}, True),
        ({"exclude_me": False}, True),
        ({"exclude_authid": ["alice"], "eligible_authrole": ["user"]}, True),
        ({"exclude": [4711]}, False),
        ({"eligible": [4711]}, False),
        ({"eligible": []}, False),
        ({"eligible": [4711], "eligible_authid": ["alice"]}, False),
    ],
)
def test_event_whose_lists_name_sessions_is_not_kept(options: dict[str, Any], is_kept: bool) -> None:
    core = Core(options=RealmOptions(event_history=(HistoryRule("com.x"),)))
    core.host.advance(2)
    core.join().ask([16, 1, options, "com.x"])
    times = [event.time_us for event in core.realm1.history.store.events("com.x", "exact")]
    assert times == [HAND_HOST_START_US + 2_000_000] * is_kept


def test_refused_publication_is_not_kept() -> None:
    core = Core(options=RealmOptions(event_history=(HistoryRule("com.x"),), disclosure="never"))
    peer = core.join()
    peer.send([16, 1, {}, "com.x", ["\0no"]], [16, 2, {"disclose_me": True}, "com.x"])
    peer.send([16, 3, {"retain": True}, "com.x", ["x" * 70_000]])
    assert list(core.realm1.history.store.events("com.x", "exact")) == []


def test_realm_without_rules_keeps_nothing() -> None:
    core = Core()
    core.join().ask([16, 1, {}, "com.x"])
    assert not core.realm1.history.is_kept
    assert list(core.realm1.history.store.events("com.", "prefix")) == []
