"""What one user reaches: the walk of Arvados' permission model.

The walk starts at the user with level 3. At each node the out-edges are followed if the node is a group
or the user itself, never out of another user. Edges: owner -> owned group or user, level 3; permission
link, its level. The level at the head is the lower of both. A reach is *traversing*, so that it extends to
what the head owns, if the head is a group, or a user that is reached over an edge of level 3.

A user who is reached in a traversing way can be acted as: what that user reaches is reached too, at no
higher a level than the user is. That is one step only: whom somebody reaches while acting as another is
not acted as, so that chains of managers stop half way, as in Arvados.

What is reached without traversing it is a leaf and not kept here: rights.py finds it by its links and its
owner. For each node the best traversing level of one path is kept. Arvados keeps the maximum of all levels
and the disjunction of `traversing`, so that two weak paths together give what neither does; here they do
not combine.
"""

from fairlead_authz.model.graph import Graph
from fairlead_authz.model.levels import MANAGE, NONE


class Closure:
    """The nodes that a user reaches in a traversing way. One that is kept never changes: a change makes a new one."""

    __slots__ = ("followed", "owning", "user")

    def __init__(self, graph: Graph, user: str) -> None:
        self.user = user
        self.followed: dict[str, int]
        """The user, groups, and users acted as, with their levels: what they are linked to is reached."""
        self.owning: dict[str, int]
        """These and the users reached while acting as another: what they own is reached."""
        groups, users = _walk(graph, {user: MANAGE})
        users.pop(user, None)
        if users:
            groups, users = _walk(graph, {**users, user: MANAGE})
        self.followed = groups
        self.owning = {**groups, **users} if users else groups

    def add_end(self, tail: str, head: str, level: int) -> None:
        """There is an edge to a group from which no step leads on."""
        reached = min(self.followed.get(tail, NONE), level)
        if reached > self.followed.get(head, NONE):
            self.followed[head] = self.owning[head] = reached


def _walk(graph: Graph, starts: dict[str, int]) -> tuple[dict[str, int], dict[str, int]]:
    """The best levels on the starts and on the groups that are reached from them, and on the users."""
    followed = dict(starts)
    users: dict[str, int] = {}
    pending = list(starts)
    steps, all_users = graph.steps, graph.users
    while pending:
        tail = pending.pop()
        level_here = followed[tail]
        for head, edge_level in steps(tail).items():
            level = min(level_here, edge_level)
            if head in all_users:
                if level > users.get(head, NONE):
                    users[head] = level
            elif level > followed.get(head, NONE):
                followed[head] = level
                pending.append(head)
    return followed, users
