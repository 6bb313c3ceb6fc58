"""What other servers on the same store do: looked for, and told to the streams here.

Who reads is answered from what is in memory, so a stream is looked at before: whatever was acknowledged
anywhere is in what is answered. Streams that somebody waits for are looked at again and again, one query for
all of them, and at once when another server says that it has changed one; it may also say nothing. The whole
directory is compared with the store more seldom: what is new, what is gone, what nobody here waits for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable

from fairlead_common.errors import StoreFailed
from fairlead_common.tasks import Tasks
from fairlead_logstream.errors import NoSuchStream
from fairlead_logstream.live.catching_up import take_over
from fairlead_logstream.live.directory import Directory
from fairlead_logstream.live.live_stream import LiveStream
from fairlead_logstream.store.stream_store import Sharing
from fairlead_router import RequestError
from fairlead_store import StoreError

POLL_S = 0.1
"""Between two looks at the streams that somebody here waits for: so late a record comes at most, when no other server
says that there is one."""

DIRECTORY_S = 1.0
"""Between two comparisons of the directory with the store."""

Look = asyncio.Future[RequestError | None]
"""Says that what is asked for is here, or why it cannot be."""

_log = logging.getLogger(__name__)


class Elsewhere:
    """The other servers, for one service. Made only where the store is shared."""

    def __init__(
        self, sharing: Sharing, directory: Directory, watched: Callable[[], Iterable[LiveStream]], tasks: Tasks
    ) -> None:
        self._sharing = sharing
        self._directory = directory
        self._watched = watched
        self._tasks = tasks
        self._asked: dict[LiveStream, Look] = {}
        self._is_looking = False
        self._finding: dict[str, Look] = {}
        self._wants_comparison = asyncio.Event()

    def start(self) -> None:
        """Look until the tasks end."""
        self._sharing.listen(self.woken)
        self._tasks.spawn(self._look_again_and_again())
        self._tasks.spawn(self._compare_again_and_again())

    def woken(self, stream_ids: list[int]) -> None:
        """Another server says that it has changed these streams, or made them."""
        for stream_id in stream_ids:
            live = self._directory.by_id(stream_id)
            if live is None:
                self._wants_comparison.set()
            elif live.is_watched:
                self.look(live)

    def look(self, live: LiveStream) -> Look:
        """Look at a stream soon, with all that are asked for meanwhile; says why where that cannot be.

        When it has resolved, all is here that was acknowledged anywhere before the call.
        """
        future = self._asked.get(live)
        if future is None:
            future = self._asked[live] = asyncio.get_running_loop().create_future()
        if not self._is_looking:
            self._is_looking = True
            self._tasks.spawn(self._look())
        return future

    def is_to_be_found(self, name: str) -> bool:
        """Whether `find` must come before the directory is asked; who asks first gets its answer first."""
        return name in self._finding or self._directory.get(name) is None

    def find(self, name: str) -> Look:
        """Have the directory know a stream of another server, if there is one of this name."""
        if name not in self._finding:
            self._finding[name] = self._tasks.spawn(self._find(name))
        return self._finding[name]

    async def _find(self, name: str) -> RequestError | None:
        # Taken out behind those who wait: until they have gone on, whoever asks for the name comes after them.
        loop = asyncio.get_running_loop()
        try:
            row = await self._sharing.named(name)
        except StoreError as error:
            return StoreFailed(str(error))
        finally:
            loop.call_soon(lambda: loop.call_soon(self._finding.pop, name, None))
        if row is not None:
            self._directory.add(row)
        return None

    # ---- looking at some

    async def _look(self) -> None:
        while self._asked:
            asked, self._asked = self._asked, {}
            try:
                versions = await self._sharing.versions([live.stream.id for live in asked])
            except asyncio.CancelledError:
                _fail(asked | self._asked, "the log service is closing: ask again when it is back")
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, who waits is told and the next look may succeed
                _log_mistake(error)
                _fail(asked, str(error))
            else:
                for live, future in asked.items():
                    self._looked(live, versions.get(live.stream.id), future)
        self._is_looking = False

    def _looked(self, live: LiveStream, version: int | None, told: Look) -> None:
        if version == live.stream.version:
            told.set_result(None)
            return

        def caught_up(behind: Look) -> None:
            error = behind.result()
            told.set_result(error)
            if isinstance(error, NoSuchStream):
                self._directory.forget(live)

        live.appender.catch_up().add_done_callback(caught_up)

    async def _look_again_and_again(self) -> None:
        while True:
            for live in self._watched():
                self.look(live)
            await asyncio.sleep(POLL_S)

    # ---- comparing all

    async def _compare(self) -> None:
        """What is new is added, what is gone is removed, what has changed is adopted."""
        versions = await self._sharing.versions()
        wanted = [stream_id for stream_id in versions if self._directory.by_id(stream_id) is None]
        for live in [live for live in self._directory if versions.get(live.stream.id) != live.stream.version]:
            if live.is_watched or live.stream.id not in versions:
                self.look(live)
            else:
                wanted.append(live.stream.id)
        for row in await self._sharing.rows(wanted) if wanted else []:
            known = self._directory.by_id(row.id)
            if known is None:
                self._directory.add(row)
            elif known.is_idle and row.version > known.stream.version:
                take_over(known, row)

    async def _compare_again_and_again(self) -> None:
        is_lost = False
        while True:
            self._wants_comparison.clear()
            try:
                await self._compare()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next one may succeed
                if not is_lost:
                    _log_mistake(error)
                    _log.warning("what other servers do cannot be seen: %s", error)
                is_lost = True
                await asyncio.sleep(DIRECTORY_S)
            else:
                is_lost = False
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wants_comparison.wait(), DIRECTORY_S)


def _log_mistake(error: Exception) -> None:
    """What no store says is a mistake of ours."""
    if not isinstance(error, StoreError):
        _log.error("looking at what other servers do failed", exc_info=error)


def _fail(asked: dict[LiveStream, Look], text: str) -> None:
    for future in asked.values():
        future.set_result(StoreFailed(text))
