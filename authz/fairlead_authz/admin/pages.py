"""Lists in pages: how long one may be, and where the next begins.

`after` is the key of a page's last entry, to be given with the next request; it is None where nothing follows that the
caller may see. So neither it nor a page's length tells anything of what is hidden (G13).
"""

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from fairlead_router.errors import InvalidArgument

PAGE_ENTRIES = 100
"""On a page, if the caller does not say."""

MAX_PAGE_ENTRIES = 1_000
"""On a page: it is judged in one turn of the loop, and two rights an entry take 5 ms."""

PAGE_BYTES = 256 * 1024
"""Of a page as JSON: with any serializer it is within the largest message (1 MiB by default)."""

K = TypeVar("K")


def checked_limit(limit: int) -> int:
    """Raises InvalidArgument."""
    if not 1 <= limit <= MAX_PAGE_ENTRIES:
        raise InvalidArgument(f"limit {limit} must be from 1 to {MAX_PAGE_ENTRIES}")
    return limit


def paged(entries: Iterable[tuple[K, dict[str, Any]]], limit: int) -> tuple[list[dict[str, Any]], K | None]:
    """The entries of one page, and `after`; it takes no more than one beyond the page, and at least one."""
    page: list[dict[str, Any]] = []
    size, after = 0, None
    for key, entry in entries:
        size += len(msgspec.json.encode(entry))
        if len(page) == limit or (page and size > PAGE_BYTES):
            return page, after
        page.append(entry)
        after = key
    return page, None
