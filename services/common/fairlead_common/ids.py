"""What an id is: one component of a URI, of a narrow alphabet, into which Arvados' UUIDs and content hashes fit."""

from __future__ import annotations

import re

from fairlead_router import InvalidArgument

_ID = re.compile(r"[A-Za-z0-9_+@-]{1,128}")
_SHOWN_CHARACTERS = 40


def check_id(name: str, value: str) -> str:
    """The value, if it is an id. Raises InvalidArgument, which calls it by this name."""
    if _ID.fullmatch(value) is None:
        shown = repr(value) if len(value) <= _SHOWN_CHARACTERS else repr(value[:_SHOWN_CHARACTERS]) + "..."
        raise InvalidArgument(f"{name} is {shown}: an id has 1 to 128 of the characters A-Z a-z 0-9 _ + @ -")
    return value
