"""The lines that are sent: each says who wrote it and which one it is, so that a lost or repeated one is seen."""

from __future__ import annotations

import random
import re
import string
from collections import Counter
from collections.abc import Iterable

LINE_BYTES = 100
BATCH_LINES = 100
TIME_US = 1_790_000_000_000_000
_NUMBER = b"@" * 10
_LETTERS = (string.ascii_letters + string.digits).encode()
"""Of the rest of a line, chosen at random: real lines are easier to compress."""
_LINE = re.compile(rb"producer (\d\d) batch (\d{10}) line (\d{4}) ")


class Lines:
    """The batches of one producer. What differs between two batches is put in by one `replace`."""

    def __init__(self, producer: int, count: int = BATCH_LINES, size: int = LINE_BYTES) -> None:
        choose = random.Random(producer)
        self._texts = [
            (
                b"producer %02d batch %b line %04d " % (producer, _NUMBER, index)
                + bytes(choose.choices(_LETTERS, k=size))
            )[:size]
            for index in range(count)
        ]
        self._json = b"[%b]" % b",".join(b'[%d,"stdout","%b",0]' % (TIME_US, text) for text in self._texts)

    def json(self, batch: int) -> bytes:
        """The records as the log service takes them."""
        return self._json.replace(_NUMBER, b"%010d" % batch)

    def plain(self, batch: int) -> list[bytes]:
        """The texts."""
        number = b"%010d" % batch
        return [text.replace(_NUMBER, number) for text in self._texts]


class Check:
    """Sees the lines that came back, in their order, and says what is wrong with them."""

    def __init__(self, count: int = BATCH_LINES) -> None:
        self._count = count
        self._next: Counter[int] = Counter()
        self.lines = 0
        self.disordered = 0
        """Lines that are not the one that had to come next from their producer."""

    def see(self, data: bytes) -> None:
        """Lines in whatever is around them."""
        self.see_lines((int(producer), int(batch), int(line)) for producer, batch, line in _LINE.findall(data))

    def see_lines(self, found: Iterable[tuple[int, int, int]]) -> None:
        """Lines as (producer, batch, line)."""
        following, count = self._next, self._count
        for producer, batch, line in found:
            number = batch * count + line
            self.disordered += number != following[producer]
            following[producer] = number + 1
            self.lines += 1
