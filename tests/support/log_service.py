"""A log service in memory, as small as its rules: what the client's state machines are tested against.

Only what `fairlead_client` calls; the rules are those of docs/reference.md and of `fairlead_logstream.model.stream`.
The integration tests run the same client against the real one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fairlead_client.errors import CallFailed
from fairlead_client.requests import APPEND, CREATE, READ, SEAL, Request


class LogService:
    """One stream."""

    def __init__(self, epoch: int = 1) -> None:
        self.epoch = epoch
        self.records: list[Any] = []
        self.oldest = 0
        self.producers: dict[str, tuple[int, int]] = {}
        self.sealed: dict[str, Any] | None = None
        self.attempts: list[dict[str, Any]] = [{"attempt": 1, "first": 0, "exit_code": None, "reason": None}]
        self.creates: list[dict[str, Any]] = []
        self.largest_append = 0

    def answer(self, request: Request) -> dict[str, Any]:
        """The result; raises CallFailed."""
        methods: dict[str, Callable[..., dict[str, Any]]] = {
            CREATE: self.create,
            APPEND: self.append,
            SEAL: self.seal,
            READ: self.read,
        }
        return methods[request.procedure](*request.args[1:], **request.kwargs)

    def replace(self) -> None:
        """Loses everything, as a store that was restored empty."""
        self.__init__(self.epoch + 1)  # type: ignore[misc]

    def create(self, **about: Any) -> dict[str, Any]:
        self.creates.append(about)
        term, seq = self.producers.get(about["producer"], (0, 0))
        attempt = about.get("attempt")
        if attempt is not None and attempt > self.attempts[-1]["attempt"]:
            self.begin_attempt(attempt)
        return {
            "epoch": self.epoch,
            "next": len(self.records),
            "producer_term": term,
            "producer_seq": seq,
            "attempt": self.attempts[-1]["attempt"],
            "sealed": self.sealed,
        }

    def begin_attempt(self, attempt: int) -> None:
        """It goes on."""
        self.attempts.append({"attempt": attempt, "first": len(self.records), "exit_code": None, "reason": None})
        self.sealed = None
        self.records.append([0, "fairlead", f'{{"attempt":{attempt}}}', 2])

    def append(self, records: list[Any], producer: str, term: int, seq: int, lost: int = 0) -> dict[str, Any]:
        self.largest_append = max(self.largest_append, sum(len(record[2]) for record in records))
        known = self.producers.get(producer)
        if known is not None and term < known[0]:
            raise CallFailed("fairlead.error.fenced", "taken over", {"expected": known[1], "term": known[0]})
        expected = seq if known is None else known[1]
        missing = seq if known is None else seq - expected
        if known is not None and (missing > lost or (missing < 0 and term > known[0])):
            raise CallFailed("fairlead.error.gap", "a gap", {"expected": expected, "term": known[0]})
        new = records[max(0, expected - seq) :]
        if new and self.sealed is not None:
            raise CallFailed("fairlead.error.sealed", "the log is sealed")
        first = len(self.records)
        if missing > 0:
            self.records.append([0, "fairlead", f'{{"lost":{missing}}}', 2])
        self.records += new
        self.producers[producer] = (term, max(expected, seq + len(records)))
        return {"first": first, "next": len(self.records), "epoch": self.epoch}

    def seal(self, exit_code: int | None = None, reason: str | None = None) -> dict[str, Any]:
        wanted = {"exit_code": exit_code, "reason": reason, "next": len(self.records)}
        if self.sealed is not None and self.sealed != wanted:
            raise CallFailed("fairlead.error.sealed", "sealed otherwise")
        self.sealed = wanted
        self.attempts[-1] |= {"exit_code": exit_code, "reason": reason}
        return {"next": len(self.records)}

    def read(
        self,
        start: int | None = None,
        epoch: int | None = None,
        tail: int | None = None,
        since: int | None = None,
        limit: int = 1000,
        wait_s: float | None = None,
        sources: list[str] | None = None,
        attempt: int | None = None,
    ) -> dict[str, Any]:
        head = len(self.records)
        result: dict[str, Any] = {}
        if attempt is not None:
            result["attempt"] = self.known_attempt(attempt)
            start, epoch = result["attempt"]["first"], self.epoch
        if start is not None and epoch != self.epoch:
            result["reset"] = {"epoch": self.epoch, "oldest": self.oldest, "next": self.oldest}
            start = self.oldest
        elif start is not None and start > head:
            raise CallFailed("fairlead.error.ahead", "ahead", {"head": head})
        elif start is not None and start < self.oldest:
            result["lagged"] = {"from": start, "to": self.oldest}
            start = self.oldest
        elif tail is not None:
            start = max(self.oldest, head - tail)
        elif since is not None:
            start = next((seq for seq, record in enumerate(self.records) if record[0] >= since), head)
        first = self.oldest if start is None else start
        seqs = [*range(first, min(first + limit, head))]
        shown = [seq for seq in seqs if sources is None or self.records[seq][1] in sources]
        if shown != seqs:
            result["seqs"] = shown
        return {
            **result,
            "first": first,
            "records": [self.records[seq] for seq in shown],
            "next": first + len(seqs),
            "head": head,
            "oldest": self.oldest,
            "epoch": self.epoch,
            "sealed": self.sealed,
        }

    def known_attempt(self, attempt: int) -> dict[str, Any]:
        for index, known in enumerate(self.attempts):
            if known["attempt"] == attempt:
                later = self.attempts[index + 1 :]
                return {**known, "next": later[0]["first"] if later else None}
        raise CallFailed("fairlead.error.no_such_attempt", f"no attempt {attempt}")
