"""A stream's metadata: a JSON object of its maker's, by which the directory can be filtered.

It is kept as WAMP writes JSON: what is binary is a string of U+0000 and base64.
"""

from __future__ import annotations

from typing import Any

import msgspec

from fairlead_router import InvalidArgument, Payload

METADATA_LIMIT_BYTES = 4 << 10
"""As JSON: names to find a stream by, which every page of the directory carries."""

METADATA_LEVELS_LIMIT = 16
"""Objects and arrays inside each other: a page of the directory, with the metadata inside, stays far below the router's
63, beyond which nobody could read it."""

_decode = msgspec.json.Decoder(tuple[dict[str, Any]]).decode


def checked_metadata(value: dict[str, Any]) -> dict[str, Any]:
    """The metadata as it is kept. Raises InvalidArgument for too much of it, and what some could not read."""
    written = Payload.from_values([value]).args_bytes
    size = len(written) - len(b"[]")
    if size > METADATA_LIMIT_BYTES:
        raise InvalidArgument(f"metadata is {size} bytes of JSON: at most {METADATA_LIMIT_BYTES}")
    (metadata,) = _decode(written)
    if _is_deeper_than(METADATA_LEVELS_LIMIT, metadata):
        raise InvalidArgument(f"metadata is nested deeper than {METADATA_LEVELS_LIMIT} levels")
    return metadata


def has_all(metadata: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether it has each of these keys with just this value; true is not 1."""
    return all(
        key in metadata and metadata[key] == value and isinstance(metadata[key], bool) == isinstance(value, bool)
        for key, value in wanted.items()
    )


def _is_deeper_than(levels: int, value: Any) -> bool:
    if not isinstance(value, dict | list):
        return False
    inside = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper_than(levels - 1, item) for item in inside)
