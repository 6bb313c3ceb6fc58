"""What the record service asks of who keeps the permissions, beside what every call can ask (`Caller.can`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from fairlead_router import Principal

NewObject = Callable[[Principal, str, str | None], Awaitable[None]]
"""Called with the caller, an object id and an owner (or None) before a record is made. It makes the object if there is
none, which needs write on the owner, leaves one that exists as it is, and raises a RequestError to refuse."""

RightsMark = Callable[[Principal], int]
"""A number that is another one when rights of a principal may have moved, but for those to new things."""

IsHidden = Callable[[str], bool]
"""Whether an object is in the trash, itself or with what it belongs to."""


class Permissions(NamedTuple):
    """By default everything is there, and nothing moves."""

    new_object: NewObject | None = None
    rights_mark: RightsMark = lambda _principal: 0
    is_hidden: IsHidden = lambda _object_id: False
