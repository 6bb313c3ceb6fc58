"""A record service at work, until it is killed or has done what it was to do: hands that change records.

    python hands.py DATABASE_URL TOLD SEED BEGIN [PRAGMA...]

Each hand has two records of its own and takes one step after the other, numbered from BEGIN on. A step is one request
with a key, sent again while the store is away, and now and then once more when it was done. Each line of TOLD is what
is about to be asked (`a`), what was answered (`A`), or what a hand found when it began (`F`).
"""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path
from typing import Any

# Appended, not put first: directories of tests/ are named after libraries (twisted) and must not hide them.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from crash.producers import AWAY_S, LEASE_S, Teller, add_pragmas
from fairlead_common import rounds
from fairlead_common.errors import StoreFailed
from fairlead_records import RecordService, SqlRecordStore
from fairlead_records.store.tables import SCHEMA
from fairlead_router import CallError, Member, Principal, Router
from fairlead_store import Database

HANDS = ("p", "q", "r")
STEPS = 40
"""Of each hand, at most."""
KEPT_CHANGES = 300
"""Few, so that they are trimmed meanwhile; many enough for no hand to leave a record alone for so long."""

Found = dict[str, list[int]]
"""The records of a hand: version and number."""


def state_of(number: int) -> dict[str, Any]:
    """Any state can be recognized; some are longer than a page of the database."""
    return {"n": number, "text": "x" * (number * 397 % 5000)}


def changes_of(hand: str, step: str, number: int) -> list[dict[str, Any]]:
    """What a step asks for: one change, or several that are one."""
    first, second = f"{hand}-a", f"{hand}-b"
    put = {"op": "put", "kind": "job", "state": state_of(number)}
    steps: dict[str, list[dict[str, Any]]] = {
        "put": [{**put, "id": first}],
        "patch": [{"op": "patch", "id": first, "patch": state_of(number)}],
        "delete": [{"op": "delete", "id": first}],
        "both": [{**put, "id": first}, {**put, "id": second}],
        "swap": [{**put, "id": second}, {"op": "delete", "id": first}],
    }
    return steps[step]


class Model:
    """What is there of a hand's records, and the last version that each has had."""

    def __init__(self) -> None:
        self.there: Found = {}
        self._last: dict[str, int] = {}

    def after(self, hand: str, step: str, number: int) -> Model:
        """What a step makes of it."""
        model = Model()
        model.there, model._last = dict(self.there), dict(self._last)
        for change in changes_of(hand, step, number):
            id_ = change["id"]
            if change["op"] == "delete":
                del model.there[id_]
            else:
                model._last[id_] = model._last.get(id_, 0) + 1
                model.there[id_] = [model._last[id_], number]
        return model

    def versions(self, hand: str, step: str, number: int) -> list[int]:
        """What a step was answered that has led here."""
        return [self._last[change["id"]] for change in changes_of(hand, step, number)]


async def ask(member: Member, hand: str, step: str, number: int) -> list[int]:
    """The versions that a step is answered."""
    changes, key = changes_of(hand, step, number), f"{hand} {number}"
    if len(changes) > 1:
        answer = await _call(member, "batch", changes, key=key)
        return [result["version"] for result in answer["results"]]
    change = changes[0]
    about = {name: value for name, value in change.items() if name != "op"}
    return [(await _call(member, change["op"], **about, key=key))["version"]]


async def find(member: Member, hand: str) -> Found:
    """A hand's records. Raises AssertionError if one is not as any step makes it."""
    page = await _call(member, "list", where=[["id", "in", [f"{hand}-a", f"{hand}-b"]]])
    for record in page["records"]:
        assert record["state"] == state_of(record["state"]["n"]), f"{record['id']} is not as it was put"
    return {record["id"]: [record["version"], record["state"]["n"]] for record in page["records"]}


def open_store(url: str) -> SqlRecordStore:
    """A store whose owner, if it was killed, is soon known to be gone."""
    return SqlRecordStore(Database.open(url, SCHEMA, "realm1", LEASE_S), "realm1")


async def _call(member: Member, name: str, *args: Any, **about: Any) -> dict[str, Any]:
    result = await member.call(f"fairlead.record.{name}", list(args), about)
    return dict(result.args[0])


async def _work(member: Member, teller: Teller, hand: str, begin: int, chance: random.Random) -> None:
    there = await find(member, hand)
    teller.say("F", hand, there)
    for number in range(begin, begin + chance.randint(1, STEPS)):
        has_first = f"{hand}-a" in there
        step = chance.choice(["put", "both", *(["patch", "delete", "swap"] if has_first else [])])
        teller.say("a", hand, step, number)
        versions = await _until_it_works(member, hand, step, number)
        teller.say("A", hand, step, number, versions)
        if chance.randrange(4) == 0:
            assert await _until_it_works(member, hand, step, number) == versions
        there = await find(member, hand)


async def _until_it_works(member: Member, hand: str, step: str, number: int) -> list[int]:
    while True:
        try:
            return await ask(member, hand, step, number)
        except CallError as error:
            if error.uri != StoreFailed.uri:
                raise
            await asyncio.sleep(AWAY_S)


async def main(url: str, told: str, seed: str, begin: str, *pragmas: str) -> None:
    add_pragmas(pragmas)
    rounds.ROUND_S = 0.01
    teller = Teller(told)
    records = await RecordService.over(open_store(url), kept_changes=KEPT_CHANGES)
    realm = Router().add_realm("realm1")
    records.bind(realm)
    member = realm.join(Principal("writer", "user"))
    await asyncio.gather(*[_work(member, teller, hand, int(begin), random.Random(f"{seed} {hand}")) for hand in HANDS])
    await records.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
