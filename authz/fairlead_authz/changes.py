"""The changes that the funnel takes, as they come over the wire.

{op: put, kind: user|role|project|object, id, owner=, name=, is_admin=, is_active=}    creates, or changes what is given
{op: delete, id}
{op: grant|revoke, user, level: read|write|manage, object}                             user may be a role
"""

import re
from typing import Any

import msgspec

from fairlead_authz.graph import Kind
from fairlead_router.authorization import Level
from fairlead_router.errors import InvalidArgument

MAX_CHANGES = 10_000
"""In one list: it is judged in one turn of the loop."""

_ID = re.compile(r"[A-Za-z0-9_+@-]{1,128}")
_SHOWN_CHARACTERS = 40


class Put(msgspec.Struct, frozen=True, tag_field="op", tag="put"):
    """Create a node, or change what is given of it. An owner other than before moves it."""

    kind: Kind
    id: str
    owner: str | None = None
    name: str | None = None
    is_admin: bool | None = None
    is_active: bool | None = None


class Delete(msgspec.Struct, frozen=True, tag_field="op", tag="delete"):
    """Remove a node that owns nothing, with its links."""

    id: str


class Grant(msgspec.Struct, frozen=True, tag_field="op", tag="grant"):
    """Give a user or role at least this level on an object."""

    user: str
    level: Level
    object: str


class Revoke(msgspec.Struct, frozen=True, tag_field="op", tag="revoke"):
    """Take this level and what is above it: `read` removes the link, `write` leaves read."""

    user: str
    level: Level
    object: str


Change = Put | Delete | Grant | Revoke


def decode_changes(values: list[Any]) -> list[Change]:
    """Raises InvalidArgument, which names the place, the value and what is allowed."""
    if len(values) > MAX_CHANGES:
        raise InvalidArgument(f"{len(values)} changes in one list; at most {MAX_CHANGES} are taken")
    try:
        return msgspec.convert(values, list[Change])
    except msgspec.ValidationError as error:
        raise InvalidArgument(f"changes: {error}{_hint(values, str(error))}") from error


def check_id(id_: str) -> str:
    """Arvados' UUIDs and content hashes fit, and it is one component of a URI. Raises InvalidArgument."""
    if _ID.fullmatch(id_) is None:
        shown = repr(id_) if len(id_) <= _SHOWN_CHARACTERS else repr(id_[:_SHOWN_CHARACTERS]) + "..."
        raise InvalidArgument(f"{shown} is no id: 1 to 128 of the characters A-Z a-z 0-9 _ + @ -")
    return id_


_ALLOWED = {
    "level": "a level is read, write or manage",
    "kind": "a kind is user, role, project or object",
    "op": "an op is put, delete, grant or revoke",
}


def _hint(values: list[Any], text: str) -> str:
    """What is allowed there, and what was given; msgspec names the place."""
    for key, rule in _ALLOWED.items():
        if f".{key}`" in text:
            given = [value.get(key) for value in values if isinstance(value, dict) and key in value]
            return f" ({rule}; given: {', '.join(map(repr, given[:5]))})"
    return ""
