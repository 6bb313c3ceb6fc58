"""Tests that must fail, each in its own way; test_conftest.py runs them in a child process and looks."""

from __future__ import annotations

import asyncio
import socket
import warnings
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import defer

from support.waiting import eventually

KEPT: list[object] = []


async def fail_later() -> None:
    await asyncio.sleep(0)
    raise ZeroDivisionError


async def test_failed_assertion() -> None:
    assert await asyncio.sleep(0, result=1) == 2


@pytest.mark.limit_s(0.05)
async def test_hanging() -> None:
    await asyncio.Event().wait()


async def test_exception_in_callback() -> None:
    asyncio.get_running_loop().call_soon(lambda: 1 // 0)
    await asyncio.sleep(0.01)


async def test_forgotten_task_that_fails() -> None:
    asyncio.get_running_loop().create_task(fail_later())
    await asyncio.sleep(0.01)


async def test_forgotten_deferred_that_fails() -> None:
    defer.fail(ZeroDivisionError())


async def test_leaked_task() -> None:
    KEPT.append(asyncio.get_running_loop().create_task(asyncio.Event().wait()))


async def test_leaked_server() -> None:
    KEPT.append(await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0))


def test_leaked_socket() -> None:
    KEPT.append(socket.socket())


async def test_coroutine_never_awaited() -> None:
    fail_later()  # type: ignore[unused-coroutine]


def test_returning_something() -> int:
    return 1


def test_warning() -> None:
    warnings.warn("a warning", stacklevel=1)


@settings(database=None)
@given(st.integers())
async def test_property(number: int) -> None:
    await asyncio.sleep(0)
    assert number < 100


async def test_eventually_gives_up() -> None:
    await eventually(lambda: False, timeout_s=0.02, what="arrived")


@pytest.fixture
async def failing_set_up() -> AsyncIterator[None]:
    await fail_later()
    yield
    KEPT.clear()


@pytest.fixture
async def failing_tear_down() -> AsyncIterator[None]:
    yield
    await fail_later()


@pytest.fixture
async def yielding_twice() -> AsyncIterator[int]:
    yield 1
    yield 2


@pytest.fixture
async def forgetting() -> list[object]:
    """In a ring, so that only the collector finds it."""
    ring: list[object] = [asyncio.get_running_loop().create_task(fail_later())]
    ring.append(ring)
    await asyncio.sleep(0.01)
    return ring


async def test_forgetful_fixture(forgetting: list[object]) -> None:
    assert forgetting


@pytest.mark.usefixtures("failing_set_up")
async def test_failing_set_up() -> None:
    pass


@pytest.mark.usefixtures("failing_tear_down")
def test_failing_tear_down() -> None:
    pass


@pytest.mark.usefixtures("yielding_twice")
def test_fixture_yielding_twice() -> None:
    pass


async def test_that_passes_after_all_these() -> None:
    await asyncio.sleep(0)
