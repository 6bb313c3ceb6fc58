"""Changes in lists that are not too long, each of them atomic.

What fits into one list is one. More is split by the steps of differences.py, so that nobody ever has a right that
he has neither before nor after. The price is that who keeps a right on what moves loses it for a moment, while it
is parked, and with it what is live.

Nobody writes into a frozen project, administrators neither. So whatever a list touches is thawed at first and frozen
again at its end: as the list is atomic nobody sees it thawed.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from fairlead_authz.arvados.differences import Change, Steps, Unit
from fairlead_authz.arvados.picture import Picture

MAX_BATCH_CHANGES: Final = 2_000
"""In a list: it is worked out and made in two turns of the server's loop, which take some 10 ms each."""

MAX_BATCH_BYTES: Final = 400_000
"""Of a list as JSON: less than half of the largest message (1 MiB by default)."""


def batches(steps: Steps, current: Picture, max_changes: int = MAX_BATCH_CHANGES) -> list[list[Change]]:
    """Lists of changes, each to be made after the one before it."""
    # What is gone may own what moves, and nothing is parked in one list: so it is deleted after the moves.
    together = [*steps.taking, *steps.placing, *steps.deleting, *steps.giving]
    lists = list(Packing(current, max_changes).packed(together))
    if len(lists) <= 1:
        return lists
    packing = Packing(current, max_changes)
    return [batch for step in steps for batch in packing.packed(step)]


class Packing:
    """Fills lists, and knows what is frozen and who owns what by then."""

    def __init__(self, current: Picture, max_changes: int) -> None:
        self._current = current
        self._max_changes = max_changes
        self._owners: dict[str, str] = {}
        self._frozen = set(current.frozen)
        self._to_freeze: dict[str, None] = {}
        self._batch: list[Change] = []
        self._size_bytes = 0

    def packed(self, units: Iterable[Unit]) -> Iterator[list[Change]]:
        """The units in lists, in their order."""
        for unit in units:
            size_bytes = len(msgspec.json.encode(unit))
            changes = len(self._batch) + len(self._to_freeze) + len(unit)
            if self._batch and (changes > self._max_changes or self._size_bytes + size_bytes > MAX_BATCH_BYTES):
                yield self._filled()
            self._size_bytes += size_bytes
            for change in unit:
                self._add(change)
        if self._batch or self._to_freeze:
            yield self._filled()

    def _filled(self) -> list[Change]:
        # What is inside first: nothing in a frozen project can be frozen or thawed.
        for id_ in sorted(self._to_freeze, key=lambda each: len(self._chain(each)), reverse=True):
            self._batch.append({"op": "freeze", "id": id_})
        self._frozen.update(self._to_freeze)
        self._to_freeze.clear()
        batch, self._batch, self._size_bytes = self._batch, [], 0
        return batch

    def _add(self, change: Change) -> None:
        if change["op"] in ("grant", "revoke"):
            self._batch.append(change)
            return
        id_, owner = change["id"], change.get("owner")
        self._thaw(id_)
        if owner is not None:
            self._thaw(owner)
            self._owners[id_] = owner
        if change["op"] == "freeze":
            self._to_freeze[id_] = None
        elif change["op"] == "unfreeze":
            self._to_freeze.pop(id_, None)
        else:
            self._batch.append(change)
        if change["op"] == "delete":
            self._to_freeze.pop(id_, None)

    def _thaw(self, id_: str) -> None:
        """Thaw it and whatever it is in, from outside."""
        if not self._frozen:
            return
        for each in reversed(self._chain(id_)):
            if each in self._frozen:
                self._frozen.discard(each)
                self._to_freeze[each] = None
                self._batch.append({"op": "unfreeze", "id": each})

    def _chain(self, id_: str | None) -> list[str]:
        """The thing, its owner and so on, as the changes so far have made it."""
        chain: list[str] = []
        while id_ is not None:
            chain.append(id_)
            thing = self._current.thing(id_)
            id_ = self._owners.get(id_) or (None if thing is None else thing.owner)
        return chain
