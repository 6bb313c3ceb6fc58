"""The Outbox: what waits to be written to one session, in order, bounded, and tagged with what it is about.

Everything that a session is sent goes through its outbox and is written once per turn of the loop, at
most `write_bytes` at a time and nothing while the transport is paused: so what is queued can still be
taken back (G2). An item names its owner (a subscription or a call) and what it is about; `purge` removes
exactly the items of one owner, or of one owner and topic.

The bounds are judged only after an attempt to write (R3), and exceeding them is not the end at once: overdraft.py says
when it is. Catch-up by topic sources and progressive calls waits for room instead of queueing: `offer` refuses what
there is no room for, and whoever was refused is woken when there is, each in turn.
"""

from collections.abc import Callable
from typing import Any, Protocol

from fairlead_router.errors import PayloadSizeExceeded
from fairlead_router.item import NOTHING, About, Item
from fairlead_router.limits import Limits
from fairlead_router.messages import Message
from fairlead_router.overdraft import Overdraft
from fairlead_router.payload import Payload
from fairlead_router.pulse import Pulse, Written
from fairlead_router.transcode import Codec


class Wire(Protocol):
    """How a message becomes what the transport writes: a serializer and a framing, shared by all who use the two."""

    @property
    def codec(self) -> Codec:
        """The serializer's name."""

    def frame(self, message: Message, payload: Payload) -> Any:
        """The bytes on the wire; for an in-process member the message and payload themselves.

        Raises PayloadSizeExceeded for an INVOCATION that is longer than the peer takes (oversize.py).
        """

    def size(self, frame: Any) -> int:
        """Bytes that the frame counts for in the bounds."""

    def joined(self, frames: list[Any]) -> list[Any]:
        """The same for the transport, run together into one where that is possible."""


class ByteWire:
    """What wires have in common whose frames are bytes."""

    size = staticmethod(len)

    @staticmethod
    def joined(frames: list[Any]) -> list[Any]:
        """One for one write."""
        return frames if len(frames) == 1 else [b"".join(frames)]


class Sink(Protocol):
    """Who writes a stream into an outbox at the pace of its reader."""

    def wake(self) -> None:
        """There is room again."""


class OutboxOwner(Protocol):
    """The session, told when a bound is broken."""

    def fell_behind(self) -> None:
        """More than `catch_up_bytes` of streams are queued after an attempt to write."""

    def is_too_slow(self) -> None:
        """More is queued than the outbox may hold, for too long or by too much (overdraft.py)."""

    def cannot_take(self, message: Message, error: PayloadSizeExceeded) -> None:
        """The message is longer than the peer takes, and means nothing without its payload: an INVOCATION."""


class Outbox:
    """The queue of one session. `items` and `is_dirty` are public for the fan-out, the hot loop of the router.

    `sent_messages` and `sent_bytes` are counted once a write.
    """

    __slots__ = (
        "_blocks",
        "_counted",
        "_holes",
        "_indexed",
        "_is_ended",
        "_is_paused",
        "_limits",
        "_offered_size",
        "_overdraft",
        "_owner",
        "_positions",
        "_pulse",
        "_size",
        "_stream_size",
        "_waiting",
        "_write",
        "is_dirty",
        "items",
        "sent_bytes",
        "sent_messages",
        "wire",
    )

    def __init__(
        self, wire: Wire, write: Callable[[list[Any]], None], owner: OutboxOwner, pulse: Pulse, limits: Limits
    ) -> None:
        self.wire = wire
        self.items: list[Item] = []
        self.is_dirty = False
        self.sent_messages = 0
        self.sent_bytes = 0
        self._write = write
        self._owner = owner
        self._pulse = pulse
        self._limits = limits
        self._is_paused = False
        self._is_ended = False
        self._overdraft: Overdraft | None = None
        self._blocks = 0
        self._positions: dict[object, list[int]] = {}
        self._indexed = 0
        self._holes = 0
        self._counted = 0
        self._size = 0
        self._stream_size = 0
        self._offered_size = 0
        self._waiting: list[Sink] = []  # short, and an empty deque takes 0.6 KiB

    # --- called by whoever sends --------------------------------------------------------------

    def send(self, message: Message, payload: Payload, owner: object | None = None) -> None:
        """Queue one message."""
        try:
            frame = self.wire.frame(message, payload)
        except PayloadSizeExceeded as error:
            self._owner.cannot_take(message, error)
            return
        self.items.append(Item(frame, self.wire.size(frame), owner))
        if not self.is_dirty:
            self._pulse.mark(self)

    def append(self, item: Item) -> None:
        """Queue one item."""
        self.items.append(item)
        if not self.is_dirty:
            self._pulse.mark(self)

    def offer(self, item: Item, sink: Sink) -> bool:
        """Queue one item of a stream if there is room. If not, it is *not* queued and the sink is woken later.

        An item larger than all the room there can be is taken when nothing of a stream is queued.
        """
        room = self.room
        if item.size > room and room < self._limits.catch_up_bytes:
            self.wait(sink)
            return False
        self.append_catch_up(item)
        return True

    @property
    def room(self) -> int:
        """Bytes of catch-up that may still be queued."""
        return self._limits.catch_up_bytes - self._stream_size - self._offered_size

    def append_catch_up(self, item: Item) -> None:
        """Queue one item of a stream, for which there is room."""
        self._offered_size += item.size
        self.append(item)

    def take_back(self, item: Item) -> None:
        """Remove this one item, if it is still queued."""
        if item in self.items:
            self.replace([each for each in self.items if each is not item])

    def wait(self, sink: Sink) -> None:
        """Have the sink woken when there is room."""
        if sink not in self._waiting:
            self._waiting.append(sink)
        if not self.is_dirty:
            self._pulse.mark(self)

    def forget(self, sink: Sink) -> None:
        """The sink has ended: it is not woken any more."""
        if sink in self._waiting:
            self._waiting.remove(sink)

    def purge(self, owner: object, about: About | None = None) -> int | None:
        """Remove what is queued for this owner (and topic). Returns the position of the first item removed, or None."""
        if self._is_ended:
            return None
        positions = self._positions_by_owner().get(owner, [])
        removed = positions if about is None else [each for each in positions if self.items[each].about == about]
        if not removed:
            return None
        first = self.items[removed[0]].position
        gone = set(removed)
        self._positions[owner] = [each for each in positions if each not in gone]
        self._take_out(removed)
        return first

    def relabel(self, owner: object, renewed: Callable[[About], About]) -> None:
        """What is queued for this owner is about something else now, which all who share an item agree on."""
        for position in self._positions_by_owner().get(owner, ()):
            item = self.items[position]
            if item.about is not None:
                item.about = renewed(item.about)

    def queued_topics(self, owner: object) -> set[About]:
        """What the queued items of this owner are about."""
        abouts = (self.items[each].about for each in self._positions_by_owner().get(owner, ()))
        return {about for about in abouts if about is not None}

    def queued_stream_owners(self) -> list[object]:
        """The owners of queued stream items, each once, in queue order."""
        return list(dict.fromkeys(item.owner for item in self.items if item.is_stream and item.owner is not None))

    def queued_owners(self) -> set[object]:
        """The owners of all that is queued and has one."""
        return {owner for owner, positions in self._positions_by_owner().items() if positions}

    def _positions_by_owner(self) -> dict[object, list[int]]:
        """Where the items of each owner are. Each item is looked at once, so many may be purged of a long queue."""
        for position, item in enumerate(self.items[self._indexed :], self._indexed):
            if item.owner is not None:
                self._positions.setdefault(item.owner, []).append(position)
        self._indexed = len(self.items)
        return self._positions

    def _take_out(self, positions: list[int]) -> None:
        self._count_new_items()
        for position in positions:
            item, self.items[position] = self.items[position], NOTHING
            self._size -= item.size
            if item.is_stream:
                self._stream_size -= item.size
        self._holes += len(positions)
        if self._holes == len(self.items):
            self.replace([])

    def replace(self, items: list[Item]) -> None:
        """Have these in the queue instead."""
        self.items = [item for item in items if item is not NOTHING] if self._holes else items
        self._positions = {}
        self._indexed = 0
        self._holes = 0
        self._counted = 0
        self._size = 0
        self._stream_size = 0
        self._offered_size = 0
        if self.items:
            self._count_new_items()

    def end(self) -> set[object]:
        """The session has ended: only control messages are still written. Returns the owners of what is not.

        Its farewell is held up by no judgement of its rights, and no bound ends it again.
        """
        owners = self.queued_owners()
        self.replace([item for item in self.items if item.owner is None])
        self._is_ended = True
        self._blocks = 0
        self._settle()
        return owners

    # --- called by the gate while an asynchronous authorizer judges ---------------------------

    def block(self) -> None:
        """Write nothing until `unblock`; what is sent meanwhile queues in order."""
        self._blocks += 1

    def unblock(self) -> None:
        """Take one block back."""
        self._blocks = max(0, self._blocks - 1)
        if not self.is_dirty:
            self._pulse.mark(self)

    # --- called by the transport --------------------------------------------------------------

    def pause(self) -> None:
        """The transport takes no more for now."""
        self._is_paused = True

    def resume(self) -> None:
        """The transport takes more."""
        self._is_paused = False
        if not self.is_dirty:
            self._pulse.mark(self)

    def measure(self) -> tuple[int, int]:
        """Messages and bytes queued now."""
        self._count_new_items()
        return self.number, self._size

    @property
    def size(self) -> int:
        """Bytes queued, as of the last flush."""
        return self._size

    @property
    def number(self) -> int:
        """Messages queued now."""
        return len(self.items) - self._holes

    def relieve(self) -> bool:
        """Events were dropped for a session that is too slow. Returns whether the bounds hold now."""
        if self._overdraft is not None:
            self._overdraft.spend()
        return self._excess <= 1

    @property
    def is_empty(self) -> bool:
        """Whether everything has been handed to the transport."""
        return not self.items

    # --- the flush ----------------------------------------------------------------------------

    def flush(self) -> None:
        """Write what the transport takes, then judge the bounds, then wake who waits for room."""
        self.is_dirty = False
        is_writable = not (self._is_paused or self._blocks)
        if is_writable and self.items:
            self._write_items()
        if self.items:
            self._judge_bounds(is_writable)
        elif self._overdraft is not None:
            self._settle()
        if self._waiting and not (self._is_paused or self._blocks):
            self._wake_waiting()

    def _write_items(self) -> None:
        """Writing may queue more (an in-process member answers): that waits for the next turn."""
        if self._indexed:
            self.replace(self.items)  # what is written has no holes, and the index is of this list
        items, self.items = self.items, []
        written, same = len(items), self._pulse.written
        if written == 1:
            self.sent_messages += 1  # written out, for most writes are of one item
            self.sent_bytes += items[0].size
            self._write([items[0].frame])
        elif same is not None and same.items[0] is items[0] and same.items == items:
            self._hand_over(same.frames, written, same.size)
        else:
            written = self._write_in_parts(items)
        if written < len(items) or self.items or self._counted or self._offered_size:
            self.replace(items[written:] + self.items)

    def _write_in_parts(self, items: list[Item]) -> int:
        """As many writes as are needed, and taken. Returns how many items they were.

        Each item is looked at once: 0.03 us, where finding the end of each write first took 0.05.
        """
        limit = self._limits.write_bytes
        frames: list[Any] = []
        written = size = 0
        for item in items:
            if size + item.size > limit and frames:
                self._hand_over(self.wire.joined(frames), len(frames), size)
                written += len(frames)
                if self._is_paused:
                    return written
                frames, size = [], 0
            frames.append(item.frame)
            size += item.size
        ready = self.wire.joined(frames)
        self._hand_over(ready, len(frames), size)
        if not written:
            self._pulse.written = Written(items, ready, size)
        return len(items)

    def _hand_over(self, frames: list[Any], number: int, size: int) -> None:
        self.sent_messages += number
        self.sent_bytes += size
        self._write(frames)

    def _count_new_items(self) -> None:
        """The fan-out appends to `items` without counting, so sizes are brought up to date here, each item once."""
        for item in self.items[self._counted :]:
            self._size += item.size
            if item.position is not None:
                self._stream_size += item.size
        self._counted = len(self.items)
        self._offered_size = 0

    def _judge_bounds(self, is_writable: bool) -> None:
        if self._is_ended:
            return
        self._count_new_items()
        if self._stream_size > self._limits.catch_up_bytes:
            self._owner.fell_behind()
        excess = self._excess
        overdraft = self._overdraft
        if excess <= 1:
            if overdraft is not None and not overdraft.is_spent:
                self._settle()
            return
        if overdraft is None:
            overdraft = Overdraft(self._pulse.host, self._limits, self._overdraft_expired, excess)
            self._overdraft = overdraft
        overdraft.note(is_writable)
        if overdraft.is_exceeded_by(excess):
            self._owner.is_too_slow()

    @property
    def _excess(self) -> float:
        """How many times the bounds are queued."""
        return max(self._size / self._limits.outbox_bytes, self.number / self._limits.outbox_messages)

    def _overdraft_expired(self) -> None:
        """While an authorizer is asked, the peer cannot read on: that is not its fault, and its time begins anew."""
        if self._blocks:
            self._overdraft = None
        else:
            self._owner.is_too_slow()

    def _settle(self) -> None:
        if self._overdraft is not None:
            self._overdraft.settle()
            self._overdraft = None

    def _wake_waiting(self) -> None:
        """Wake some, each at most once a turn. Who finds no room at all keeps its place, so that all take turns."""
        for _ in range(min(len(self._waiting), max(1, self.room // self._limits.write_bytes))):
            sink = self._waiting.pop(0)
            offered = self._offered_size
            sink.wake()
            if self._offered_size == offered and self._waiting and self._waiting[-1] is sink:
                self._waiting.insert(0, self._waiting.pop())
                break
        if self._waiting and not self.is_dirty:
            self._pulse.mark(self)
