"""The permission log: every change with its revision, for who follows from another process.

Revisions are 1, 2, 3 ... without a gap: each is drawn in the transaction that writes it, and only the process that owns
the store writes, one transaction after the other. So a reader that has seen a revision has seen all before it, and
reading what comes `after` can miss nothing (a serial number that is drawn before the commit could: whoever commits
late would appear behind a reader's back).

A reader says where it is by a Position, the revision and the time of the entry that it read last. When the log no
longer holds that very entry, because it was trimmed or the store was replaced by a backup, the reader hears `is_reset`
and loads the whole graph anew: never is it left waiting beside a log that goes on without it.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

from fairlead_authz.changeset import Changeset
from fairlead_authz.model.graph import Graph, Node
from fairlead_authz.tokens.tokens import Token, Tokens


class Position(NamedTuple):
    """The entry that a reader has read last."""

    revision: int
    at_us: int


class Rows(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a change comes to, to be assigned, so that reading it twice is harmless. It knows tokens by their hash."""

    nodes: dict[str, Node | None]
    links: list[tuple[str, str, int]]
    ended_users: list[str] = []
    """All their tokens end."""
    tokens: list[Token] = []
    """New, or changed."""
    ended_tokens: list[str] = []

    @classmethod
    def of(cls, changeset: Changeset, tokens: Sequence[Token], ended_tokens: Sequence[str]) -> "Rows":
        """The rows that a changeset writes, and those of tokens that are kept or end with it."""
        return cls(
            {node_id: change.after for node_id, change in changeset.nodes.items()},
            [(tail, head, granted.after) for (tail, head), granted in changeset.links.items()],
            sorted(changeset.ended_users),
            list(tokens),
            list(ended_tokens),
        )

    def assign(self, graph: Graph, tokens: Tokens) -> None:
        """The graph and the tokens get what is in the rows."""
        for node_id, node in self.nodes.items():
            if node is None:
                graph.remove(node_id)
            else:
                graph.put(node)
        for tail, head, granted in self.links:
            graph.link(tail, head, granted)
        for user in self.ended_users:
            tokens.drop_all(user)
        for id_ in self.ended_tokens:
            tokens.drop(id_)
        for token in self.tokens:
            tokens.put(token)


class Entry(NamedTuple):
    """One change, as the log has it."""

    at: Position
    rows: Rows


class Slice(NamedTuple):
    """What follows a position, in order. `is_whole`: there was no more when it was read."""

    entries: list[Entry]
    is_whole: bool
    is_reset: bool = False


class LoggedChange(msgspec.Struct, frozen=True):
    """A list of changes as it was asked for: who, when, and what."""

    revision: int
    at_us: int
    actor: str
    asked: msgspec.Raw


class NewChange(NamedTuple):
    """What is to be made durable together: what it comes to, who asked for it, and what, in JSON."""

    changeset: Changeset
    actor: str
    asked: bytes
    tokens: Sequence[Token] = ()
    """To keep: new, or changed."""
    ended_tokens: Sequence[str] = ()
    """The ids of those to forget."""


class PermissionLog(Protocol):
    """What writers and followers need of a store. Errors are `fairlead_store.StoreError`."""

    async def append(self, changes: Sequence[NewChange], revision: int) -> list[LoggedChange]:
        """Make changes durable, all or none, under this revision (the next one) and those that follow."""
        ...

    async def read(self, after: Position, limit: int) -> Slice:
        """At most so many entries after a position."""
        ...

    async def wait(self, timeout_s: float) -> None:
        """Until there may be something new, at the latest when the time is over: `read` tells whether there is."""
        ...
