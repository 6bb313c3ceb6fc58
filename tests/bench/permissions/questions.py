"""What every engine is asked: the same questions about the same graph, from the same seed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from bench.permissions.dataset import SEED, STAFF, STAFF_PROJECT, Dataset, Link, Size
from fairlead_authz.model.graph import ALL_USERS
from fairlead_authz.model.levels import MANAGE
from fairlead_router.authorization import Level

COMPARED = Size(
    users=20_000,
    roles=400,
    projects=1_600,
    objects=100_000,
    staff=10_000,
    object_links=10_000,
    connected=1_000,
)
"""A tenth of what Fairlead is measured with alone, but for the big role."""

LINKS_OF_CONNECTED = 3
"""To the big role, to a team, to the object of their own."""

LEVELS: tuple[Level, ...] = ("read", "write", "manage")


class Question(NamedTuple):
    """Of a check."""

    user: str
    level: Level
    object_id: str


class Revocable(NamedTuple):
    """A link at level read, and a question whose answer is no without it."""

    tail: str
    head: str
    question: Question


class ComparedDataset(Dataset):
    """Without the links by which all users see each other: a materialized table has a row for each pair of them."""

    def links(self) -> Iterator[Link]:
        return (link for link in super().links() if ALL_USERS not in link[:2])


def questions(dataset: Dataset, count: int) -> list[Question]:
    """A third by members of the big role about its project; a third by who manages a project about what is in it.

    And a third by anybody about anything. The last two are at all levels.
    """
    choose = random.Random(SEED + 2)
    owned: dict[str, list[str]] = {}
    for node in dataset.nodes():
        if node.kind == "collection":
            owned.setdefault(node.owner, []).append(node.id)
    managed = [(tail, owned[head]) for tail, head, level in dataset.links() if level == MANAGE and head in owned]
    asked: list[Question] = []
    for _ in range(count // 3):
        manager, objects = choose.choice(managed)
        asked += (
            Question(choose.choice(dataset.staff), "read", choose.choice(owned[STAFF_PROJECT])),
            Question(manager, choose.choice(LEVELS), choose.choice(objects)),
            Question(choose.choice(dataset.users), choose.choice(LEVELS), choose.choice(dataset.objects)),
        )
    return list(dict.fromkeys(asked))


def revocable(dataset: Dataset, count: int) -> tuple[list[Revocable], Revocable]:
    """Grants of single users, at most so many, and that of its project to the big role.

    Of users who have no other way: they own nothing and have no more links than what makes them one of those.
    """
    links = Counter(tail for tail, _, _ in dataset.links())
    owners = {node.owner for node in dataset.nodes()}
    single = [
        Revocable(user, object_id, Question(user, "read", object_id))
        for user, object_id in zip(dataset.connected, dataset.own_objects, strict=True)
        if links[user] == LINKS_OF_CONNECTED and user not in owners
    ]
    member = next(user for user in dataset.staff if links[user] == 1 and user not in owners)
    group = Revocable(STAFF, STAFF_PROJECT, Question(member, "read", dataset.live_objects[0]))
    return single[:count], group
