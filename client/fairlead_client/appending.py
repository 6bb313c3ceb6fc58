"""The state machine behind a LogWriter and a FileWriter: what to call next, and what the answers mean.

    new session -> create -> append, append, ... -> seal -> done
                     ^______________|   an error that passes: after a pause, from what is acknowledged on

No I/O but reading the spool, no clock and no framework: sessions and answers are told to it, `due` says which calls to
make. After each (re)connection `create` says how far the service has come, so what was under way when a session was
lost is sent again exactly, or not at all. Appends are pipelined: the service takes a caller's calls in order.

Who takes over a producer's name does so under a term of its own. As long as the service knows none of that term,
nothing of ours is there, and we begin where the name's last owner has stopped, wherever that is by then. A term above
ours is a successor's: what it stored must not be taken for ours, so that ends the sending.
"""

from __future__ import annotations

import secrets
from collections import deque
from dataclasses import dataclass, replace

from fairlead_client.backoff import Backoff
from fairlead_client.errors import FENCED, FINAL_FOR_WRITERS, GAP, PASSING, SEALED, SPOOL_FAILED, CallFailed
from fairlead_client.requests import APPEND, CREATE, SEAL, Request, Result, given
from fairlead_client.source import Batch, Position, Source

# Enough to keep the service's commits busy while the answers travel; each holds up to 64 KiB of memory.
APPENDS_IN_FLIGHT = 4
# Two who take over a name at the same moment must not choose the same term: it is raised by up to this, at random.
TERM_STEPS = 2**20
# A producer is heard this often within the time that it has promised, so that one lost session makes it not stale.
HEARTBEATS = 3


@dataclass
class _Sent:
    request: Request
    after: Position
    is_done: bool = False


class Appender:
    """Sends what is in a spool, each record once, and seals the stream where the spool says so."""

    def __init__(self, spool: Source, in_flight: int = APPENDS_IN_FLIGHT) -> None:
        self.spool = spool
        self.failure: CallFailed | None = None
        self.last_error: CallFailed | None = None  # the latest that passes, for who asks why nothing happens
        self.is_sealed = False
        self.acknowledged = spool.oldest  # what is before it needs no sending
        self._in_flight = in_flight
        self._position = self.acknowledged  # what is before it was sent in this session
        self._sent: deque[_Sent] = deque()
        self._create: Request | None = None
        self._seal: Request | None = None
        self._end: Batch | None = None
        self._is_connected = False
        self._is_open = False
        self._lost = 0
        self._quiet_since_s: float | None = None  # when we were heard last, of who has promised to be
        self._must_save = False
        self._backoff = Backoff()
        self._pause_s: float | None = None
        self._not_before_s: float | None = None

    # ------------------------------------------------------------ state

    @property
    def is_open(self) -> bool:
        """In this session the service has accepted us as the stream's producer."""
        return self._is_open

    @property
    def is_finished(self) -> bool:
        """Nothing more will be called: sealed, or refused for good (`failure`)."""
        return self.is_sealed or self.failure is not None

    @property
    def is_idle(self) -> bool:
        """Everything in the spool is acknowledged."""
        return self.unsent == 0 and (self.is_sealed or not self.spool.has_end)

    @property
    def unsent(self) -> int:
        """How many records, or bytes of a file, are not acknowledged."""
        return self.spool.next_seq - self.acknowledged.seq

    @property
    def must_save(self) -> bool:
        """Nothing is sent before the spool's `meta` is saved: do that, and say `saved`."""
        return self._must_save

    # ------------------------------------------------------------ what happens

    def connected(self) -> None:
        """There is a session: begin with `create`."""
        self._restart()
        self._is_connected = True

    def disconnected(self) -> None:
        """The session is gone; what comes for its requests is ignored from now on."""
        self._restart()
        self._is_connected = False

    def due(self, now_s: float) -> list[Request]:
        """The calls to make now; ask again after each answer, each append to the spool, and after `wait_s`."""
        if self._pause_s is not None:
            self._not_before_s, self._pause_s = now_s + self._pause_s, None
        if (
            not self._is_connected
            or self.is_finished
            or (self._not_before_s is not None and now_s < self._not_before_s)
        ):
            return []
        self._not_before_s = None
        if not self._is_open:
            if self._create is None:
                self._create = self._create_request()
                return [self._create]
            return []
        if self._must_save:
            return []
        requests = self._appends() or self._seals() or self._heartbeat(now_s)
        if requests:
            self._quiet_since_s = now_s
        return requests

    def wait_s(self, now_s: float) -> float | None:
        """When `due` may have more to say without anything happening, in seconds from now."""
        due_s = self._not_before_s
        if due_s is None and self._is_open and self._heartbeat_s is not None and self._quiet_since_s is not None:
            due_s = self._quiet_since_s + self._heartbeat_s
        return None if due_s is None else max(0.0, due_s - now_s)

    def saved(self, error: OSError | None = None) -> None:
        """The spool's `meta` is saved, or could not be: then it is tried again."""
        if not self._must_save:
            return
        self._must_save = False
        if error is not None:
            self.spool.meta = replace(self.spool.meta, epoch=None)  # differs from what is saved
            self._refused(CallFailed(SPOOL_FAILED, f"the spool cannot be written: {error.strerror}"), is_final=False)

    def succeeded(self, request: Request, result: Result) -> None:
        """A call was answered."""
        if request is self._create:
            self._created(result)
        elif request is self._seal:
            self.is_sealed = True
        else:
            self._appended(request)

    def failed(self, request: Request, error: CallFailed) -> None:
        """A call was answered by an error."""
        if request is self._create:
            self._refused(error, is_final=error.uri not in PASSING)
            return
        if request is self._seal:
            self._refused(error, is_final=error.uri in FINAL_FOR_WRITERS)
            return
        if not any(sent.request is request for sent in self._sent):
            return
        expected = error.details.get("expected")
        if error.uri == GAP and isinstance(expected, int):
            self._rewind(expected, error.details.get("term", 0))
        else:
            self._refused(error, is_final=error.uri in FINAL_FOR_WRITERS)

    # ------------------------------------------------------------ create

    def _create_request(self) -> Request:
        meta = self.spool.meta
        return Request(
            CREATE,
            (meta.stream,),
            given(
                object=meta.object,
                project=meta.project,
                producer=meta.producer,
                attempt=meta.attempt,
                metadata=meta.metadata,
                retention=meta.retention,
                heartbeat_s=meta.heartbeat_s,
                unit=meta.unit,
            ),
        )

    def _created(self, result: Result) -> None:
        self._is_open = True
        self._create = None
        meta = self.spool.meta
        was_replaced = meta.epoch not in {None, result["epoch"]}
        self._take_place(result["producer_term"], result["producer_seq"], result["epoch"])
        assert self.spool.meta.base is not None, "that is our place"
        seq = result["producer_seq"] - self.spool.meta.base
        if not was_replaced and result["producer_term"] > (self.spool.meta.term or 0):
            self.failure = CallFailed(FENCED, f"another program writes {meta.stream} as {meta.producer!r} now")
            return
        sealed = result.get("sealed")
        if sealed is not None and not (self.spool.has_end and seq >= self.spool.next_seq):
            # Not by us: we seal only when everything has arrived, and then have nothing to add.
            details = {**sealed, "attempt": result.get("attempt", 1)}
            self.failure = CallFailed(SEALED, f"the log {meta.stream} has ended, it was sealed", details)
            return
        self._go_to(seq, may_go_back=was_replaced)

    def _take_place(self, term: int, seq: int, epoch: int) -> None:
        """Settles what our numbers are to the service, where the store has `seq` records of `term`."""
        meta, spool = self.spool.meta, self.spool
        place = replace(meta, epoch=epoch)
        if meta.term is None or meta.base is None:
            place.term = term + 1 + secrets.randbelow(TERM_STEPS) if meta.takes_over else term
            place.base = seq
        elif meta.epoch in {None, epoch} and term < meta.term and spool.oldest.seq == 0:
            place.base = seq
        elif meta.epoch == epoch and meta.found is not None and seq - meta.base > meta.found:
            place.base = seq - meta.found  # a power loss took from the spool what had arrived
        place.found = None
        self._must_save = place != meta
        spool.meta = place

    def _go_to(self, seq: int, *, may_go_back: bool) -> None:
        """Goes on at number `seq` of the spool, the first that the service does not have.

        In a store that was replaced that is 0 again: we send all that the spool still has. Else the service cannot
        have less than it acknowledged; should it, `append` will say so.
        """
        if seq >= self.acknowledged.seq or may_go_back:
            self.acknowledged = self.spool.seek(max(seq, self.spool.oldest.seq))
            self.spool.acknowledge(self.acknowledged)
        self._position = self.acknowledged
        self._lost = 0

    # ------------------------------------------------------------ append

    def _appends(self) -> list[Request]:
        requests = []
        while len(self._sent) < self._in_flight and self._end is None:
            batch = self.spool.read(self._position)
            if batch is None:
                break
            self._position = batch.after
            if batch.records or batch.lost:
                request = self._append_request(batch)
                self._sent.append(_Sent(request, batch.after))
                requests.append(request)
            if batch.end is not None:
                self._end = batch
        return requests

    def _append_request(self, batch: Batch) -> Request:
        meta = self.spool.meta
        assert meta.base is not None, "records are sent after create"
        lost, self._lost = batch.lost + self._lost, 0
        place = "seq" if meta.unit is None else "offset"
        return Request(
            APPEND,
            (meta.stream, batch.records),
            given(producer=meta.producer, term=meta.term, lost=lost or None, **{place: meta.base + batch.first}),
        )

    def _appended(self, request: Request) -> None:
        for sent in self._sent:
            if sent.request is request:
                sent.is_done = True
        while self._sent and self._sent[0].is_done:
            self.acknowledged = self._sent.popleft().after
            self._backoff.reset()
        self.spool.acknowledge(self.acknowledged)

    def _rewind(self, expected: int, term: int) -> None:
        """The service expects another number: from there, or with a marker for what the spool no longer has."""
        meta = self.spool.meta
        assert meta.base is not None, "records are sent after create"
        if meta.term is not None and term < meta.term and self.acknowledged.seq == 0:
            self._refused(CallFailed(GAP, f"{meta.producer!r} has gone on before it was taken over"), is_final=False)
            return
        wanted = expected - meta.base
        self._drop_requests()
        self._position = self.spool.seek(max(wanted, self.spool.oldest.seq))
        self._lost = max(0, self._position.seq - wanted)
        self._pause_s = self._backoff.next_s()

    def _heartbeat(self, now_s: float) -> list[Request]:
        if self._heartbeat_s is None or self._sent or self._seal is not None or self._end is not None:
            return []
        if self._quiet_since_s is not None and now_s - self._quiet_since_s < self._heartbeat_s:
            return []
        position = self._position
        request = self._append_request(Batch(position.seq, 0, [], position, None))
        self._sent.append(_Sent(request, position))
        return [request]

    @property
    def _heartbeat_s(self) -> float | None:
        promised_s = self.spool.meta.heartbeat_s
        return None if promised_s is None else promised_s / HEARTBEATS

    # ------------------------------------------------------------ seal

    def _seals(self) -> list[Request]:
        if self._end is None or self._sent or self._seal is not None:
            return []
        end = self._end.end or {}
        self._seal = Request(SEAL, (self.spool.meta.stream,), given(**end))
        return [self._seal]

    # ------------------------------------------------------------ errors

    def _refused(self, error: CallFailed, *, is_final: bool) -> None:
        self.last_error = error
        if is_final:
            self.failure = error
        else:
            self._restart()
            self._pause_s = self._backoff.next_s()

    def _restart(self) -> None:
        self._drop_requests()
        self._quiet_since_s = None
        self._is_open = False
        self._create = None
        self._position = self.acknowledged

    def _drop_requests(self) -> None:
        self._sent.clear()
        self._seal = None
        self._end = None
