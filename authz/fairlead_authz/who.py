"""Who has a level on an object: rights.py the other way round, exactly, without asking about each user.

The walk of closure.py is gone backwards: from what would give the level on the object, over groups, to the users
who begin there; and from these once more to the users who act as them. An edge counts if it has the level, for the
level of a path is that of its weakest edge. So the work is that of the links and members on the way, not that of
all users. Only a role that everybody reads is read by everybody.
"""

from collections.abc import Iterable, Iterator

from fairlead_authz.graph import SHOWN_BY_SUBJECTS, Graph, Node
from fairlead_authz.levels import MANAGE, READ, WRITE
from fairlead_authz.rights import Rights


class Who:
    """Finds the users for whom `Rights` says yes about the same graph."""

    def __init__(self, graph: Graph, rights: Rights) -> None:
        self._graph = graph
        self._rights = rights

    def users(self, level: int, object_id: str) -> set[str]:
        """All users who have the level on the object; none if there is no such object."""
        target = self._graph.node(object_id)
        if target is None:
            return set()
        itself = {object_id} & self._graph.users.keys()
        if level == READ:
            return itself if self._rights.is_trashed(target) else itself | self._readers(target)
        if level == WRITE and self._rights.is_frozen(target):
            return itself
        others = set() if target.kind in SHOWN_BY_SUBJECTS else self._reaching(level, target)
        return itself | self._graph.admins.keys() | others

    def _readers(self, target: Node) -> set[str]:
        users = set(self._graph.admins)
        if target.kind in SHOWN_BY_SUBJECTS:
            for subject in self._graph.subjects(target.id):
                if self._graph.nodes[subject].kind != "log":
                    users |= self.users(READ, subject)
            return users
        if target.kind == "log":
            return users if target.about is None else users | self.users(READ, target.about)
        if target.kind == "role" and self._rights.policy.roles_visible:
            users.update(user for user in self._graph.users if self._graph.nodes[user].is_active)
        return users | self._reaching(READ, target)

    def _reaching(self, level: int, target: Node) -> set[str]:
        """The users who reach the target, or its owner in a way that extends to it, themselves or as another."""
        personas = self._starts(level, self._giving(level, target))
        return personas | self._starts(level, self._managers(personas))

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
        for user in users:
            yield graph.nodes[user].owner
            for tail, level in graph.links_to(user).items():
                if level == MANAGE:
                    yield tail

    def _starts(self, level: int, tails: Iterable[str]) -> set[str]:
        """The users from whom a walk over groups leads to one of these, and those among them."""
        graph = self._graph
        seen = set(tails)
        pending = [node_id for node_id in seen if node_id not in graph.users]
        while pending:
            group = graph.node(pending.pop())
            if group is None or not group.is_group:
                continue
            links = graph.links_to(group.id).items()
            new = {group.owner, *(tail for tail, linked in links if linked >= level)} - seen
            seen |= new
            pending.extend(node_id for node_id in new if node_id not in graph.users)
        return seen & graph.users.keys()
