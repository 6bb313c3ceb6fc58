"""The funnel: the one way in which permissions change.

In order: the changes are worked out on the graph, which finds every reason to refuse them; what they come to
is committed to the store; then, in one turn of the loop, the graph changes, the cells of exactly who and what
lost something are bumped, every live subscription and call on them is judged again, sessions that may not go
on are ended; then the change is acknowledged. A failed commit has changed nothing. A list is atomic: revoke
and re-grant in one list is no change at all.

One list after the other, in the order of their arrival. A caller that goes away or is cancelled stops
nothing: what is committed is always adopted too.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import msgspec

from fairlead_authz.changes import Change, Put, check_id
from fairlead_authz.changeset import Changeset
from fairlead_authz.editing import Actor, work_out
from fairlead_authz.errors import NoSuchUser, StoreFailed
from fairlead_authz.graph import ANONYMOUS_USER, SYSTEM
from fairlead_authz.live import Live
from fairlead_authz.queries import LoggedChange
from fairlead_authz.state import State
from fairlead_authz.still import still_allowed
from fairlead_authz.tokens import make_token
from fairlead_router.errors import InvalidArgument, NotAuthorized
from fairlead_store import StoreError

T = TypeVar("T")

log = logging.getLogger(__name__)


class Applied(msgspec.Struct, frozen=True):
    """What came of a list of changes. `still` lists who keeps a right that was revoked, and why."""

    revision: int
    still: list[dict[str, str]]
    at_us: int
    """When it was made, as the log has it; of a list that changed nothing, when that was found."""


class Funnel:
    """Changes permissions, one list at a time."""

    def __init__(self, state: State, live: Live) -> None:
        self._state = state
        self._live = live
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.on_change: Callable[[LoggedChange], object] = lambda change: None
        """Called with each change once it holds, before it is acknowledged."""

    async def apply(self, changes: list[Change], actor: Callable[[], Actor]) -> Applied:
        """Make the changes, all or none. Raises a RequestError; returns when no revoked right is served any more.

        `actor` is asked when the turn has come: it may be an administrator no more.
        """
        return await self._in_turn(lambda: self._apply(changes, actor()))

    async def create_token(self, user: str, actor: Callable[[], Actor], create_user: bool) -> str:
        """A new token of a user. Raises NotAuthorized, NoSuchUser, InvalidArgument, StoreFailed."""
        return await self._in_turn(lambda: self._create_token(user, actor(), create_user))

    async def delete_token(self, id_: str) -> None:
        """End a token, and the sessions that came in with it. Raises StoreFailed."""
        await self._in_turn(lambda: self._delete_token(id_))

    async def close(self) -> None:
        """Wait for what has begun."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _in_turn(self, job: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run the job when its turn comes, to its end: cancelling the caller cancels only its waiting."""

        async def run() -> T:
            async with self._turn:
                return await job()

        task = asyncio.ensure_future(run())
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # it has reached the caller, or there is none any more

    # --- the jobs -----------------------------------------------------------------------------

    async def _apply(self, changes: list[Change], actor: Actor) -> Applied:
        state = self._state
        changeset = work_out(state.graph, changes, actor, state.policy)
        if not changeset:
            return Applied(state.revision, still_allowed(state, changes), state.policy.now_us())
        asked = msgspec.json.encode(changes)
        logged = await _commit(state.store.append(changeset, state.revision + 1, actor.user, asked))
        self._adopt(changeset)
        self.on_change(logged)
        return Applied(state.revision, still_allowed(state, changes), logged.at_us)

    def _adopt(self, changeset: Changeset) -> None:
        """The changes are durable: all that follows happens in this turn."""
        state = self._state
        state.revision += 1
        for user in changeset.ended_users:
            state.tokens.drop_all(user)
        self._live.adopt(changeset)
        for user in changeset.ended_users:
            self._live.end_user(user)

    async def _create_token(self, user: str, actor: Actor, create_user: bool) -> str:
        state = self._state
        if not actor.is_admin:
            raise NotAuthorized(f"{actor.user!r} may not make tokens: that is for administrators")
        if check_id(user) in (SYSTEM, ANONYMOUS_USER):
            raise InvalidArgument(f"user {user!r} cannot have a token: nobody logs in as it")
        if create_user and state.graph.node(user) is None:
            await self._apply([Put("user", user)], actor)
        node = state.graph.node(user)
        if node is None or node.kind != "user":
            raise NoSuchUser(f"user {user!r} does not exist", id=user)
        if not node.is_active:
            raise InvalidArgument(f"user {user!r} is not active: its token would not be valid")
        token, text = make_token(user, state.policy.now_us())
        await _commit(state.store.add_token(token))
        state.tokens.add(token)
        return text

    async def _delete_token(self, id_: str) -> None:
        await _commit(self._state.store.delete_token(id_))
        self._state.tokens.drop(id_)
        self._live.end_token(id_)


async def _commit(writing: Awaitable[T]) -> T:
    """Whatever goes wrong in the store, it has changed nothing, and the caller hears that."""
    try:
        return await writing
    except StoreError as error:
        raise StoreFailed(f"the change was not kept: {error}") from error
    except Exception as error:
        log.exception("the permission store failed")
        raise StoreFailed("the change was not kept: the permission store failed; the server's log says why") from error
