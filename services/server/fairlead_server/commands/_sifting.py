"""Which records of a log `fairlead logs` shows: those of some sources, before a time, with a text in them.

Judged record by record, as they are stored: a line in several parts may match in one of them only. Markers are about
the log and of no source; they are left out only where a text is looked for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from typing import Any, TypeAlias

from fairlead_client.following import Batch
from fairlead_client.records import MARKER

# A record with its number.
Numbered: TypeAlias = tuple[int, list[Any]]


class Grep:
    """Finds a text, with so many records before and after as context. One for each log: it remembers those before."""

    def __init__(self, text: str, *, ignores_case: bool = False, context: int = 0) -> None:
        self._ignores_case = ignores_case
        self._text = text.casefold() if ignores_case else text
        self._data = self._text.encode(errors="surrogateescape")
        self._context = context
        self._before: deque[Numbered] = deque(maxlen=context)
        self._after = 0

    def matching(self, records: Iterable[Numbered]) -> Iterator[Numbered]:
        """Those that have it, and those around them."""
        for each in records:
            if not each[1][3] & MARKER and self._has(each[1][2]):
                yield from self._before
                self._before.clear()
                self._after = self._context
                yield each
            elif self._after:
                self._after -= 1
                yield each
            else:
                self._before.append(each)

    def _has(self, text: str | bytes) -> bool:
        if isinstance(text, bytes):
            return self._data in (text.lower() if self._ignores_case else text)
        return self._text in (text.casefold() if self._ignores_case else text)


class Sieve:
    """Everything that is asked of a record; `sources` empty takes all. One for each log."""

    def __init__(self, sources: Collection[str] = (), until_us: int | None = None, grep: Grep | None = None) -> None:
        self._sources = frozenset(sources)
        self._until_us = until_us
        self._grep = grep
        self._takes_all = not sources and until_us is None and grep is None

    def sifted(self, batch: Batch) -> Batch:
        """What is shown of it, perhaps nothing."""
        if self._takes_all:
            return batch
        records: Iterable[Numbered] = filter(self._takes, zip(batch.seqs, batch.records, strict=True))
        kept = [*(records if self._grep is None else self._grep.matching(records))]
        return Batch([seq for seq, _ in kept], [record for _, record in kept])

    def _takes(self, numbered: Numbered) -> bool:
        time_us, source, _, flags = numbered[1]
        is_wanted = not self._sources or source in self._sources or bool(flags & MARKER)
        return is_wanted and (self._until_us is None or time_us < self._until_us)
