"""A record service in a realm, over memory; the tests of the stores and of the whole use SQLite."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from fairlead_records import MemoryRecordStore
from support.rights import Rights
from unit.records.fakes import Peer, ServiceHarness


@pytest.fixture
async def service() -> AsyncIterator[ServiceHarness]:
    """A realm where everybody may do everything."""
    harness = ServiceHarness()
    await harness.start(MemoryRecordStore())
    yield harness
    await harness.close()


@pytest.fixture
async def guarded() -> AsyncIterator[ServiceHarness]:
    """A realm where nobody may do anything yet."""
    harness = ServiceHarness(Rights(everybody=False))
    await harness.start(MemoryRecordStore())
    yield harness
    await harness.close()


@pytest.fixture
def alice(service: ServiceHarness) -> Peer:
    return service.peer("alice")
