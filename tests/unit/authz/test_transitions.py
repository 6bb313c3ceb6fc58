"""All transitions against all surfaces, on the protocol core; each loss leaks where nothing is judged again."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.transitions.core_stage import core_stage
from support.transitions.play import Play
from support.transitions.surfaces import SURFACES
from support.transitions.table import TRANSITIONS, Transition


def url(directory: Path) -> str:
    return f"sqlite:///{directory}/permissions.sqlite"


@pytest.mark.parametrize("transition", TRANSITIONS, ids=lambda each: each.name)
async def test_who_loses_gets_nothing_more_and_everybody_else_everything(
    tmp_path: Path, transition: Transition
) -> None:
    async with core_stage(url(tmp_path), transition) as stage:
        play = Play(stage, transition)
        await play.open(SURFACES)
        await play.change(is_clogged=True)
        play.check()
        await play.again()


@pytest.mark.parametrize("transition", TRANSITIONS, ids=lambda each: each.name)
async def test_every_surface_leaks_where_nothing_is_judged_again(tmp_path: Path, transition: Transition) -> None:
    async with core_stage(url(tmp_path), transition, is_guarded=False) as stage:
        play = Play(stage, transition)
        await play.open(SURFACES)
        await play.change(is_clogged=False)
        assert play.leaks() == [bob.surface.name for bob in play.bobs]
