"""The suite's own machinery: async tests and fixtures run, and a test that should fail does."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import defer

from support.waiting import eventually

SAMPLES = Path(__file__).parent / "samples"

# What the child says of each test of samples/failing.py.
COMPLAINTS = {
    "test_failed_assertion": "assert 1 == 2",
    "test_hanging": "not finished after 0.05 s",
    "test_exception_in_callback": "nobody waited for: Exception in callback",
    "test_forgotten_task_that_fails": "nobody waited for: Task exception was never retrieved",
    "test_forgotten_deferred_that_fails": "nobody waited for: Unhandled error in Deferred",
    "test_leaked_task": "left a task behind",
    "test_leaked_server": "left a socket open",
    "test_leaked_socket": "left a socket open",
    "test_coroutine_never_awaited": "was never awaited",
    "test_returning_something": "a test returns nothing, this one did: 1",
    "test_warning": "UserWarning: a warning",
    "test_property": "assert 100 < 100",
    "test_eventually_gives_up": "still not arrived after 0.02 s: False",
    "test_forgetful_fixture": "nobody waited for: Task exception was never retrieved",
    "test_failing_set_up": "ZeroDivisionError",
    "test_failing_tear_down": "ZeroDivisionError",
    "test_fixture_yielding_twice": "an async fixture yields once",
}


def complaints_about(sample: str, directory: Path) -> dict[str, str]:
    """What pytest says of each test of a sample; empty for one that passes."""
    report = directory / "report.xml"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--junitxml={report}", f"{SAMPLES / sample}"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 1, run.stdout + run.stderr
    found: dict[str, str] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        texts = [f"{outcome.get('message')}\n{outcome.text}" for outcome in case if outcome.tag in {"failure", "error"}]
        found[case.attrib["name"]] = found.get(case.attrib["name"], "") + "".join(texts)
    return found


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return complaints_about("failing.py", tmp_path_factory.mktemp("failing"))


@pytest.mark.parametrize(("name", "complaint"), COMPLAINTS.items())
def test_sample_fails_and_says_why(complaints: dict[str, str], name: str, complaint: str) -> None:
    assert complaint in complaints[name]


def test_failing_tests_do_not_harm_the_next(complaints: dict[str, str]) -> None:
    assert complaints.keys() - COMPLAINTS.keys() == {"test_that_passes_after_all_these"}
    assert complaints["test_that_passes_after_all_these"] == ""


def test_what_a_module_leaves_behind_fails_its_last_test(tmp_path: Path) -> None:
    complaints = complaints_about("leaving.py", tmp_path)
    assert complaints["test_first"] == ""
    assert "left a socket open" in complaints["test_last"]


def test_plain_test_may_run_a_loop_of_its_own() -> None:
    assert asyncio.run(asyncio.sleep(0, result=1)) == 1


async def test_async_test_runs_as_a_task_on_uvloop() -> None:
    assert isinstance(asyncio.get_running_loop(), uvloop.Loop)
    assert asyncio.current_task() is not None


async def test_deferred_can_be_awaited_beside_asyncio() -> None:
    later: defer.Deferred[int] = defer.Deferred()
    asyncio.get_running_loop().call_soon(later.callback, 5)
    assert await later.asFuture(asyncio.get_running_loop()) == 5


@given(st.integers())
async def test_property_test_may_be_async(number: int) -> None:
    assert await asyncio.sleep(0, result=number) == number


@pytest.fixture
async def plain_fixture() -> int:
    return await asyncio.sleep(0, result=1)


@pytest.fixture
async def grouped_fixture(plain_fixture: int) -> AsyncIterator[asyncio.Queue[int]]:
    """Needs its set-up and tear-down to be one task: a TaskGroup spans the yield."""
    numbers: asyncio.Queue[int] = asyncio.Queue()
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(numbers.put(plain_fixture))
        yield numbers


@pytest.fixture
def fixture_over_async_one(grouped_fixture: asyncio.Queue[int]) -> Iterator[asyncio.Queue[int]]:
    yield grouped_fixture
    assert grouped_fixture.empty()


async def test_async_fixtures_span_the_test(fixture_over_async_one: asyncio.Queue[int]) -> None:
    assert await fixture_over_async_one.get() == 1


class TestMethods:
    @pytest.fixture
    async def answer(self) -> int:
        return await asyncio.sleep(0, result=self.base() + 1)

    def base(self) -> int:
        return 41

    async def test_methods_may_be_async(self, answer: int) -> None:
        assert await asyncio.sleep(0, result=answer) == 42


async def test_loop_errors_can_be_expected(loop_errors: list[str]) -> None:
    asyncio.get_running_loop().call_soon(lambda: 1 // 0)
    await eventually(lambda: loop_errors)
    assert "ZeroDivisionError" in loop_errors.pop()


async def test_eventually_returns_what_came_true() -> None:
    numbers = iter([0, 0, 3])
    assert await eventually(lambda: next(numbers)) == 3


async def test_eventually_takes_an_async_condition_and_failing_assertions() -> None:
    attempts = []

    async def condition() -> bool:
        attempts.append(1)
        assert len(attempts) == 3
        return True

    assert await eventually(condition)
