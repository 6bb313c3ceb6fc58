"""A log service in a realm, over memory; the tests of the stores and of the whole use SQLite."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from fairlead_logstream import MemoryStreamStore
from support.rights import Rights
from unit.logstream.fakes import Peer, ServiceHarness


@pytest.fixture
def store() -> MemoryStreamStore:
    return MemoryStreamStore()


@pytest.fixture
async def service(store: MemoryStreamStore) -> AsyncIterator[ServiceHarness]:
    """A realm where everybody may do everything."""
    harness = ServiceHarness()
    await harness.start(store)
    yield harness
    await harness.close()


@pytest.fixture
async def guarded(store: MemoryStreamStore) -> AsyncIterator[ServiceHarness]:
    """A realm where nobody may do anything yet."""
    harness = ServiceHarness(Rights(everybody=False))
    await harness.start(store)
    yield harness
    await harness.close()


@pytest.fixture
def alice(service: ServiceHarness) -> Peer:
    return service.peer("alice")
