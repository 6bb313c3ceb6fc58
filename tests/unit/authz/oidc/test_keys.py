"""The keys of one issuer: one fetch at a time, pauses, and what becomes of them while it cannot be reached."""

from __future__ import annotations

import asyncio
import logging

import pytest

from fairlead_authz.oidc.fetching import FetchFailed
from fairlead_authz.oidc.issuer import Issuer
from fairlead_authz.oidc.keys import KEPT_S, MOST_PAUSE_S, PAUSE_S, REFRESH_S, FetchedKeys
from support.core import Answer, HandHost
from support.issuer import key_set, private_key, public_jwk

ISSUER = Issuer(issuer="https://a.example.org", audience="fairlead", prefix="a-")
DOWN = FetchFailed("it is down")


def keys_of(*kids: str) -> bytes:
    return key_set(*(public_jwk(private_key("ES256"), kid) for kid in kids))


class World:
    """A host in the test's hand, and the questions that the issuer was asked."""

    def __init__(self) -> None:
        self.host = HandHost()
        self.asked: list[Answer] = []
        self.keys = FetchedKeys(ISSUER, self.host, self._ask)

    def _ask(self, issuer: str) -> Answer:
        assert issuer == ISSUER.issuer
        self.asked.append(Answer())
        return self.asked[-1]

    def answer(self, answer: bytes | BaseException) -> None:
        self.asked[-1].give(answer)
        self.host.run()

    @property
    def known(self) -> set[str]:
        return {kid for kid in ("old", "new") if self.keys.find(kid) is not None}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def old(world: World) -> World:
    """The key `old` is there, and the pause after its fetch is over."""
    world.answer(keys_of("old"))
    world.host.advance(PAUSE_S)
    return world


async def test_the_first_fetch_begins_at_once(world: World) -> None:
    assert len(world.asked) == 1
    world.answer(keys_of("old"))
    assert world.known == {"old"}


async def test_all_who_wait_wait_for_one_fetch(old: World) -> None:
    waiting = [old.keys.fetched_again() for _ in range(3)]
    assert len(old.asked) == 2
    old.answer(keys_of("new"))
    await asyncio.gather(*(each for each in waiting if each is not None))
    assert old.known == {"new"}


async def test_who_does_not_wait_any_more_takes_the_fetch_from_nobody(old: World) -> None:
    first, second = old.keys.fetched_again(), old.keys.fetched_again()
    assert isinstance(first, asyncio.Future)
    assert second is not None
    first.cancel()
    old.answer(keys_of("new"))
    await second


async def test_unknown_keys_cost_the_issuer_one_fetch_a_pause(old: World) -> None:
    assert old.keys.fetched_again() is not None
    old.answer(keys_of("old"))
    assert [old.keys.fetched_again() for _ in range(100)] == [None] * 100
    old.host.advance(PAUSE_S)
    assert old.keys.fetched_again() is not None
    assert len(old.asked) == 3


async def test_a_key_that_was_withdrawn_is_gone_with_the_next_fetch(old: World) -> None:
    old.host.advance(REFRESH_S)
    assert len(old.asked) == 2
    old.answer(keys_of("new"))
    assert old.known == {"new"}


async def test_keys_go_on_while_the_issuer_is_down_for_a_bounded_time(old: World) -> None:
    old.host.advance(REFRESH_S - PAUSE_S)
    old.answer(DOWN)
    left_s = KEPT_S - REFRESH_S
    while left_s > 0:
        assert old.known == {"old"}
        number = len(old.asked)
        old.host.advance(min(PAUSE_S, left_s))
        left_s -= PAUSE_S
        if len(old.asked) > number:
            old.answer(DOWN)
    assert old.known == set()


async def test_an_issuer_that_is_down_is_asked_ever_more_seldom(world: World) -> None:
    pauses = []
    for _ in range(9):
        world.answer(DOWN)
        number, waited_s = len(world.asked), 0.0
        while len(world.asked) == number:
            assert world.keys.fetched_again() is None
            world.host.advance(PAUSE_S)
            waited_s += PAUSE_S
        pauses.append(waited_s)
    assert pauses == [10, 20, 40, 80, 160, 320, 600, 600, 600]


async def test_an_outage_of_weeks_ends_too(world: World) -> None:
    for _ in range(2_000):
        world.answer(DOWN)
        world.host.advance(MOST_PAUSE_S)
    world.answer(keys_of("new"))
    assert world.known == {"new"}


@pytest.mark.parametrize("answer", [DOWN, b"<html>", key_set(), asyncio.CancelledError()])
async def test_a_bad_answer_changes_no_key_and_is_one_line_in_the_log(
    old: World, answer: bytes | BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    waiting = old.keys.fetched_again()
    old.answer(answer)
    assert waiting is not None
    await waiting
    assert old.known == {"old"}
    assert old.keys.are_out_of_reach
    [record] = caplog.records
    assert record.getMessage().startswith("issuer https://a.example.org: its keys could not be fetched: ")
    assert record.getMessage().endswith("those that are known go on; it is asked again in 10 s")


async def test_a_mistake_of_ours_is_in_the_log_whole(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.answer(RuntimeError("a mistake"))
    assert "nobody can come in with its tokens" in caplog.text
    assert caplog.records[0].exc_info is not None


async def test_an_issuer_that_is_back_is_said_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.answer(DOWN)
    world.host.advance(PAUSE_S)
    caplog.clear()
    world.answer(keys_of("old"))
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.WARNING, "issuer https://a.example.org: its keys are there again")
    ]
    assert not world.keys.are_out_of_reach
    assert world.known == {"old"}


async def test_what_is_closed_asks_nobody_and_keeps_nobody_waiting(old: World) -> None:
    waiting = old.keys.fetched_again()
    old.keys.close()
    assert waiting is not None
    await waiting
    assert old.keys.fetched_again() is None
    old.host.advance(KEPT_S)
    assert len(old.asked) == 2
    assert old.host.pending_timers == 0
