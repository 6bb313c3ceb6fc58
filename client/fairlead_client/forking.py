"""What a forked child must not go on with: the files and sockets that its parent writes through.

A child has no thread but the one that forked, yet it has all the parent's descriptors: what it writes there mixes with
the parent's, and the parent's locks and connections last as long as the child does. So it lets go of them at once. No
lock may be taken here: a thread that is gone may hold it.
"""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class Owner(Protocol):
    """Who has descriptors."""

    def abandon(self) -> None:
        """Closes them, in a forked child; nothing else happens to what they are of."""


_owners: WeakSet[Owner] = WeakSet()


def let_go_in_children(owner: Owner) -> None:
    """Calls `abandon` in every child that is forked while the owner lives."""
    _owners.add(owner)


def _abandon() -> None:
    for owner in [*_owners]:
        owner.abandon()
    _owners.clear()


os.register_at_fork(after_in_child=_abandon)
