"""A mark is another one when rights may have moved, also those that moved while nobody ran."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fairlead_authz import Authz, Put, Trash
from fairlead_authz.clock import now_us
from fairlead_router import Principal, Router

ALICE = Principal("alice", "user")
TRASHED_IN_S = 3_600


@asynccontextmanager
async def opened(directory: Path, after_s: float = 0, *, is_open: bool = False) -> AsyncIterator[Authz]:
    """The permissions, in a realm whose wall clock is so far ahead."""
    authz = await Authz.open(f"sqlite:///{directory}/permissions.sqlite", is_open=is_open)
    router = Router()
    router.host.time_us = lambda: now_us() + round(after_s * 1e6)  # type: ignore[method-assign]
    authz.bind(router.add_realm("realm1"))
    yield authz
    await authz.close()
    await router.close()


@pytest.fixture
async def mark(tmp_path: Path) -> int:
    """That of alice, when her object is to be in the trash in an hour."""
    async with opened(tmp_path) as authz:
        await authz.apply([Put("user", "alice"), Put("object", "x", owner="alice")])
        await authz.apply([Trash("x", now_us() + TRASHED_IN_S * 1_000_000)])
        return authz.rights_mark(ALICE)


async def test_a_mark_is_the_same_after_a_start(tmp_path: Path, mark: int) -> None:
    async with opened(tmp_path, TRASHED_IN_S / 2) as authz:
        assert authz.rights_mark(ALICE) == mark


async def test_a_mark_is_another_one_when_the_clock_has_taken_something_before_the_start(
    tmp_path: Path, mark: int
) -> None:
    async with opened(tmp_path, TRASHED_IN_S + 1) as authz:
        assert authz.rights_mark(ALICE) != mark


async def test_a_mark_of_an_open_realm_is_none_of_a_closed_one(tmp_path: Path, mark: int) -> None:
    async with opened(tmp_path, is_open=True) as authz:
        assert authz.rights_mark(ALICE) != mark


async def test_a_change_moves_it_and_something_new_does_not(tmp_path: Path, mark: int) -> None:
    async with opened(tmp_path) as authz:
        await authz.apply([Put("object", "y", owner="alice")])
        assert authz.rights_mark(ALICE) == mark
        await authz.apply([Put("object", "y", owner="admin")])
        assert authz.rights_mark(ALICE) != mark
