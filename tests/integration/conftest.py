"""What the tests of the commands share: one real server a module, and the commands as a user types them."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.serving import Commands, Serving


@pytest.fixture(scope="module")
async def serving(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Serving]:
    async with Serving(tmp_path_factory.mktemp("serving")) as serving:
        yield serving


@pytest.fixture
def server(serving: Serving, tmp_path: Path) -> Commands:
    return Commands(serving.url, serving.data, tmp_path)


@pytest.fixture
def job() -> str:
    """A log's id that no other test has."""
    return f"job-{secrets.token_hex(4)}"
