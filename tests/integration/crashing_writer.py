"""A log service that is killed: it appends for two producers and says each acknowledgement on stdout.

    python crashing_writer.py DATABASE_URL SEED [RECORDS_PER_S]

Run by test_logstream_crash.py, which ends it with SIGKILL. Each line is `producer seq dropped`, written before the
next append begins, so the test knows at least what was acknowledged. RECORDS_PER_S is the budget of the stream; without
it nothing is dropped.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from typing import Any

from fairlead_logstream import Budget, Budgets, LogService
from fairlead_router import Member, Principal, Router


def text_of(producer: str, number: int) -> str:
    """Any record can be recognized, and its length varies with its number."""
    return f"{producer} {number} " + "x" * (number * 37 % 400)


async def produce(member: Member, producer: str, chance: random.Random) -> None:
    created = await member.call("fairlead.log.create", ["s"], {"producer": producer})
    seq: int = created.args[0]["producer_seq"]
    while True:
        count = chance.randint(1, 20)
        records: list[Any] = [[number, producer, text_of(producer, number), 0] for number in range(seq, seq + count)]
        about = {"producer": producer, "term": 0, "seq": seq}
        stored = (await member.call("fairlead.log.append", ["s", records], about)).args[0]
        seq += count
        dropped = stored.get("truncated", {}).get("records", 0)
        os.write(1, f"{producer} {seq} {dropped}\n".encode())


async def main(url: str, seed: str, records_per_s: str | None = None) -> None:
    realm = Router().add_realm("realm1")
    rate = None if records_per_s is None else float(records_per_s)
    logs = await LogService.open(url, "realm1", budgets=Budgets(stream=Budget(records_per_s=rate, burst_s=1)))
    logs.bind(realm)
    member = realm.join(Principal("writer", "user"))
    chance = random.Random(seed)
    await asyncio.gather(*[produce(member, producer, chance) for producer in ("p", "q")])


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
