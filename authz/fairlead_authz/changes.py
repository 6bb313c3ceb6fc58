"""The changes that the funnel takes, as they come over the wire.

{op: put, kind, id, owner=, name=, is_admin=, is_active=, about=, state=}    creates, or changes what is given
{op: delete, id}
{op: grant|revoke, user, level: read|write|manage|login, object}            user may be a role
{op: trash, id, at_us=}  {op: untrash, id}                                  hides it, and what it owns
{op: freeze, id}  {op: unfreeze, id}                                        a project, and what it owns
{op: activate, id}  {op: deactivate, id}                                    a user
{op: merge, user, into}                                                     a user into another

A key that is not known here is refused, not ignored as elsewhere: a slip of the pen in a permission must be heard.
"""

import re
from collections.abc import Iterable
from typing import Annotated, Any, get_args

import msgspec
from msgspec import UNSET, UnsetType

from fairlead_authz.model.graph import ContainerState, Kind
from fairlead_authz.model.levels import LinkLevel
from fairlead_router.errors import InvalidArgument

MAX_CHANGES = 10_000
"""In one list: it is judged in one turn of the loop."""

MAX_CHANGES_OF_USERS = 2_000
"""In one list of somebody who is no administrator: 20 to 50 ms of that turn."""

MAX_NAME = 1_000
"""Characters of a name; it is for people."""

MAX_TIME_US = 2**53
"""What every client can say exactly: the year 2255."""

_ID = re.compile(r"[A-Za-z0-9_+@-]{1,128}")
_SHOWN_CHARACTERS = 40


class _Change(msgspec.Struct, frozen=True, tag_field="op", tag=str.lower, forbid_unknown_fields=True):
    """What all changes have in common: their form on the wire."""


class Put(_Change, frozen=True):
    """Create a node, or change what is given of it. An owner other than before moves it.

    `about`: the container of a container request or object, the content of a collection, the object of a log row; None
    clears it.
    `state`: of a container, which begins as Queued.
    """

    kind: Kind
    id: str
    owner: str | None = None
    name: str | None = None
    is_admin: bool | None = None
    is_active: bool | None = None
    about: str | UnsetType | None = UNSET
    state: ContainerState | None = None


class Delete(_Change, frozen=True):
    """Remove a node that owns nothing, with its links."""

    id: str


class Grant(_Change, frozen=True):
    """Give a user or role at least this level on an object, or the login to it."""

    user: str
    level: LinkLevel
    object: str


class Revoke(_Change, frozen=True):
    """Take this level and what is above it: `read` leaves at most the login, `write` leaves read, `login` any level."""

    user: str
    level: LinkLevel
    object: str


class Trash(_Change, frozen=True):
    """Hide a node and what it owns from everybody, from `at_us` on (microseconds since 1970); None: at once."""

    id: str
    at_us: Annotated[int, msgspec.Meta(ge=0, le=MAX_TIME_US)] | None = None


class Untrash(_Change, frozen=True):
    """Take a node out of the trash."""

    id: str


class Freeze(_Change, frozen=True):
    """Nobody writes to the project any more, nor to what it owns."""

    id: str


class Unfreeze(_Change, frozen=True):
    """The project is written to again."""

    id: str


class Activate(_Change, frozen=True):
    """Set a user up: active, in `all-users` and visible to them."""

    id: str


class Deactivate(_Change, frozen=True):
    """Take everything that the user was granted, its tokens and the administrator's flag; it keeps what it owns."""

    id: str


class Merge(_Change, frozen=True):
    """What the user owns and was granted, and who was granted rights on it, becomes the other's; its sessions end."""

    user: str
    into: str


Change = Put | Delete | Grant | Revoke | Trash | Untrash | Freeze | Unfreeze | Activate | Deactivate | Merge


def decode_changes(values: list[Any], at_most: int = MAX_CHANGES) -> list[Change]:
    """Raises InvalidArgument, which names the place, the value and what is allowed."""
    if len(values) > at_most:
        raise InvalidArgument(f"{len(values)} changes in one list; at most {at_most} are taken")
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


def _choice(values: Iterable[str]) -> str:
    *others, last = values
    return f"{', '.join(others)} or {last}"


_RULES = {
    "level": f"a level is {_choice(get_args(LinkLevel))}",
    "kind": f"a kind is {_choice(get_args(Kind))}",
    "op": f"an op is {_choice(change.__struct_config__.tag for change in get_args(Change))}",
    "state": f"a state is {_choice(get_args(ContainerState))}",
    "at_us": f"a time is microseconds since 1970, from 0 to {MAX_TIME_US}",
}
_KEYS = {change.__struct_config__.tag: ("op", *change.__struct_fields__) for change in get_args(Change)}
_PLACE = re.compile(r"`\$\.(\w+)`")


def _decode(index: int, value: Any) -> Change:
    try:
        change: Change = msgspec.convert(value, Change)
        return change
    except msgspec.ValidationError as error:
        place = _PLACE.search(str(error))
        key = None if place is None else place.group(1)
        if key is None or not isinstance(value, dict) or key not in value:
            raise InvalidArgument(f"changes[{index}]: {str(error).replace(' - at `$`', '')}{_keys_of(value)}") from None
        rule = _RULES.get(key, str(error).partition(" - at ")[0])
        raise InvalidArgument(f"changes[{index}].{key} is {shown(value[key])}: {rule}") from None


def _keys_of(value: Any) -> str:
    """What a change of this op may have, to be said behind what is wrong."""
    op = value.get("op") if isinstance(value, dict) else None
    return f"; the keys of {op!r} are {', '.join(_KEYS[op])}" if isinstance(op, str) and op in _KEYS else ""
