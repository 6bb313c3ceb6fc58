"""The procedure `fairlead.authz.audit` and the topic `fairlead.authz.changes`: who changed what, and when.

Administrators see all of it. Whoever manages an object sees the newest changes of that object: without what else was in
the same list, without an actor that it may not see, and with times in place of revisions and pages, which would count
what others do (G13). What was refused is not kept, so it is not here.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from fairlead_authz.admin.asking import check_ids
from fairlead_authz.admin.pages import MAX_PAGE_ENTRIES, PAGE_ENTRIES, checked_limit, paged
from fairlead_authz.store.permission_log import LoggedChange
from fairlead_router.errors import InvalidArgument, NotAuthorized
from fairlead_router.member import Member
from fairlead_router.realm import Realm
from fairlead_router.rpc.call import Call

if TYPE_CHECKING:
    from fairlead_authz.authz import Authz
    from fairlead_authz.store.store import PermissionStore

TOPIC = "fairlead.authz.changes"
"""No rule ties it to an object, so it is for administrators, and the gate judges it with each event."""

ASKED_BYTES = 64 * 1024
"""Of the changes of one list as they are shown, as JSON: messages are bounded. `omitted` counts those behind."""

ABOUT = ("id", "object", "owner")
"""Where a change names what it is about. What it names elsewhere is for those who may see that."""


class AuditArguments(msgspec.Struct):
    """`audit`."""

    positional: ClassVar[tuple[str, ...]] = ()
    after: int = 0
    limit: int = PAGE_ENTRIES
    object: str | None = None
    user: str | None = None


class Audit:
    """Shows the log of changes."""

    def __init__(self, authz: "Authz", store: "PermissionStore") -> None:
        self._authz = authz
        self._store = store
        self._turn = asyncio.Lock()
        """Of those for whom the whole log is read: one at a time, lest they have all readers of the store."""

    async def audit(self, call: Call) -> dict[str, Any]:
        """The changes after a revision; of an object, or by a user."""
        arguments = call.arguments(AuditArguments)
        limit = checked_limit(arguments.limit)
        check_ids(arguments.object, arguments.user)
        principal = call.caller.principal
        if self._authz.actor(principal).is_admin:
            found = await self._store.changes(arguments.after, limit, arguments.object, arguments.user)
            if not self._authz.actor(principal).is_admin:  # not any more
                raise NotAuthorized(f"{principal.authid!r} may not read the log of changes: it is for administrators")
            page, after = paged(((each.revision, shown(each)) for each in found.changes), limit)
            return {"changes": page, "after": found.after if after is None else after}
        if arguments.object is None:
            raise NotAuthorized(f"{principal.authid!r} may read only changes of an object that it manages: name one")
        if arguments.after:
            raise InvalidArgument(f"after {arguments.after} is for administrators: others get the newest changes")
        changes = await self._newest(call, arguments.object, arguments.user, limit)
        return {"changes": changes, "after": None}

    async def _newest(self, call: Call, object_id: str, user: str | None, limit: int) -> list[dict[str, Any]]:
        """The newest changes of an object, the oldest of them first. Raises NotAuthorized."""
        call.hold("manage", object_id)
        async with self._turn:
            newest = await self._scan(object_id, user, limit)
        if user is not None and not call.caller.can("read", user):
            return []
        entries = (_of_object(call, each, object_id) for each in reversed(newest))
        page, _ = paged(((0, each) for each in entries if each["asked"]), limit)
        return page[::-1]

    async def _scan(self, object_id: str, user: str | None, limit: int) -> "deque[LoggedChange]":
        newest: deque[LoggedChange] = deque(maxlen=limit)
        after: int | None = 0
        while after is not None:
            found = await self._store.changes(after, MAX_PAGE_ENTRIES, object_id)
            for change in found.changes:
                if _deletes(change, object_id):
                    newest.clear()  # it was another one of this id
                elif user in (None, change.actor):
                    newest.append(change)
            after = found.after
        return newest


class Watch:
    """Publishes each change as it has been made."""

    def __init__(self, realm: Realm, member: Member) -> None:
        self._realm = realm
        self._member = member

    def changed(self, change: LoggedChange) -> None:
        """A change holds. It costs nothing while nobody listens."""
        if self._realm.broker.has_members(TOPIC):
            entry = shown(change)
            entry["changes"] = entry.pop("asked")
            self._member.publish(TOPIC, [entry])


def shown(change: LoggedChange) -> dict[str, Any]:
    """A logged change as administrators see it."""
    entry = {"revision": change.revision, "at_us": change.at_us, "actor": change.actor}
    return {**entry, **_bounded(msgspec.json.decode(change.asked))}


def _of_object(call: Call, change: LoggedChange, object_id: str) -> dict[str, Any]:
    """What of a logged change is about an object, as who manages it sees it."""
    asked = msgspec.json.decode(change.asked)
    about = [each for each in asked if object_id in (each.get(key) for key in ABOUT)]
    actor = change.actor if call.caller.can("read", change.actor) else None
    return {"revision": change.at_us, "at_us": change.at_us, "actor": actor, **_bounded(about)}


def _deletes(change: LoggedChange, object_id: str) -> bool:
    if b'"delete"' not in bytes(change.asked):
        return False
    return any(each["op"] == "delete" and each["id"] == object_id for each in msgspec.json.decode(change.asked))


def _bounded(asked: Iterable[dict[str, Any]]) -> dict[str, Any]:
    kept: list[dict[str, Any]] = []
    size = omitted = 0
    for change in asked:
        size += len(msgspec.json.encode(change))
        if size > ASKED_BYTES:
            omitted += 1
        else:
            kept.append(change)
    return {"asked": kept, "omitted": omitted} if omitted else {"asked": kept}
