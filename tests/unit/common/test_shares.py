"""A session's share of what may wait."""

from __future__ import annotations

import pytest

from fairlead_common.errors import Busy
from fairlead_common.shares import Shares


def test_each_session_has_its_own_share() -> None:
    refused: dict[str, int] = {}
    shares = Shares(100, refused)
    shares.take(1, 60)
    with pytest.raises(Busy, match="60 bytes of this session wait") as caught:
        shares.take(1, 41)
    assert caught.value.details["limit_bytes"] == 100
    shares.take(2, 100)
    assert refused == {"busy": 1}


def test_what_was_stored_makes_room() -> None:
    shares = Shares(100, {})
    shares.take(1, 60)
    shares.take(1, 40)
    shares.give_back(1, 60)
    shares.take(1, 60)
    shares.give_back(1, 40)
    shares.give_back(1, 60)
    shares.take(1, 100)


def test_what_has_no_size_takes_nothing() -> None:
    shares = Shares(100, {})
    for _ in range(2):
        shares.take(1, 0)
    for _ in range(2):
        shares.give_back(1, 0)
    shares.take(1, 100)
