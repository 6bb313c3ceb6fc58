"""A server of permissions that is killed: it makes random changes and says on stdout what was asked and acknowledged.

    python crashing_changes.py DATABASE_URL SEED

Run by test_permissions_crash.py, which ends it with SIGKILL. A line is `? [changes]` before a list is asked for, and
`! revision [changes]` after it was acknowledged. Several lists are under way at a time.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys

import msgspec

from fairlead_authz import Authz, Change, Delete, Grant, Put, Revoke
from fairlead_authz.model.levels import LinkLevel
from fairlead_router import RequestError

USERS = [f"user{number}" for number in range(5)]
LEVELS: list[LinkLevel] = ["read", "write", "manage"]
WORKERS = 3


def say(mark: str, changes: list[Change]) -> None:
    """In one write: a line is there whole or not at all."""
    os.write(1, mark.encode() + b" " + msgspec.json.encode(changes) + b"\n")


def random_changes(authz: Authz, chance: random.Random, name: str) -> list[Change]:
    """A list that makes at least one new node, so that it is a change and differs from all others."""
    nodes = authz.graph.nodes
    projects = [node.id for node in nodes.values() if node.kind == "project"]
    objects = [node.id for node in nodes.values() if node.kind == "object"]
    owner = chance.choice([*projects, *USERS])
    changes: list[Change] = [Put(chance.choice(["object", "project"]), name, owner=owner)]
    for _ in range(chance.randint(0, 4)):
        user, level = chance.choice(USERS), chance.choice(LEVELS)
        target = chance.choice([*projects, *objects, name])
        possible: list[Change] = [
            Grant(user, level, target),
            Revoke(user, "read", target),
            Put("object", chance.choice(objects or [name]), owner=chance.choice([*projects, *USERS])),
            Put("user", user, name=f"{name} was here"),
            *[Delete(each) for each in chance.sample(objects, min(1, len(objects)))],
        ]
        changes.append(chance.choice(possible))
    return changes


async def work(authz: Authz, chance: random.Random, worker: str) -> None:
    number = 0
    while True:
        number += 1
        changes = random_changes(authz, chance, f"{worker}-{number}")
        say("?", changes)
        try:
            applied = await authz.apply(changes)
        except RequestError:
            continue  # it contradicts itself, or what another worker did meanwhile
        say(f"! {applied.revision}", changes)


async def main(url: str, seed: str) -> None:
    authz = await Authz.open(url, lease_s=0.2)
    await authz.apply([Put("user", user) for user in USERS])
    say(f"! {authz.revision}", [])
    chance = random.Random(seed)
    await asyncio.gather(*[work(authz, chance, f"{seed}-{worker}") for worker in range(WORKERS)])


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
