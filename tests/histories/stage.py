"""Where a play takes place: a real `fairlead serve`, the objects, users and groups in it, and the record of all."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, TypeVar

from histories.peer import Gone, Peer, Refused, now_s
from histories.record import NEVER_S, Change, End, History, has_ended
from support.serving import Serving

T = TypeVar("T")

USERS = [f"user{number}" for number in range(6)]
ROLES = ["red", "blue"]
PROJECTS = ["open", "closed", "inner"]
OBJECTS = [f"o{number}" for number in range(8)]
SLEEPER = "sleeper"
"""Whose rights are granted directly, and whose only changes are its own."""

PRESS = "press"
"""Who publishes: an administrator, so that no change takes that right."""

LEDGER = "ledger"
"""Every list of changes renames this, so that no two are alike and each has a revision of its own."""

CONFIG = """
[[rules]]
uri = "com.app.{object}.state"
subscribe = "read"
publish = "write"
"""


def topic_of(object_id: str) -> str:
    return f"com.app.{object_id}.state"


class Stage:
    """See the module."""

    def __init__(self, server: Serving, token: str) -> None:
        self.server = server
        self.token = token
        self.history = History(OBJECTS, [*USERS, SLEEPER])
        self.published_bytes = 0
        self.over = asyncio.Event()
        """No more publications and changes."""
        self.closing = asyncio.Event()
        """Nobody wants to hear any more."""
        self._tokens: dict[str, str] = {}
        self._lists = 0

    @property
    def port(self) -> int:
        return self.server.port

    async def admin(self) -> Peer:
        """A session of an administrator."""
        return await Peer.join(self.port, self.token)

    async def set_up(self) -> None:
        """Users in roles, objects in projects, and a stream of each object."""
        admin = await self.admin()
        changes: list[dict[str, Any]] = [
            *({"op": "put", "kind": "user", "id": user} for user in [*USERS, SLEEPER]),
            {"op": "put", "kind": "user", "id": PRESS, "is_admin": True},
            *({"op": "put", "kind": "role", "id": role} for role in ROLES),
            *({"op": "put", "kind": "project", "id": project, "owner": PRESS} for project in PROJECTS),
            *({"op": "put", "kind": "object", "id": id_, "owner": "open"} for id_ in [*OBJECTS, LEDGER]),
            {"op": "grant", "user": "red", "level": "read", "object": "open"},
            *({"op": "grant", "user": user, "level": "read", "object": "red"} for user in USERS[:3]),
        ]
        await self.change(admin, changes)
        for object_id in OBJECTS:
            await admin.call("fairlead.log.create", object_id, object=object_id)
        await admin.leave()

    async def change(self, admin: Peer, changes: list[dict[str, Any]]) -> None:
        """Apply the changes, and record them. A refusal is what comes of a contradiction, and no fault."""
        self._lists += 1
        renamed = {"op": "put", "kind": "object", "id": LEDGER, "owner": "open", "name": f"list {self._lists}"}
        change = Change([*changes, renamed], now_s())
        self.history.changes.append(change)
        ends = [End(each["id"], None, now_s()) for each in changes if each["op"] == "deactivate"]
        self.history.ends += ends
        try:
            answer = await admin.call("fairlead.authz.apply", change.changes)
        except Refused:
            _remove(self.history.changes, change)
            for end in ends:
                _remove(self.history.ends, end)
            return
        change.revision, change.acknowledged_s = answer["revision"], now_s()
        for end in ends:
            end.acknowledged_s = change.acknowledged_s

    async def token_of(self, user: str) -> str:
        """A token of the user that should be valid; it may be gone by the time that it is used. Raises Refused."""
        token = self._tokens.get(user)
        if token is None:
            admin = await self.admin()
            try:
                token = (await admin.call("fairlead.authz.token", user))["token"]
            finally:
                await admin.leave()
            self._tokens[user] = token
        return token

    def forget_token(self, user: str, token: str) -> None:
        """It was refused."""
        if self._tokens.get(user) == token:
            del self._tokens[user]

    async def end_token(self, admin: Peer, user: str) -> None:
        """Delete the token that the user's sessions have come in with."""
        token = self._tokens.pop(user, None)
        if token is None:
            return
        end = End(user, token, now_s())
        self.history.ends.append(end)
        try:
            await admin.call("fairlead.authz.token_delete", token.split("/")[1])
        except Refused:  # its user was shut out meanwhile, and it with that
            _remove(self.history.ends, end)
        else:
            end.acknowledged_s = now_s()

    async def learn_revisions(self) -> None:
        """Of lists whose answer was lost: from the server's log, which must have all that were acknowledged."""
        by_name = {each.changes[-1]["name"]: each for each in self.history.changes}
        admin = await self.admin()
        after: int | None = 0
        while after is not None:
            page = await admin.call("fairlead.authz.audit", after=after)
            for logged in page["changes"]:
                change = by_name.pop(logged["asked"][-1].get("name"), None) if logged["asked"] else None
                if change is not None:
                    assert change.revision in (0, logged["revision"])
                    change.revision = logged["revision"]
            after = page["after"]
        await admin.leave()
        lost = [each for each in by_name.values() if each.acknowledged_s != NEVER_S]
        assert not lost, f"acknowledged, and not in the log: {lost}"

    async def try_dead_tokens(self) -> None:
        """Whether anybody comes in with a token that has ended for certain."""
        for session in self.history.sessions:
            if any(has_ended(session, end) for end in self.history.ends):
                with suppress(Refused):
                    peer = await Peer.join(self.port, session.token)
                    self.history.revived.append(session.user)
                    await peer.leave()


def _remove(records: list[T], gone: T) -> None:
    """This one, not one that is like it."""
    records[:] = [each for each in records if each is not gone]


async def join_patiently(stage: Stage, token: str, **how: Any) -> Peer:
    """A session as soon as the server is there. Raises Refused."""
    while True:
        try:
            return await Peer.join(stage.port, token, **how)
        except Gone:
            await asyncio.sleep(0.05)
