"""The keys of one issuer: fetched at the start, again now and then, and when a token names one that is not known.

One fetch at a time, whoever asks; a login whose key is there never waits for it. While the issuer cannot be reached
the keys that are there go on for a bounded time, and it is asked ever more seldom.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol

from fairlead_authz.oidc.fetching import FetchFailed, fetch_keys
from fairlead_authz.oidc.issuer import Issuer
from fairlead_authz.oidc.jwks import InvalidKeys, KeySet, decode_keys
from fairlead_router.host import Host, Timer

log = logging.getLogger(__name__)

REFRESH_S = 600.0
"""So long after it was withdrawn, at the latest, a key is good for no new session."""

PAUSE_S = 10.0
"""Between two fetches, whatever keys tokens name: strangers can make up as many as they like."""

MOST_PAUSE_S = REFRESH_S
"""Between two fetches that fail: each pause is twice as long as the one before."""

KEPT_S = 86_400.0
"""Keys of an issuer that cannot be reached go on for a day: an outage over night, and somebody to notice it."""


class Keys(Protocol):
    """Where an issuer's keys come from."""

    are_out_of_reach: bool
    """Whether the issuer could not be asked the last time."""

    def find(self, kid: str | None) -> dict[str, Any] | None:
        """The key of this id, by algorithm, if it is there."""

    def fetched_again(self) -> Awaitable[None] | None:
        """The fetch that may bring a key that is not there; None: there is none now."""

    def close(self) -> None:
        """Fetch nothing more."""


class FixedKeys:
    """The keys of a file."""

    are_out_of_reach = False

    def __init__(self, keys: KeySet) -> None:
        self._keys = keys

    def find(self, kid: str | None) -> dict[str, Any] | None:
        """The key of this id."""
        return self._keys.get(kid)

    def fetched_again(self) -> None:
        """A file is read when the configuration is."""

    def close(self) -> None:
        """Nothing is open."""


class FetchedKeys:
    """The keys that an issuer publishes. The first fetch begins at once."""

    def __init__(self, issuer: Issuer, host: Host, fetch: Callable[[str], Awaitable[bytes]] = fetch_keys) -> None:
        self._issuer = issuer
        self._host = host
        self._ask = partial(fetch, issuer.issuer)
        self._keys = KeySet()
        self.are_out_of_reach = False
        """Whether the last fetch failed."""

        self._next_pause_s = PAUSE_S
        self._is_pausing = False
        self._fetch: Timer | None = None
        self._waiting: list[asyncio.Future[None]] = []
        self._timers: dict[str, Timer] = {}
        self._begin()

    def find(self, kid: str | None) -> dict[str, Any] | None:
        """The key of this id."""
        return self._keys.get(kid)

    def fetched_again(self) -> Awaitable[None] | None:
        """Joins the fetch that is going on, or begins one unless it is too soon after the one before."""
        if self._is_pausing:
            return None
        self._begin()
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        return waiting

    def close(self) -> None:
        """Nobody is asked any more, not even by a login that has begun."""
        self._is_pausing = True
        for timer in self._timers.values():
            timer.cancel()
        if self._fetch is not None:
            self._fetch.cancel()
        self._release()

    # --- the fetch ----------------------------------------------------------------------------

    def _begin(self) -> None:
        if self._fetch is None:
            self._fetch = self._host.wait_for(self._ask(), self._done)

    def _done(self, answer: Any) -> None:
        self._fetch = None
        self._is_pausing = True
        if isinstance(answer, BaseException):
            self._failed(answer)
        else:
            self._decode(answer)
        self._release()

    def _decode(self, data: bytes) -> None:
        try:
            self._take(decode_keys(data, self._issuer.algorithms))
        except Exception as error:  # noqa: BLE001 - logged there: whatever is wrong, the old keys stay
            self._failed(error)

    def _take(self, keys: KeySet) -> None:
        if self.are_out_of_reach:
            log.warning("issuer %s: its keys are there again", self._issuer.issuer)
        self._keys = keys
        self.are_out_of_reach = False
        self._next_pause_s = PAUSE_S
        self._after(PAUSE_S, "pause", self._end_pause)
        self._after(REFRESH_S, "fetch", self._begin)
        self._after(KEPT_S, "forget", self._forget)

    def _failed(self, error: BaseException) -> None:
        self.are_out_of_reach = True
        pause_s, self._next_pause_s = self._next_pause_s, min(2 * self._next_pause_s, MOST_PAUSE_S)
        self._after(pause_s, "fetch", self._try_again)
        text = "issuer %s: its keys could not be fetched: %s; %s; it is asked again in %g s"
        outlook = "those that are known go on" if self._keys else "nobody can come in with its tokens"
        is_ours = not isinstance(error, FetchFailed | InvalidKeys)
        log.warning(text, self._issuer.issuer, error, outlook, pause_s, exc_info=error if is_ours else None)

    def _try_again(self) -> None:
        self._end_pause()
        self._begin()

    def _end_pause(self) -> None:
        self._is_pausing = False

    def _forget(self) -> None:
        log.error("issuer %s: its keys are older than %g s, and good for nothing", self._issuer.issuer, KEPT_S)
        self._keys = KeySet()

    def _after(self, delay_s: float, name: str, callback: Callable[[], None]) -> None:
        """In the place of what was to come under this name."""
        if name in self._timers:
            self._timers[name].cancel()
        self._timers[name] = self._host.call_later(delay_s, callback)

    def _release(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.done():
                each.set_result(None)
