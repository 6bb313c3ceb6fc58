"""All transitions with the permissions in PostgreSQL: each in a realm of its own of one database."""

from __future__ import annotations

import pytest

from support.postgres import new_database
from support.transitions.core_stage import core_stage
from support.transitions.play import Play
from support.transitions.surfaces import SURFACES
from support.transitions.table import DECISIONS, TRANSITIONS, Transition


@pytest.fixture(scope="module")
def url() -> str:
    return new_database()


@pytest.mark.parametrize("transition", [*TRANSITIONS, *DECISIONS], ids=lambda each: each.name)
async def test_who_loses_gets_nothing_more_and_nobody_else_notices(url: str, transition: Transition) -> None:
    async with core_stage(url, transition, realm=transition.name) as stage:
        play = Play(stage, transition)
        await play.open(SURFACES)
        await play.change()
        play.check()
        await play.again()
