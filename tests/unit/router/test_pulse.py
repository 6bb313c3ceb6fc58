"""One flush for all outboxes: when it comes, and what they share in it."""

from __future__ import annotations

from typing import Any

from fairlead_router.deadlines import Deadlines
from fairlead_router.item import Item
from fairlead_router.limits import Limits
from fairlead_router.outbox import Outbox
from fairlead_router.pulse import LOOKING_US_AN_OUTBOX, MOST_LOOKS, OUTBOXES_A_LOOK, Pulse
from fairlead_router.transports.websocket_frames import SUBPROTOCOLS
from support.core import HandHost, Owner

MANY = 20 * OUTBOXES_A_LOOK


class Room:
    """Outboxes with one pulse, and what each has written."""

    def __init__(self, outboxes: int) -> None:
        self.host = HandHost()
        pulse = Pulse(self.host, Deadlines(self.host))
        self.writes: list[list[bytes]] = [[] for _ in range(outboxes)]
        self.outboxes = [Outbox(WIRE, self._writer(each), Owner(), pulse, Limits()) for each in self.writes]

    def publish(self, frame: bytes, to: slice = slice(None)) -> Item:
        """One item for several."""
        item = Item(frame, len(frame))
        for outbox in self.outboxes[to]:
            outbox.append(item)
        return item

    @staticmethod
    def _writer(into: list[bytes]) -> Any:
        def write(frames: list[bytes]) -> None:
            into.append(frames[0])

        return write


WIRE = SUBPROTOCOLS["wamp.2.json"].wire


def test_those_with_the_same_queue_write_the_same_bytes() -> None:
    room = Room(3)
    room.publish(b"one")
    room.publish(b"two")
    room.host.run()
    assert room.writes == [[b"onetwo"]] * 3
    assert room.writes[0][0] is room.writes[1][0] is room.writes[2][0]


def test_those_with_another_queue_write_their_own() -> None:
    room = Room(4)
    room.publish(b"one")
    room.publish(b"two", slice(0, 2))
    room.publish(b"2", slice(2, 3))
    room.publish(b"three", slice(1, 2))
    room.host.run()
    assert room.writes == [[b"onetwo"], [b"onetwothree"], [b"one2"], [b"one"]]


def test_what_was_taken_back_from_one_is_still_written_to_the_others() -> None:
    room = Room(3)
    room.publish(b"one")
    item = room.publish(b"two")
    room.publish(b"three")
    room.outboxes[1].take_back(item)
    room.host.run()
    assert room.writes == [[b"onetwothree"], [b"onethree"], [b"onetwothree"]]


def test_nothing_written_is_remembered_behind_the_flush() -> None:
    room = Room(2)
    room.publish(b"one")
    room.publish(b"two")
    room.host.run()
    room.publish(b"one")
    room.publish(b"two")
    room.host.run()
    assert room.writes[0][0] is not room.writes[0][1]


def test_few_are_written_at_the_end_of_the_turn() -> None:
    room = Room(OUTBOXES_A_LOOK - 1)
    room.publish(b"one")
    room.host.turn()
    assert room.writes == [[b"one"]] * len(room.writes)


def test_before_many_are_written_what_comes_next_is_waited_for() -> None:
    room = Room(MANY)
    for frame in (b"one", b"two", b"three"):
        room.publish(frame)
        room.host.turn()
    room.host.run()
    assert room.writes == [[b"onetwothree"]] * MANY


def test_it_is_not_waited_for_long_however_much_comes() -> None:
    room = Room(MANY)
    for _ in range(MOST_LOOKS):
        room.publish(b"x")
        room.host.turn()
    assert room.writes[0] == []
    room.publish(b"x")
    room.host.turn()
    assert room.writes[0] == [b"x" * (MOST_LOOKS + 1)]


def test_it_is_not_waited_for_longer_than_writing_takes() -> None:
    room = Room(MANY)
    room.publish(b"x")
    room.host.stall(MANY * LOOKING_US_AN_OUTBOX / 1e6)  # a turn in which very much came
    room.host.turn()
    assert room.writes[0] == [b"x"]


def test_what_is_purged_while_it_is_waited_is_not_written() -> None:
    room = Room(MANY)
    owner = object()
    room.outboxes[0].append(Item(b"secret", 6, owner))
    room.publish(b"one")
    room.host.turn()
    room.outboxes[0].purge(owner)
    room.host.run()
    assert room.writes[0] == [b"one"]
