"""The changes that the funnel takes, as they come over the wire.

{op: put, kind: user|role|project|object, id, owner=, name=, is_admin=, is_active=}    creates, or changes what is given
{op: delete, id}
{op: grant|revoke, user, level: read|write|manage, object}                             user may be a role

A key that is not known here is refused, not ignored as elsewhere: a slip of the pen in a permission must be heard.
"""

import re
from typing import Any, Literal

import msgspec

from fairlead_router.authorization import Level
from fairlead_router.errors import InvalidArgument

MAX_CHANGES = 10_000
"""In one list: it is judged in one turn of the loop."""

MAX_NAME = 1_000
"""Characters of a name; it is for people."""

_ID = re.compile(r"[A-Za-z0-9_+@-]{1,128}")
_SHOWN_CHARACTERS = 40

PutKind = Literal["user", "role", "project", "object"]


class Put(msgspec.Struct, frozen=True, tag_field="op", tag="put", forbid_unknown_fields=True):
    """Create a node, or change what is given of it. An owner other than before moves it."""

    kind: PutKind
    id: str
    owner: str | None = None
    name: str | None = None
    is_admin: bool | None = None
    is_active: bool | None = None


class Delete(msgspec.Struct, frozen=True, tag_field="op", tag="delete", forbid_unknown_fields=True):
    """Remove a node that owns nothing, with its links."""

    id: str


class Grant(msgspec.Struct, frozen=True, tag_field="op", tag="grant", forbid_unknown_fields=True):
    """Give a user or role at least this level on an object."""

    user: str
    level: Level
    object: str


class Revoke(msgspec.Struct, frozen=True, tag_field="op", tag="revoke", forbid_unknown_fields=True):
    """Take this level and what is above it: `read` removes the link, `write` leaves read."""

    user: str
    level: Level
    object: str


Change = Put | Delete | Grant | Revoke


def decode_changes(values: list[Any]) -> list[Change]:
    """Raises InvalidArgument, which names the place, the value and what is allowed."""
    if len(values) > MAX_CHANGES:
        raise InvalidArgument(f"{len(values)} changes in one list; at most {MAX_CHANGES} are taken")
    return [_decode(index, value) for index, value in enumerate(values)]


def check_id(id_: str) -> str:
    """Arvados' UUIDs and content hashes fit, and it is one component of a URI. Raises InvalidArgument."""
    if _ID.fullmatch(id_) is None:
        raise InvalidArgument(f"{shown(id_)} is no id: 1 to 128 of the characters A-Z a-z 0-9 _ + @ -")
    return id_


def shown(value: object) -> str:
    """A value as an error text shows it: enough to find it, too little to flood a log."""
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


_RULES = {
    "level": "a level is read, write or manage",
    "kind": "a kind is user, role, project or object",
    "op": "an op is put, delete, grant or revoke",
}
_PLACE = re.compile(r"`\$\.(\w+)`")


def _decode(index: int, value: Any) -> Change:
    try:
        change: Change = msgspec.convert(value, Change)
        return change
    except msgspec.ValidationError as error:
        place = _PLACE.search(str(error))
        key = None if place is None else place.group(1)
        if key is None or not isinstance(value, dict) or key not in value:
            raise InvalidArgument(f"changes[{index}]: {str(error).replace(' - at `$`', '')}") from None
        rule = _RULES.get(key, str(error).partition(" - at ")[0])
        raise InvalidArgument(f"changes[{index}].{key} is {shown(value[key])}: {rule}") from None
