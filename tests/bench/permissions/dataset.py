"""The graph that is measured: made from a seed, so that every run and every system that is compared has the same one.

An organisation: users in roles, projects in trees that roles read or write, objects in projects. `staff` is the big
role; its project is what most of the live subscriptions are about. The users who connect are of it; each is in one of
the teams too, which read the same project, and was granted one object of its own. Ids are as long as Arvados' UUIDs.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from fairlead_authz.model.graph import ALL_USERS, SYSTEM, Node
from fairlead_authz.model.levels import MANAGE, READ, WRITE

SEED = 20261126
STAFF = "bench-j7d0g-staff0000000000"
STAFF_PROJECT = "bench-j7d0g-staffproject000"


class Size(NamedTuple):
    """How many of what; `staff` are the members of the big role, a tenth of all objects is in its project."""

    users: int = 100_000
    roles: int = 2_000
    projects: int = 8_000
    objects: int = 1_000_000
    staff: int = 10_000
    members_per_role: int = 25
    object_links: int = 100_000
    connected: int = 2_000
    team_members: int = 20
    live_objects: int = 2_000


QUICK = Size(
    users=2_000,
    roles=100,
    projects=400,
    objects=20_000,
    staff=500,
    members_per_role=10,
    object_links=2_000,
    connected=200,
    team_members=20,
    live_objects=200,
)

Link = tuple[str, str, int]


class Dataset:
    """Nodes and links of one size. The order is the same each time; an owner comes before what it owns."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self.users = [f"bench-tpzed-{number:015}" for number in range(size.users)]
        self.staff = self.users[: size.staff]
        self.roles = [f"bench-j7d0g-r{number:014}" for number in range(size.roles)]
        self.projects = [f"bench-j7d0g-p{number:014}" for number in range(size.projects)]
        self.objects = [f"bench-4zz18-{number:015}" for number in range(size.objects)]
        self.connected = self.staff[: size.connected]
        self.teams = [f"bench-j7d0g-t{number:014}" for number in range(size.connected // size.team_members)]
        self.live_objects = self.objects[::10][: size.live_objects]
        """Of the project of the big role: what the connected users subscribe to."""
        self.own_objects = self.objects[1::10][: size.connected]
        """The object that each of the connected users was granted."""

    def nodes(self) -> Iterator[Node]:
        """All of them."""
        choose = random.Random(SEED)
        for user in self.users:
            yield Node(user, "user", SYSTEM, f"User {user[-6:]}")
        for role in (STAFF, *self.teams, *self.roles):
            yield Node(role, "role", SYSTEM, f"Role {role[-6:]}")
        yield Node(STAFF_PROJECT, "project", SYSTEM, "What staff works on")
        for number, project in enumerate(self.projects):
            is_inside = number > 0 and choose.random() < 0.75
            owner = self.projects[choose.randrange(number)] if is_inside else choose.choice(self.users)
            yield Node(project, "project", owner, f"Project {number}")
        for number, object_id in enumerate(self.objects):
            owner = choose.choice(self.projects) if number % 10 else STAFF_PROJECT
            yield Node(object_id, "collection", owner, f"Object {number}")

    def links(self) -> Iterator[Link]:
        """All of them, each pair once."""
        choose = random.Random(SEED + 1)
        for user in self.users:
            yield user, ALL_USERS, WRITE
            yield ALL_USERS, user, READ
        for user in self.staff:
            yield user, STAFF, READ
        for number, user in enumerate(self.connected):
            yield user, self.teams[number // self.size.team_members % len(self.teams)], READ
            yield user, self.own_objects[number], READ
        for role in (STAFF, *self.teams):
            yield role, STAFF_PROJECT, READ
        for role in self.roles:
            for user in choose.sample(self.users, self.size.members_per_role):
                yield user, role, READ
        for project in self.projects:
            for role in choose.sample(self.roles, 2):
                yield role, project, choose.choice((READ, WRITE))
            yield choose.choice(self.users), project, MANAGE
        others = self.users[self.size.connected :]
        for object_id in choose.sample(self.objects, self.size.object_links):
            yield choose.choice(others), object_id, READ


def write(dataset: Dataset, path: Path) -> None:
    """Make a store of it, past the funnel: a million changes through that take their time."""
    with sqlite3.connect(path) as connection:
        rows = ((node.id, node.kind, node.owner, node.name) for node in dataset.nodes())
        connection.executemany(
            "INSERT INTO nodes (realm, id, kind, owner, name, is_admin, is_active) VALUES ('realm1', ?, ?, ?, ?, 0, 1)",
            rows,
        )
        connection.executemany(
            "INSERT INTO links (realm, tail, head, level) VALUES ('realm1', ?, ?, ?)", dataset.links()
        )
    connection.close()
