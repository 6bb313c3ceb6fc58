"""A record service that asks what is in the trash."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from fairlead_records import MemoryRecordStore, Permissions
from unit.records.dispatch.steps import Trash
from unit.records.fakes import ServiceHarness


@pytest.fixture
async def trash() -> Trash:
    return Trash()


@pytest.fixture
async def trashing(trash: Trash) -> AsyncIterator[ServiceHarness]:
    harness = ServiceHarness()
    await harness.start(MemoryRecordStore(), Permissions(is_hidden=trash.is_hidden))
    yield harness
    await harness.close()
