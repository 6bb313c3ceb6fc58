"""An Item: one frame that waits in an outbox, with what it is about."""

from typing import Any

import msgspec

from fairlead_router.questions import Questions


class About(msgspec.Struct, frozen=True, gc=False):
    """What an event is about: its concrete topic, and the object that gates it.

    A meta event shows something beside that: one of these rights is needed to see it (meta/shown.py).
    """

    topic: str
    object_id: str | None
    seen_by: Questions = ()


class Item(msgspec.Struct, eq=False, gc=False):
    """One queued frame. Shared by all subscribers of one wire, so never changed but for what it is about, for all.

    A Struct, for one is made for each message: 0.04 us, with an `__init__` in Python 0.14. And `gc=False`: ten thousand
    that wait to be written in a turn would have the collector look at all that there is (4 of 23 us an event). It
    never has to: a session that ends takes what has an owner out of its outbox.
    """

    frame: Any
    size: int
    owner: object | None = None
    about: About | None = None
    position: int | None = None
    """Where in its stream; None for what belongs to no stream."""

    @property
    def is_stream(self) -> bool:
        """Whether it is of a stream, whose queue is bounded by `catch_up_bytes`."""
        return self.position is not None


NOTHING = Item(None, 0)
"""Stands where an item was taken back."""
