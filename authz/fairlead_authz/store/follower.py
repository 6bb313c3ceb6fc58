"""A follower: the permission graph in another process, kept equal to the writer's by its log.

    follower = await Follower.open("postgresql:///fairlead", "realm1")
    task = asyncio.create_task(follower.run())
    ...
    if follower.is_fresh(within_s=2): ... follower.graph ...

It proves how fresh it is: all that was acknowledged before `seen_at_us` (of `steady_us`, a clock that goes on while the
machine sleeps) is in the graph, which is that of `revision`. When the log cannot be read the proof grows old, and
whoever serves by it stops: it fails closed.
It knows tokens by their hash, so it can tell whose a token is. It writes nothing.
"""

import asyncio
import logging
from collections.abc import Callable

from fairlead_authz.clock import now_us
from fairlead_authz.model.graph import Graph
from fairlead_authz.store.permission_log import Position, Rows
from fairlead_authz.store.store import StoredPermissions
from fairlead_authz.tokens.tokens import Tokens
from fairlead_store import StoreError, StoreUnavailable, steady_us

log = logging.getLogger(__name__)

POLL_S = 0.1
"""Between two looks into the log: so long a revoked right may live on in another process."""

SLICE_LIMIT = 1_000
"""Entries that are read at once."""

OnChange = Callable[[Rows | None], None]
"""Told of each change after it was made to the graph; None: the graph is another one, anything may be different."""


class Follower:
    """The graph and the tokens of one realm as of a revision. Create it with `open`."""

    def __init__(self, store: StoredPermissions) -> None:
        self._store = store
        self._position = Position(0, 0)
        self.graph = Graph()
        self.tokens = Tokens([], self.graph, now_us)
        self.on_change: OnChange = _ignore
        self.seen_at_us: int | None = None
        """All that was acknowledged before this time of `steady_us` is in the graph; None before the first look."""

    @classmethod
    async def open(cls, url: str, realm: str = "realm1") -> "Follower":
        """Read the graph once. Raises StoreError, also where no server has made the store yet."""
        follower = cls(StoredPermissions.look_into(url, realm))
        try:
            await follower.refresh()
        except BaseException:
            await follower.close()
            raise
        return follower

    @property
    def revision(self) -> int:
        """The newest change that is in the graph."""
        return self._position.revision

    def is_fresh(self, within_s: float) -> bool:
        """Whether the graph has all that was acknowledged until so long ago."""
        return self.seen_at_us is not None and steady_us() - self.seen_at_us <= within_s * 1_000_000

    async def refresh(self) -> None:
        """Read all that is new. Raises StoreError; what was read until then is in the graph."""
        is_whole = False
        while not is_whole:
            began_us = steady_us()
            found = await self._store.read(self._position, SLICE_LIMIT)
            if found.is_reset:
                await self._load()
            for entry in found.entries:
                entry.rows.assign(self.graph, self.tokens)
                self._position = entry.at
                self.on_change(entry.rows)
            is_whole = found.is_whole
        self.seen_at_us = began_us

    async def run(self) -> None:
        """Follow until cancelled. While the database is away the graph stays as it is and its proof grows old."""
        is_lost = False
        while True:
            try:
                await self.refresh()
                await self._store.wait(POLL_S)
            except StoreError as error:
                if not is_lost:
                    log.warning("the permission log cannot be read: %s", error)
                is_lost = True
                await asyncio.sleep(POLL_S)
            else:
                is_lost = False

    async def close(self) -> None:
        """Let go of the database."""
        await self._store.close()

    async def _load(self) -> None:
        loaded = await self._store.load()
        if loaded.position is None:
            raise StoreUnavailable("the permissions of this realm have not been begun: start its server first")
        self.graph, self._position = loaded.graph, loaded.position
        self.tokens = Tokens(loaded.tokens, self.graph, now_us)
        self.on_change(None)


def _ignore(_rows: Rows | None) -> None:
    pass
