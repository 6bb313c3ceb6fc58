"""The funnel: the one way in which permissions change.

In order: the changes are tried on the graph and taken back at once, which finds every reason to refuse
them; they are committed to the store; then, in one turn of the loop, the graph changes, the cells of who
and what lost something are bumped, and every live subscription and call on them is judged again; then the
change is acknowledged. A failed commit has changed nothing. A list is atomic: revoke and re-grant in one
list make no gap. One list after the other; what is tried is what is made.
"""

import asyncio
from typing import Any, Protocol

import msgspec

from fairlead_authz.changes import Change, Revoke
from fairlead_authz.editing import Actor, Edit
from fairlead_authz.errors import StoreFailed
from fairlead_authz.explain import explain
from fairlead_authz.graph import Graph
from fairlead_authz.levels import NUMBERS
from fairlead_authz.rights import Rights
from fairlead_authz.store import PermissionStore
from fairlead_authz.tokens import Tokens
from fairlead_router.realm import Realm
from fairlead_store import StoreError

USER_ENDED = "fairlead.close.user_ended"
"""GOODBYE reason for the sessions of a user who was deleted or deactivated."""


class Applied(msgspec.Struct, frozen=True):
    """What came of a list of changes. `still` lists who keeps a right that was revoked, and why."""

    revision: int
    still: list[dict[str, Any]]


class State(Protocol):
    """What the funnel changes."""

    graph: Graph
    rights: Rights
    tokens: Tokens
    store: PermissionStore
    revision: int
    realm: Realm | None


class Funnel:
    """Changes permissions, one list at a time."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._turn = asyncio.Lock()

    async def apply(self, changes: list[Change], actor: Actor) -> Applied:
        """Make the changes, all or none. Raises a RequestError; returns when no revoked right is served any more."""
        async with self._turn:
            state = self._state
            trial = Edit(state.graph, actor)
            trial.apply(changes)
            trial.take_back()
            revision = state.revision + 1
            try:
                await state.store.write(trial, revision, actor.user, msgspec.json.encode(changes))
                if trial.users_ended:
                    await state.store.drop_tokens(trial.users_ended)
            except StoreError as error:
                raise StoreFailed(f"the change was not kept: {error}") from error
            self._adopt(changes, actor, revision)
            return Applied(revision, self._still(changes))

    def _adopt(self, changes: list[Change], actor: Actor, revision: int) -> None:
        """The changes are durable: all that follows happens in this turn."""
        state = self._state
        edit = Edit(state.graph, actor)
        losers = self._possible_losers(changes, actor)
        edit.apply(changes)
        state.rights.forget(edit.touched)
        state.revision = revision
        state.tokens.drop(edit.users_ended)
        if state.realm is None:
            return
        for user in edit.users_ended:
            state.realm.kill(USER_ENDED, f"user {user!r} was deleted or deactivated", authid=user)
        state.realm.gate.grant()
        if edit.takes_away:
            state.realm.gate.revoke(losers, edit.objects_lost)

    def _possible_losers(self, changes: list[Change], actor: Actor) -> list[str]:
        """The connected users whose rights could rest on what is about to change, by what they reach now."""
        state = self._state
        if state.realm is None:
            return []
        trial = Edit(state.graph, actor)
        trial.apply(changes)
        trial.take_back()
        if not trial.takes_away:
            return []
        return [user for user in state.realm.gate.connected() if state.rights.depends_on(user, trial.touched)]

    def _still(self, changes: list[Change]) -> list[dict[str, Any]]:
        state = self._state
        return [
            {
                "user": change.user,
                "level": change.level,
                "object": change.object,
                "why": explain(state.graph, state.rights, change.user, change.level, change.object),
            }
            for change in changes
            if isinstance(change, Revoke) and state.rights.can(change.user, NUMBERS[change.level], change.object)
        ]
