"""Stale streams: a producer that is not heard as often as it said, and how it comes back."""

from __future__ import annotations

from fairlead_logstream.live.vigil import Vigil
from support.waiting import eventually
from unit.logstream.fakes import NOW_US

SHORT: float = 0.05


class Watched:
    """A vigil that remembers what it told. The interval is short: the rule does not depend on it."""

    def __init__(self) -> None:
        self.told: list[bool] = []
        self.vigil = Vigil(lambda: NOW_US, self._changed)

    def _changed(self) -> None:
        self.told.append(self.vigil.since_us is not None)


async def test_a_producer_that_falls_silent_is_stale_once_and_live_when_it_is_heard() -> None:
    watched = Watched()
    watched.vigil.expect(SHORT)
    await eventually(lambda: watched.told)
    assert (watched.told, watched.vigil.since_us) == ([True], NOW_US)
    watched.vigil.heard()
    assert (watched.told, watched.vigil.since_us) == ([True, False], None)
    await eventually(lambda: len(watched.told) == 3)
    watched.vigil.end()


async def test_who_is_heard_in_time_is_never_stale() -> None:
    watched, other = Watched(), Watched()
    watched.vigil.expect(10 * SHORT)
    other.vigil.expect(10 * SHORT)

    def has_other_fallen_silent() -> bool:
        watched.vigil.heard()
        return bool(other.told)

    await eventually(has_other_fallen_silent)
    assert watched.told == []
    watched.vigil.end()
    other.vigil.end()


async def test_nothing_is_expected_after_the_end() -> None:
    watched = Watched()
    watched.vigil.expect(SHORT)
    await eventually(lambda: watched.told)
    watched.vigil.expect(None)
    assert watched.vigil.since_us is None
    watched.vigil.heard()
    assert watched.told == [True]
