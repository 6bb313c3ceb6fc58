"""How tests run: on Twisted's asyncio reactor over one uvloop loop, async ones as tasks of that loop.

An `async def` test or fixture needs no mark. Inside, asyncio is at home; a Deferred is awaited with
`await deferred.asFuture(asyncio.get_running_loop())`. An async test has 30 s, another limit with
`@pytest.mark.limit_s(120)`. A test also fails when it leaves a task or a socket behind, or when
something was raised where nobody waits for it: in a callback of the loop, a forgotten task, a Deferred.
The same holds for what the tests of a module share.

Autobahn's two frameworks exclude each other within one process, so `tests/twisted` holds the tests that
import `autobahn.twisted`: `pytest` leaves them out, `pytest tests/twisted` runs only them.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import os
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop
from twisted.internet import asyncioreactor

LOOP: asyncio.AbstractEventLoop = uvloop.new_event_loop()
asyncioreactor.install(LOOP)  # before anything imports twisted.internet.reactor

import pytest_twisted  # noqa: E402
import txaio  # noqa: E402
from hypothesis import settings  # noqa: E402
from twisted.internet.defer import Deferred  # noqa: E402

from support import postgres  # noqa: E402
from support.leaks import LeakCheck  # noqa: E402

LIMIT_S = 30.0
TWISTED_TESTS = Path(__file__).parent / "twisted"

LEAKS = LeakCheck(LOOP)

# A busy machine is no failing property: what takes too long is caught by the limit of the whole test. A merge is judged
# by the same examples each time; who works on the code gets new ones with each run.
settings.register_profile("fairlead", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("fairlead")


# ---------------------------------------------------------------- the two calls


def pytest_configure(config: pytest.Config) -> None:
    """Settles Autobahn's framework, so that it does not depend on which test comes first."""
    config.stash[_IS_TWISTED_CALL] = _is_twisted_call(config)
    if config.stash[_IS_TWISTED_CALL]:
        txaio.use_twisted()
    else:
        txaio.use_asyncio()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves `tests/twisted` to a call of its own."""
    if collection_path == TWISTED_TESTS and not config.stash[_IS_TWISTED_CALL]:
        return True
    return None


def pytest_collection_finish() -> None:
    """Makes the collections after each test cheap: what is imported by now need not be looked at again."""
    gc.collect()
    gc.freeze()


_IS_TWISTED_CALL = pytest.StashKey[bool]()


def _is_twisted_call(config: pytest.Config) -> bool:
    paths = [(config.invocation_params.dir / argument.split("::")[0]).resolve() for argument in config.args]
    inside = [path == TWISTED_TESTS or TWISTED_TESTS in path.parents for path in paths]
    if any(inside) and not all(inside):
        message = "autobahn.twisted and autobahn.asyncio exclude each other: run tests/twisted in a call of its own"
        raise pytest.UsageError(message)
    return any(inside)


# ---------------------------------------------------------------- async tests and fixtures


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool:
    """Runs every test: an async one as a task, others where no loop is running, so that they may call `asyncio.run`.

    Returning True keeps pytest-twisted out, which would drive coroutines itself and call functions within the reactor.
    """
    test = pyfuncitem.obj
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    property_test = getattr(test, "hypothesis", None)
    function = test if property_test is None else property_test.inner_test
    if not inspect.iscoroutinefunction(function):
        _call_outside_loop(test, arguments)
    elif property_test is None:
        _run(test(**arguments), _limit_s(pyfuncitem))
    else:
        property_test.inner_test = _blocking(function, _limit_s(pyfuncitem))
        try:
            test(**arguments)
        finally:
            property_test.inner_test = function
    return True


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, Any, Any]:
    """Puts a blocking function in the place of an async fixture's, so that all else is pytest's own."""
    function: Any = fixturedef.func
    if request.instance is not None and isinstance(request.instance, type(getattr(function, "__self__", None))):
        function = function.__func__.__get__(request.instance)
    if inspect.isasyncgenfunction(function):
        blocking: Callable[..., Any] = _blocking_generator(function)
    elif inspect.iscoroutinefunction(function):
        blocking = _blocking(function, LIMIT_S)
    else:
        return (yield)
    original, fixturedef.func = fixturedef.func, blocking  # type: ignore[misc]
    try:
        return (yield)
    finally:
        fixturedef.func = original  # type: ignore[misc]


class _GeneratorFixture:
    """An async generator fixture in one task, so that a TaskGroup or a timeout may span its yield."""

    def __init__(self, generator: AsyncGenerator[Any, None]) -> None:
        self._generator = generator
        self._started: asyncio.Future[Any] = LOOP.create_future()
        self._wanted = True
        self._resume = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def set_up(self) -> object:
        self._task = LOOP.create_task(self._body())
        return _run(self._wait_for_start(), LIMIT_S)

    def tear_down(self) -> None:
        if self._task is None or self._task.done():
            return
        self._resume.set()
        _run(_finish(self._task), LIMIT_S)

    async def _body(self) -> None:
        values = 0
        async for value in self._generator:
            values += 1
            assert values == 1, "an async fixture yields once"
            self._started.set_result(value)
            await self._resume.wait()
        assert values == 1, "an async fixture yields once"

    async def _wait_for_start(self) -> object:
        assert self._task is not None
        await asyncio.wait([self._started, self._task], return_when=asyncio.FIRST_COMPLETED)
        if not self._started.done():
            await self._task
        return self._started.result()


async def _finish(task: asyncio.Task[None]) -> None:
    await task


def _blocking(function: Callable[..., Coroutine[Any, Any, Any]], limit_s: float) -> Callable[..., Any]:
    @functools.wraps(function)
    def run(*args: object, **kwargs: object) -> object:
        return _run(function(*args, **kwargs), limit_s)

    return run


def _blocking_generator(function: Callable[..., AsyncGenerator[Any, None]]) -> Callable[..., Any]:
    @functools.wraps(function)
    def run(*args: object, **kwargs: object) -> Iterator[Any]:
        fixture = _GeneratorFixture(function(*args, **kwargs))
        yield fixture.set_up()
        fixture.tear_down()

    return run


def _run(coroutine: Coroutine[Any, Any, Any], limit_s: float) -> Any:
    LEAKS.used_loop = True
    return pytest_twisted.blockon(Deferred.fromFuture(LOOP.create_task(_limited(coroutine, limit_s))))


async def _limited(coroutine: Coroutine[Any, Any, Any], limit_s: float) -> object:
    try:
        async with asyncio.timeout(limit_s) as limit:
            return await coroutine
    except TimeoutError:
        if limit.expired():
            pytest.fail(f"not finished after {limit_s:g} s")
        raise


def _call_outside_loop(test: Callable[..., object], arguments: dict[str, Any]) -> None:
    asyncio._set_running_loop(None)  # it is not running, only waiting for the next async test
    try:
        result = test(**arguments)
    finally:
        asyncio._set_running_loop(LOOP)
    assert result is None, f"a test returns nothing, this one did: {result!r}"


def _limit_s(item: pytest.Item) -> float:
    mark = item.get_closest_marker("limit_s")
    return LIMIT_S if mark is None else float(mark.args[0])


# ---------------------------------------------------------------- nothing stays behind


@pytest.fixture(scope="session", autouse=True)
def running_loop() -> asyncio.AbstractEventLoop:
    """The loop, after a first turn: its own sockets are open by now, and no test is blamed for them."""
    _run(asyncio.sleep(0), LIMIT_S)
    return LOOP


@pytest.fixture(scope="module", autouse=True)
def nothing_left_behind_by_module(running_loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Fails the last test of a module when what the module's tests share leaves something behind.

    What outlives a module is pytest's own, and grows with every module: the collections after later tests need not look
    at it again.
    """
    before = LEAKS.held()
    yield
    _run(LEAKS.settle(before), LIMIT_S)
    gc.freeze()
    _fail_with(LEAKS.complaint(before))


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest, nothing_left_behind_by_module: None) -> Iterator[None]:
    """Fails the test that leaves something behind. Set up first and torn down last of the function's fixtures."""
    LEAKS.used_loop = False
    before = LEAKS.held()
    yield
    request.node.funcargs = {}  # else what the fixtures made is collected with the next test, which is blamed for it
    if LEAKS.used_loop:
        _run(LEAKS.settle(before), LIMIT_S)
    _fail_with(LEAKS.complaint(before))


def _fail_with(complaint: str) -> None:
    if complaint:
        pytest.fail(complaint, pytrace=False)


@pytest.fixture
def loop_errors() -> list[str]:
    """What was raised where nobody waits for it. A test that provokes this looks here, and clears the list."""
    return LEAKS.errors


# ---------------------------------------------------------------- databases


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new database of each kind that a store works on; the test runs once with each."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/data/store.sqlite"
    return postgres.new_database()
