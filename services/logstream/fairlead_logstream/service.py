"""The log service: its parts, and its life between `open`, `bind` and `close`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

from fairlead_common.rounds import Rounds
from fairlead_common.tasks import Tasks
from fairlead_logstream.archive.archive import Archive, NoArchive
from fairlead_logstream.archive.archived_store import ArchivedStreamStore
from fairlead_logstream.live.archivist import Archivist
from fairlead_logstream.live.directory import Directory
from fairlead_logstream.live.directory_topics import DIRECTORY_PREFIX, DirectoryTopics
from fairlead_logstream.live.elsewhere import Elsewhere
from fairlead_logstream.live.history import History
from fairlead_logstream.live.live_stream import LiveStream, Surroundings
from fairlead_logstream.live.recent import Recent
from fairlead_logstream.live.retention import KEEP_ALL, Keeper, Limits
from fairlead_logstream.live.topics import TOPIC_PREFIX, StreamTopics, Topics
from fairlead_logstream.model.budget import NO_BUDGETS, Budgets
from fairlead_logstream.procedures.arguments import ListArguments
from fairlead_logstream.procedures.cursors import Cursors
from fairlead_logstream.procedures.events import EventHistory
from fairlead_logstream.procedures.keeping import Keeping, NewObject
from fairlead_logstream.procedures.listing import list_streams
from fairlead_logstream.procedures.reading import Reading
from fairlead_logstream.procedures.search import Searching
from fairlead_logstream.procedures.sharing import Sharing
from fairlead_logstream.procedures.writing import Writing
from fairlead_logstream.stats import LogStats, log_stats
from fairlead_logstream.store.sql_store import SqlStreamStore
from fairlead_logstream.store.stream_store import StreamStore
from fairlead_router import Call, Member, Payload, Principal, Realm

PRINCIPAL = Principal("fairlead.logstream", "service", "internal", "internal")


class LogService:
    """All streams of one realm. Create it with `open`, then `bind` it, and `close` it in the end."""

    def __init__(
        self,
        store: StreamStore,
        new_object: NewObject | None = None,
        budgets: Budgets = NO_BUDGETS,
        limits: Limits = KEEP_ALL,
        archive: Archive | None = None,
    ) -> None:
        store = self._store = ArchivedStreamStore(store, NoArchive() if archive is None else archive)
        self._tasks = Tasks()
        self._topics = Topics()
        self._surroundings = Surroundings(store, Recent(), self._topics, _clock_us, budgets)
        self.counters = self._surroundings.counters
        self._directory = Directory(self._surroundings)
        self._directory_topics = DirectoryTopics(self._directory)
        self._surroundings.announce = self._directory_topics.announce
        keeper = Keeper(store, self._directory, limits, _clock_us, self.counters)
        self._rounds = [Rounds(keeper.round, "old records are not trimmed")]
        if archive is not None:
            archivist = Archivist(store, self._directory, limits.archive_after_s, _clock_us, self.counters)
            self._rounds.append(Rounds(archivist.round, "old streams are not archived"))
        self._history = History(store, self._tasks, self.counters)
        self._keeping = Keeping(self._directory, new_object)
        self._writing = Writing(self._directory, self.counters)
        self._reading = Reading(self._directory, self._history)
        self._searching = Searching(self._directory, self._history)
        self._events = EventHistory(self._directory, self._history)
        self._cursors = Cursors(self._directory, store, _clock_us, self.counters)
        self._elsewhere = (
            None if store.sharing is None else Elsewhere(store.sharing, self._directory, self._watched, self._tasks)
        )
        self._member: Member | None = None

    @classmethod
    async def open(  # noqa: PLR0913 - one keyword an option
        cls,
        database_url: str,
        realm_name: str = "realm1",
        new_object: NewObject | None = None,
        budgets: Budgets = NO_BUDGETS,
        limits: Limits = KEEP_ALL,
        *,
        archive: Archive | None = None,
        is_shared: bool = False,
    ) -> LogService:
        """Open or make the database and read the directory; raises StoreError.

        Several servers may open a PostgreSQL database, each as shared: all of them write and read the same streams.
        """
        store = SqlStreamStore.open(database_url, realm_name, is_shared=is_shared)
        return await cls.over(store, new_object, budgets, limits, archive=archive)

    @classmethod
    async def over(
        cls,
        store: StreamStore,
        new_object: NewObject | None = None,
        budgets: Budgets = NO_BUDGETS,
        limits: Limits = KEEP_ALL,
        *,
        archive: Archive | None = None,
    ) -> LogService:
        """The same over any StreamStore, which the service closes in the end, as it does the archive."""
        service = cls(store, new_object, budgets, limits, archive)
        try:
            await service._directory.load()
        except BaseException:
            await service._store.close()
            raise
        return service

    def stats(self) -> LogStats:
        """The figures of now and since the start."""
        return log_stats(self._surroundings, self._directory)

    def bind(self, realm: Realm) -> None:
        """Join the realm: register the procedures and feed the topics."""
        member = self._member = realm.join(PRINCIPAL)
        procedures = self._procedures()
        if self._elsewhere is not None:
            sharing = Sharing(self._directory, self._elsewhere)
            procedures = {name: sharing.looking(name, procedure) for name, procedure in procedures.items()}
        for name, procedure in procedures.items():
            member.register(f"fairlead.log.{name}", procedure)
        look = None if self._elsewhere is None else self._elsewhere.look
        topics = StreamTopics(self._directory, self._history, look)
        self._topics.topics = member.serve_topics(TOPIC_PREFIX, topics)
        self._directory_topics.source.topics = member.serve_topics(DIRECTORY_PREFIX, self._directory_topics.source)
        for rounds in self._rounds:
            rounds.start(self._tasks)
        if self._elsewhere is not None:
            self._elsewhere.start()

    async def close(self) -> None:
        """Refuse what waits, finish and acknowledge what is being written, leave, close the store."""
        for rounds in self._rounds:
            rounds.stop()
        await asyncio.gather(*[live.close() for live in self._directory])
        await self._tasks.close()
        if self._member is not None:
            self._topics.topics = self._directory_topics.source.topics = None
            self._member.leave()
        await self._store.close()

    def _procedures(self) -> dict[str, Callable[[Call], Any]]:
        return {
            "create": self._keeping.create,
            "update": self._keeping.update,
            "delete": self._keeping.delete,
            "append": self._writing.append,
            "seal": self._writing.seal,
            "read": self._reading.read,
            "follow": self._reading.follow,
            "search": self._searching.search,
            "events": self._events.events,
            "commit": self._cursors.commit,
            "cursor": self._cursors.cursor,
            "cursors": self._cursors.cursors,
            "delete_cursor": self._cursors.delete_cursor,
            "list": self._list,
        }

    def _watched(self) -> Iterable[LiveStream]:
        """The streams that somebody waits for."""
        heard = (self._directory.get(name) for name in self._topics.subscribed())
        return {
            **self._surroundings.followed,
            **self._surroundings.awaited,
            **dict.fromkeys(live for live in heard if live is not None),
        }

    async def _list(self, call: Call) -> Payload:
        return await list_streams(self._directory, self._history, call, call.arguments(ListArguments))


def _clock_us() -> int:
    return time.time_ns() // 1000
