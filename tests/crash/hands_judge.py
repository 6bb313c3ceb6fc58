"""What is left of records after a crash, by what their hands had been told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from crash.hands import KEPT_CHANGES, Found, Model, ask, find, open_store
from crash.producers import telling
from fairlead_records import RecordService
from fairlead_router import CallError, Member, Principal, Router
from fairlead_store import StoreError

RUN_NUMBERS = 100_000
"""The steps of a run are numbered from a multiple of this on."""


class Hand:
    """What one hand was told, and what may be there: its last step may be done without an answer."""

    def __init__(self) -> None:
        self.model = Model()
        self.asked: tuple[str, int] | None = None
        self.answered: tuple[str, int, list[int]] | None = None
        self.faults: list[str] = []

    def hear(self, name: str, mark: str, about: list[Any]) -> None:
        """One line."""
        match mark, about:
            case "a", [step, number]:
                self.asked = step, number
            case "A", [step, number, versions]:
                self.model = self.model.after(name, step, number)
                self.asked, self.answered = None, (step, number, versions)
                if versions != self.model.versions(name, step, number):
                    self.faults.append(f"{step} {number} was answered {versions}")
            case "F", [found]:
                self.faults += self.settle(name, found)

    def settle(self, name: str, found: Found) -> Iterator[str]:
        """This is there: it is what all that was acknowledged has left, or that and the step under way, whole."""
        may_be = [self.model] if self.asked is None else [self.model, self.model.after(name, *self.asked)]
        for model in may_be:
            if model.there == found:
                self.model, self.asked = model, None
                return
        yield f"{found} is there, and not one of {[model.there for model in may_be]}"


async def faults_of(url: str, said: list[bytes]) -> list[str]:
    """Everything that is wrong, in words. The last step of each hand is asked once more; `said` tells of that, too."""
    hands: dict[str, Hand] = {}
    for line in said:
        if line.endswith(b"\n"):
            mark, name, *about = msgspec.json.decode(line)
            hands.setdefault(name, Hand()).hear(name, mark, about)
    try:
        records = await RecordService.over(open_store(url), kept_changes=KEPT_CHANGES)
    except StoreError as error:  # also for a hole in the changes, and for a record that does not come from its last one
        return [str(error)]
    router = Router()
    realm = router.add_realm("realm1")
    records.bind(realm)
    member = realm.join(Principal("writer", "user"))
    faults = [f"{name}: {fault}" for name, hand in hands.items() for fault in await _faults(member, name, hand, said)]
    await records.close()
    await router.close()
    return faults


async def _faults(member: Member, name: str, hand: Hand, said: list[bytes]) -> list[str]:
    try:
        before, asked = hand.model, hand.asked
        faults = hand.faults + list(hand.settle(name, await find(member, name)))
        if faults:
            return faults
        if asked is not None:
            return await _repeat_unanswered(member, name, asked, before.after(name, *asked), said)
        return await _repeat_answered(member, name, hand)
    except (CallError, AssertionError) as error:
        return [str(error)]


async def _repeat_answered(member: Member, name: str, hand: Hand) -> list[str]:
    """A request that was answered is answered alike, and does nothing."""
    if hand.answered is None:
        return []
    step, number, versions = hand.answered
    again, found = await ask(member, name, step, number), await find(member, name)
    if (again, found) != (versions, hand.model.there):
        return [f"{step} {number} was answered {versions}, now it is {again} and {found} is there"]
    return []


async def _repeat_unanswered(
    member: Member, name: str, asked: tuple[str, int], after: Model, said: list[bytes]
) -> list[str]:
    """A request that was not answered is done once in all, whether it was done before or not."""
    versions, found = await ask(member, name, *asked), await find(member, name)
    said.append(telling("A", name, *asked, versions))
    return [] if found == after.there else [f"{asked} again left {found}, not {after.there}"]
