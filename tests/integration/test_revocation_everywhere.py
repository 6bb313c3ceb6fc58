"""A revocation holds on every transport with every serializer: no door has a right of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from fairlead_router import Principal, Router
from fairlead_router.authorizers import Rule, StaticAuthorizer
from support.transitions.play import Play
from support.transitions.surfaces import SURFACES
from support.transitions.table import BY_NAME, TRANSITIONS, Transition
from support.transitions.wire_stage import DOORS, wire_stage

RULES = [
    Rule(uri="com.", match="prefix", authids={"publisher"}, allow={"publish"}),
    Rule(uri="com.", match="prefix", authids={"alice", "publisher"}, allow={"subscribe"}),
]
EXACT = [surface for surface in SURFACES if surface.name.startswith("exact")]


@pytest.mark.parametrize("transition", TRANSITIONS, ids=lambda each: each.name)
async def test_every_transition_holds_through_every_door(tmp_path: Path, transition: Transition) -> None:
    async with wire_stage(f"sqlite:///{tmp_path}/permissions.sqlite", transition) as stage:
        play = Play(stage, transition)
        await play.open(EXACT, list(DOORS))
        await play.change()
        play.check()
        await play.again()


@pytest.mark.parametrize("door", DOORS)
async def test_a_transition_holds_on_every_surface_behind_a_door(tmp_path: Path, door: str) -> None:
    transition = BY_NAME["T3 removed from a role in a role"]
    async with wire_stage(f"sqlite:///{tmp_path}/permissions.sqlite", transition) as stage:
        play = Play(stage, transition)
        await play.open(SURFACES, [door])
        await play.change()
        play.check()
        await play.again()


async def test_in_process_peer_that_is_no_service_has_no_more_rights_than_a_socket() -> None:
    router, rules = Router(), StaticAuthorizer(RULES)
    realm = router.add_realm("realm1", authorizer=rules)
    seen: list[Any] = []
    alice, publisher = realm.join(Principal("alice", "user")), realm.join(Principal("publisher", "user"))
    await alice.subscribe("com.x", lambda event: seen.append(event.args))
    await publisher.subscribe("com.end", lambda event: None)
    publisher.publish("com.x", ["permitted"])
    await asyncio.sleep(0)
    rules.replace(RULES[:1])
    publisher.publish("com.x", ["secret"])
    for _ in range(5):
        await asyncio.sleep(0)
    assert seen == [["permitted"]]
    await router.close()
