"""A module whose tests share what is left behind: it fails with the last of them; test_conftest.py looks."""

from __future__ import annotations

import socket

import pytest

KEPT: list[socket.socket] = []


@pytest.fixture(scope="module")
def leaking() -> None:
    KEPT.append(socket.socket())


@pytest.mark.usefixtures("leaking")
def test_first() -> None:
    pass


@pytest.mark.usefixtures("leaking")
def test_last() -> None:
    pass
