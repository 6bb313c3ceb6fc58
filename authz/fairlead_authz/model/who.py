"""Who has a level on an object: rights.py the other way round, exactly, without asking about each user.

The walk of closure.py is gone backwards: from what would give the level on the object, over groups, to the users
who begin there; and from these once more to the users who act as them. An edge counts if it has the level, for the
level of a path is that of its weakest edge. So the work is that of the links and members on the way, not that of
all users. Only a role that everybody reads is read by everybody.

That may be very many, and anybody may share something with a role of everybody and ask. So the walk is a generator that
rests after each slice of its work; who lets others run meanwhile must judge what it finds once more.
"""

from collections.abc import Generator, Iterable, Iterator
from itertools import islice
from typing import TypeVar

from fairlead_authz.model.graph import SHOWN_BY_SUBJECTS, Graph, Node
from fairlead_authz.model.levels import MANAGE, READ, WRITE
from fairlead_authz.model.rights import Rights

T = TypeVar("T")

SLICE = 5_000
"""Links that are looked at between two rests: some 5 ms."""

Found = Generator[None, None, set[str]]
"""A walk that rests now and then, and what it finds."""


class Who:
    """Finds the users for whom `Rights` says yes about the same graph."""

    def __init__(self, graph: Graph, rights: Rights) -> None:
        self._graph = graph
        self._rights = rights

    def users(self, level: int, object_id: str) -> set[str]:
        """All users who have the level on the object; none if there is no such object."""
        search = self.search(level, object_id)
        while True:
            try:
                next(search)
            except StopIteration as found:
                users: set[str] = found.value
                return users

    def search(self, level: int, object_id: str) -> Found:
        """The same with rests. Where the graph changes meanwhile, some may be missing and some too many."""
        target = self._graph.node(object_id)
        if target is None:
            return set()
        itself = {object_id} & self._graph.users.keys()
        if level == READ:
            return itself if self._rights.is_trashed(target) else itself | (yield from self._readers(target))
        if level == WRITE and self._rights.is_frozen(target):
            return itself
        others = set[str]() if target.kind in SHOWN_BY_SUBJECTS else (yield from self._reaching(level, target))
        return itself | self._graph.admins.keys() | others

    def _readers(self, target: Node) -> Found:
        users = set(self._graph.admins)
        if target.kind in SHOWN_BY_SUBJECTS:
            for subject in map(self._graph.node, list(self._graph.subjects(target.id))):
                if subject is not None and subject.kind != "log":
                    users |= yield from self.search(READ, subject.id)
            return users
        if target.kind == "log":
            return users if target.about is None else users | (yield from self.search(READ, target.about))
        if target.kind == "role" and self._rights.policy.roles_visible:
            for some in _slices(list(self._graph.users)):
                users.update(node.id for node in map(self._graph.node, some) if node is not None and node.is_active)
                yield
        return users | (yield from self._reaching(READ, target))

    def _reaching(self, level: int, target: Node) -> Found:
        """The users who reach the target, or its owner in a way that extends to it, themselves or as another."""
        personas = yield from self._starts(level, set(self._giving(level, target)))
        managers: set[str] = set()
        for some in _slices(list(personas)):
            managers.update(self._managers(some))
            yield
        return personas | (yield from self._starts(level, managers))

    def _giving(self, level: int, target: Node) -> Iterator[str]:
        """From where one more edge gives the level on the target."""
        counts = self._rights.policy.counts
        links = self._graph.links_to(target.id).items()
        yield from (tail for tail, linked in links if linked >= level and counts(tail, target, linked))
        yield target.owner
        if level == READ and target.is_group:
            return
        owner = self._graph.node(target.owner)
        if owner is not None and owner.kind == "user":
            yield from self._managers([owner.id])

    def _managers(self, users: Iterable[str]) -> Iterator[str]:
        """From where one more edge leads to one of these users in a way that it can be acted as."""
        graph = self._graph
        for user in filter(None, map(graph.node, users)):
            yield user.owner
            for tail, level in graph.links_to(user.id).items():
                if level == MANAGE:
                    yield tail

    def _starts(self, level: int, tails: set[str]) -> Found:
        """The users from whom a walk over groups leads to one of these, and those among them."""
        graph = self._graph
        seen = set(tails)
        pending = [node_id for node_id in seen if node_id not in graph.users]
        while pending:
            group = graph.node(pending.pop())
            if group is None or not group.is_group:
                continue
            for some in _slices([(group.owner, MANAGE), *graph.links_to(group.id).items()]):
                new = {tail for tail, linked in some if linked >= level} - seen
                seen |= new
                pending.extend(node_id for node_id in new if node_id not in graph.users)
                yield
        return seen & graph.users.keys()


def _slices(items: Iterable[T]) -> Iterator[list[T]]:
    pending = iter(items)
    while some := list(islice(pending, SLICE)):
        yield some
