"""Whatever way one asks, the answer is the same: a procedure, a snapshot, history, retained and live events.

Parse's LiveQuery (GHSA-97pr-9hgg-3p8r, CVE-2026-30947) judged by a policy of its own, so that it showed what a query
refused. Here every way asks the same authorizer, after whatever changes.
"""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead_authz import Change, Freeze, Grant, Put, Revoke, Trash, Untrash
from fairlead_logstream import LogService
from fairlead_logstream.store.memory_store import MemoryStreamStore
from fairlead_router import HistoryRule, RealmOptions, RequestError
from fairlead_router.messages import PublishOptions
from support.by_hand import RealmByHand, a_realm_by_hand
from support.core import Peer

RESULT, EVENT, SUBSCRIBED = 50, 36, 33
USERS = ["bob", "carol", "dora"]
OBJECTS = ["x", "y", "z"]
KEPT = RealmOptions(event_history=(HistoryRule("com.app.", match="prefix"),))

objects = st.sampled_from(OBJECTS)
anything = st.sampled_from([*OBJECTS, "p", "q", "red"])
tails = st.sampled_from(["bob", "carol", "red", "all-users"])
changes: st.SearchStrategy[Change] = st.one_of(
    st.builds(Grant, tails, st.sampled_from(["read", "write", "login"]), anything),
    st.builds(Revoke, tails, st.sampled_from(["read", "write"]), anything),
    st.builds(Put, st.just("object"), objects, st.sampled_from(["p", "q", "bob", "carol"])),
    st.builds(Put, st.just("user"), st.sampled_from(["carol", "dora"]), is_admin=st.booleans()),
    st.builds(Trash, anything),
    st.builds(Untrash, anything),
    st.builds(Freeze, st.sampled_from(["p", "q"])),
)


class Voice:
    """A session that asks for one thing after the other."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self._numbers = itertools.count(1)

    async def ask(self, type_: int, *rest: Any) -> list[list[Any]]:
        """The answer, and what came with it. A service answers some turns later."""
        self.peer.send([type_, next(self._numbers), *rest])
        while not (answers := self.peer.take()):
            await asyncio.sleep(0)
        return answers


class Asking(Voice):
    """One user's session, and the ways in which it finds out whether it may read an object."""

    def __init__(self, realm: RealmByHand, peer: Peer, user: str, kept: dict[str, int]) -> None:
        super().__init__(peer)
        self._realm = realm
        self._user = user
        self._kept = kept
        self.ways: dict[str, Callable[[str], Awaitable[bool]]] = {
            "check": self.check,
            "procedure": self.procedure,
            "snapshot": self.snapshot,
            "list": self.list_of_snapshots,
            "history": lambda object_id: self.history(topic_of(object_id), object_id),
            "history of a pattern": lambda object_id: self.history("com.app.", object_id),
            "retained": lambda object_id: self.retained(object_id, topic_of(object_id), "exact"),
            "retained of a prefix": lambda object_id: self.retained(object_id, "com.app.", "prefix"),
            "retained of a wildcard": lambda object_id: self.retained(object_id, "com.app.", "wildcard"),
            "live": lambda object_id: self.live(object_id, topic_of(object_id), "exact"),
            "live on a prefix": lambda object_id: self.live(object_id, "com.app.", "prefix"),
            "live on a wildcard": lambda object_id: self.live(object_id, "com.app.", "wildcard"),
        }

    async def check(self, object_id: str) -> bool:
        [answer] = await self.ask(48, {}, "fairlead.authz.check", [self._user, "read", object_id])
        return bool(answer[3][0]["allowed"])

    async def procedure(self, object_id: str) -> bool:
        [answer] = await self.ask(48, {}, topic_of(object_id))
        return bool(answer[0] == RESULT)

    async def snapshot(self, object_id: str) -> bool:
        [answer] = await self.ask(48, {}, "fairlead.log.read", [object_id])
        return bool(answer[0] == RESULT)

    async def list_of_snapshots(self, object_id: str) -> bool:
        [answer] = await self.ask(48, {}, "fairlead.log.list")
        return object_id in [stream["stream"] for stream in answer[3][0]["streams"]]

    async def history(self, topic: str, object_id: str) -> bool:
        """Of a subscription that somebody else has."""
        [answer] = await self.ask(48, {}, "wamp.subscription.get_events", [self._kept[topic]])
        return answer[0] == RESULT and any(event["args"] == [object_id] for event in answer[3])

    async def retained(self, object_id: str, topic: str, match: str) -> bool:
        return await self._hears(object_id, topic, match, get_retained=True)

    async def live(self, object_id: str, topic: str, match: str) -> bool:
        return await self._hears(object_id, topic, match, get_retained=False)

    async def _hears(self, object_id: str, topic: str, match: str, get_retained: bool) -> bool:
        answer, *events = await self.ask(32, {"match": match, "get_retained": get_retained}, topic)
        if answer[0] != SUBSCRIBED:
            return False
        if not get_retained:
            publish(self._realm, object_id)
            events = self.peer.take()
        await self.ask(34, answer[2])
        assert all(event[0] == EVENT for event in events), events
        return [object_id] in [event[4] for event in events]


def topic_of(object_id: str) -> str:
    return f"com.app.{object_id}"


def publish(realm: RealmByHand, object_id: str) -> None:
    realm.publisher.publish(topic_of(object_id), [object_id], options=PublishOptions(retain=True))
    realm.host.run()


@settings(max_examples=12)
@given(steps=st.lists(changes, max_size=12))
async def test_parse_livequery_no_way_shows_what_another_refuses(steps: list[Change]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        async with a_realm_by_hand(Path(directory), options=KEPT) as realm:
            await compare_after(realm, steps)


async def compare_after(realm: RealmByHand, steps: list[Change]) -> None:
    logs = await LogService.over(MemoryStreamStore())
    logs.bind(realm.core.realm1)
    await realm.authz.apply(
        [
            Put("project", "q", owner="alice"),
            Put("object", "z", owner="q"),
            Put("role", "red"),
            Grant("bob", "read", "red"),
        ]
    )
    keeper = Voice(await realm.join("admin"))
    for object_id in OBJECTS:
        realm.publisher.register(topic_of(object_id), lambda call: {})
        await keeper.ask(48, {}, "fairlead.log.create", [object_id], {"object": object_id})
        publish(realm, object_id)
    kept: dict[str, int] = {}
    askings = {user: Asking(realm, await realm.join(user), user, kept) for user in USERS}
    for step in steps:
        with suppress(RequestError):
            await realm.authz.apply([step])
    kept["com.app."] = await kept_by(keeper, "com.app.", "prefix")
    kept |= {topic_of(each): await kept_by(keeper, topic_of(each), "exact") for each in OBJECTS}
    for user, asking in askings.items():
        for object_id in OBJECTS:
            answers = {name: await way(object_id) for name, way in asking.ways.items()}
            expected = realm.authz.can(user, "read", object_id)
            assert answers == dict.fromkeys(answers, expected), (user, object_id)
    await logs.close()


async def kept_by(keeper: Voice, topic: str, match: str) -> int:
    """A subscription of the administrator's; 0, which is none, if it may not read that either."""
    [answer] = await keeper.ask(32, {"match": match}, topic)
    return int(answer[2]) if answer[0] == SUBSCRIBED else 0
