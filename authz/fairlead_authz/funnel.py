"""The funnel: the one way in which permissions change.

In order: the changes are worked out on the graph, which finds every reason to refuse them; what they come to
is committed to the store; then, in one turn of the loop, the graph changes, the cells of exactly who and what
lost something are bumped, every live subscription and call on them is judged again, sessions that may not go
on are ended; then the change is acknowledged. A failed commit has changed nothing. A list is atomic: revoke
and re-grant in one list is no change at all.

Lists are made one after the other, in the order of their arrival, but committed together: while one commit is in
progress others arrive, and all that wait when it is done are worked out, each on what those before it come to, and
committed in one transaction. So nobody waits behind more than the commit in progress and its own. If the commit of a
group fails, all of it fails and nothing has changed. A caller that goes away or is cancelled stops nothing: what is
committed is always adopted too.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import msgspec

from fairlead_authz.changes import MAX_CHANGES, Change
from fairlead_authz.changeset import Changeset
from fairlead_authz.editing import Actor, work_out
from fairlead_authz.errors import StoreFailed
from fairlead_authz.live.expiry import Expiry
from fairlead_authz.live.realm import Live
from fairlead_authz.state import State
from fairlead_authz.still import still_allowed
from fairlead_authz.store.permission_log import LoggedChange, NewChange
from fairlead_store import StoreError

T = TypeVar("T")

log = logging.getLogger(__name__)


class Applied(msgspec.Struct, frozen=True):
    """What came of a list of changes. `still` lists who keeps a right that was revoked, and why."""

    revision: int
    still: list[dict[str, Any]]
    at_us: int
    """When it was made, as the log has it; of a list that changed nothing, when that was found."""


class Asked:
    """A list of changes that waits for its turn. `applied` is what comes of it."""

    def __init__(self, changes: list[Change], actor: Callable[[], Actor]) -> None:
        self.changes = changes
        self.actor = actor
        self.applied: asyncio.Future[Applied] = asyncio.get_running_loop().create_future()
        self.applied.add_done_callback(asyncio.Future.exception)  # nobody may be there any more to hear of it


WorkedOut = list[tuple[Asked, NewChange | Exception]]
"""Lists of changes, each with what it comes to or the reason why it is refused."""


class Funnel:
    """Changes permissions, one list after the other."""

    def __init__(self, state: State, live: Live, expiry: Expiry) -> None:
        self._state = state
        self._live = live
        self._expiry = expiry
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._asked: deque[Asked] = deque()
        self.on_change: Callable[[LoggedChange], object] = lambda change: None
        """Called with each change once it holds, before it is acknowledged."""

    async def apply(self, changes: list[Change], actor: Callable[[], Actor]) -> Applied:
        """Make the changes, all or none. Raises a RequestError; returns when no revoked right is served any more.

        `actor` is asked when the turn has come: it may be an administrator no more.
        """
        asked = Asked(changes, actor)
        self._asked.append(asked)
        self._start(lambda: self._make(self._next_group()))
        return await asyncio.shield(asked.applied)

    async def in_turn(self, job: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run the job when its turn comes, to its end: cancelling the caller cancels only its waiting."""
        return await asyncio.shield(self._start(job))

    def _start(self, job: Callable[[], Coroutine[Any, Any, T]]) -> "asyncio.Task[T]":
        async def run() -> T:
            async with self._turn:
                return await job()

        task = asyncio.ensure_future(run())
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def made(self, logged: LoggedChange) -> None:
        """A change holds, in memory too."""
        self._state.revision = logged.revision
        self.on_change(logged)

    async def close(self) -> None:
        """Wait for what has begun."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _done(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # it has reached the caller, or there is none any more

    # --- the jobs -----------------------------------------------------------------------------

    def _next_group(self) -> list[Asked]:
        """As many lists as wait, but no more changes than one may have. None if they were made with an earlier one."""
        group: list[Asked] = []
        room = MAX_CHANGES
        while self._asked and (not group or len(self._asked[0].changes) <= room):
            group.append(self._asked.popleft())
            room -= len(group[-1].changes)
        return group

    async def _make(self, group: list[Asked]) -> None:
        """Make these lists, each known to its caller as soon as it holds."""
        try:
            worked_out = self._work_out(group)
            logged = iter(await self._commit(worked_out))
        except Exception as error:  # noqa: BLE001 - all of them hear of it
            for asked in group:
                asked.applied.set_exception(error)
            return
        for asked, outcome in worked_out:
            if isinstance(outcome, Exception):
                asked.applied.set_exception(outcome)
            else:
                self._hold_from_now(asked, outcome, next(logged) if outcome.changeset else None)
                await asyncio.sleep(0)  # each in a turn of its own

    def _work_out(self, group: list[Asked]) -> WorkedOut:
        """What each list comes to after those before it. The graph stays as it is."""
        graph = self._state.graph
        made: list[Changeset] = []
        worked_out: WorkedOut = []
        try:
            for asked in group:
                outcome = self._outcome(asked)
                worked_out.append((asked, outcome))
                if isinstance(outcome, NewChange):
                    outcome.changeset.make(graph)
                    made.append(outcome.changeset)
        finally:
            for changeset in reversed(made):
                changeset.take_back(graph)
        return worked_out

    def _outcome(self, asked: Asked) -> NewChange | Exception:
        """What the list comes to; whatever is wrong with it is no reason to refuse the others."""
        try:
            actor = asked.actor()
            changeset = work_out(self._state.graph, asked.changes, actor, self._state.policy)
            lost = [token.id for token in self._state.tokens.lost_by(changeset)]
            return NewChange(changeset, actor.user, msgspec.json.encode(asked.changes), ended_tokens=lost)
        except Exception as error:  # noqa: BLE001 - raised to who asked
            return error

    async def _commit(self, worked_out: WorkedOut) -> list[LoggedChange]:
        """Those that come to anything."""
        new = [outcome for _, outcome in worked_out if isinstance(outcome, NewChange) and outcome.changeset]
        return await commit(self._state.store.append(new, self._state.revision + 1)) if new else []

    def _hold_from_now(self, asked: Asked, new: NewChange, logged: LoggedChange | None) -> None:
        """The list is durable, if it comes to anything: all that follows happens in this turn.

        A mistake of ours in it keeps no list behind it, which is durable too, from being adopted.
        """
        state = self._state
        try:
            if logged is not None:
                self._adopt(new)
                self._live.marks.changed(new.changeset, logged.revision)
                self.made(logged)
            at_us = state.policy.now_us() if logged is None else logged.at_us
            asked.applied.set_result(Applied(state.revision, still_allowed(state, asked.changes), at_us))
        except Exception as error:
            log.exception("a change was kept, but adopting it went wrong")
            asked.applied.set_exception(error)

    def _adopt(self, new: NewChange) -> None:
        """The changes are durable: all that follows happens in this turn.

        Sessions that may not go on end first: they are told so, and not of each thing that goes with them.
        """
        state, changeset = self._state, new.changeset
        for token in state.tokens.ended_by(changeset):
            self._live.end_token(token.id)
        for id_ in new.ended_tokens:
            state.tokens.drop(id_)
        for user in changeset.ended_users:
            state.tokens.drop_all(user)
            self._live.end_user(user)
        self._expiry.adopt(changeset)
        self._live.adopt(changeset)


async def commit(writing: Awaitable[T]) -> T:
    """Whatever goes wrong in the store, it has changed nothing, and the caller hears that."""
    try:
        return await writing
    except StoreError as error:
        raise StoreFailed(f"the change was not kept: {error}") from error
    except Exception as error:
        log.exception("the permission store failed")
        raise StoreFailed("the change was not kept: the permission store failed; the server's log says why") from error
