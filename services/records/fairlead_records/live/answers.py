"""What came of requests that had a key: a repeated one is answered again and does nothing a second time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from fairlead_records.store.record_store import Answer

KEPT_ANSWERS: Final = 100_000
"""The latest: some 30 MB. Whoever repeats a request does so within seconds, or when a server is back."""

KEPT_BYTES: Final = 64 << 20
"""Of their results: that of a `batch` may have some hundred kilobytes."""

KEPT_US: Final = 24 * 3600 * 1_000_000
"""How long they are kept, microseconds: a client that was away for longer has begun anew."""


class Answers:
    """By who asked and its key."""

    def __init__(self, kept: Iterable[Answer] = ()) -> None:
        self._known: OrderedDict[tuple[str, str], Answer] = OrderedDict()
        self._size = 0
        self.adopt(kept)

    def __len__(self) -> int:
        return len(self._known)

    def get(self, authid: str, key: str) -> dict[str, Any] | None:
        """The result that the request with this key had."""
        answer = self._known.get((authid, key))
        if answer is None:
            return None
        result: dict[str, Any] = msgspec.json.decode(answer.result)
        return result

    def adopt(self, answers: Iterable[Answer]) -> None:
        """These are durable."""
        for answer in answers:
            self._known[answer.authid, answer.key] = answer
            self._size += len(answer.result)
        while len(self._known) > KEPT_ANSWERS or self._size > KEPT_BYTES:
            self._forget()

    def trim(self, before_us: int) -> int:
        """Forget those of before that time; gives the time before which nothing is known any more."""
        while self._known:
            oldest = next(iter(self._known.values()))
            if oldest.at_us >= before_us:
                return oldest.at_us
            self._forget()
        return before_us

    def _forget(self) -> None:
        _, answer = self._known.popitem(last=False)
        self._size -= len(answer.result)
