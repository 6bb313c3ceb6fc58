"""Why somebody may do something, or what is missing: a sentence for people.

It looks for a shortest path anew, with edges of the level that is asked for; nothing here decides anything.
"""

from datetime import UTC, datetime

from fairlead_authz.model.closures import ClosureSource
from fairlead_authz.model.graph import SHOWN_BY_SUBJECTS, Graph, Node, a, is_step
from fairlead_authz.model.levels import MANAGE, NAMES, NUMBERS, READ, WRITE, granted_names
from fairlead_authz.model.rights import Rights
from fairlead_router.authorization import Level

_VERBS = {"container": "requested", "content": "holds"}


class Explainer:
    """Explains what `Rights` answers about the same graph."""

    def __init__(self, graph: Graph, closures: ClosureSource, rights: Rights) -> None:
        self._graph = graph
        self._closures = closures
        self._rights = rights

    def explain(self, user: str, level: Level, object_id: str) -> str:
        """The path that allows it, or the nearest thing that is missing."""
        path = self.path(user, level, object_id)
        if path is not None:
            return "; ".join(path)
        who, target = self._graph.node(user), self._graph.node(object_id)
        if who is None:
            return f"there is no user {user!r}"
        if target is None:
            return f"there is no object {object_id!r}"
        return self._missing(who, level, target)

    def path(self, user: str, level: Level, object_id: str) -> list[str] | None:
        """The sentences of a path that allows it, None where it is not allowed or there is no such node."""
        who, target = self._graph.node(user), self._graph.node(object_id)
        if who is None or target is None or not self._rights.can(user, NUMBERS[level], object_id):
            return None
        if user == object_id:
            return [f"{user} is the user itself"]
        if who.is_admin:
            return [f"{user} is an administrator"]
        return self._steps(user, NUMBERS[level], target)

    # --- denied -------------------------------------------------------------------------------

    def _missing(self, who: Node, level: Level, target: Node) -> str:
        closed = self._closed_to_all(level, target)
        if closed is not None:
            return closed
        if target.kind in SHOWN_BY_SUBJECTS:
            shown_by, kind = SHOWN_BY_SUBJECTS[target.kind], a(target.kind)
            return f"no {shown_by} of {target.id} can be read by {who.id}, and nobody can do more to {kind}"
        if target.kind == "log" and level == "read":
            return self._missing_log(who, target)
        for lower in (WRITE, READ):
            if lower < NUMBERS[level] and self._rights.can(who.id, lower, target.id):
                has = f"{who.id} has {NAMES[lower]} on {target.id}"
                path = "; ".join(self._steps(who.id, lower, target))
                return f"{has}, not {level}" if path == has else f"{has}, not {level}: {path}"
        if target.kind == "role" and level == "read" and self._rights.policy.roles_visible:
            return f"{target.id} is a role, which active users read, and {who.id} is not active"
        if level == "read" and target.is_group:
            return f"no grant or ownership leads from {who.id} to {target.id}"
        return f"no grant or ownership leads from {who.id} to {target.id} or to its owner {target.owner}"

    def _closed_to_all(self, level: Level, target: Node) -> str | None:
        """What keeps everybody from it, whatever they were granted."""
        frozen = self._rights.frozen(target) if level == "write" else None
        if frozen is not None:
            return f"{_inside(target, frozen)} frozen by {frozen.frozen_by}: nobody can write to it"
        trashed = self._rights.trashed(target) if level == "read" else None
        if trashed is not None and trashed.trash_at_us is not None:
            since = datetime.fromtimestamp(trashed.trash_at_us // 1_000_000, UTC).isoformat()
            return f"{_inside(target, trashed)} in the trash since {since}: nobody can see it"
        return None

    def _missing_log(self, who: Node, target: Node) -> str:
        if target.about is None:
            return f"{target.id} is about nothing that there is any more, so only administrators can read it"
        return f"{target.id} is about {target.about}: {self.explain(who.id, 'read', target.about)}"

    # --- allowed ------------------------------------------------------------------------------

    def _steps(self, user: str, level: int, target: Node) -> list[str]:
        if target.kind in SHOWN_BY_SUBJECTS:
            return self._by_subject(user, target)
        if target.kind == "log" and target.about is not None and level == READ:
            return [f"{target.id} is about {target.about}", *(self.path(user, "read", target.about) or ())]
        for persona in self._personas(user, level):
            steps = self._as_persona(persona, level, target)
            if steps is not None:
                return steps if persona == user else [*self._to_persona(user, level, persona), *steps]
        return [f"{target.id} is a role, and every active user reads every role"]

    def _by_subject(self, user: str, target: Node) -> list[str]:
        for subject in self._graph.subjects(target.id):
            path = None if self._graph.nodes[subject].kind == "log" else self.path(user, "read", subject)
            if path is not None:
                return [*path, f"{subject} {_VERBS[target.kind]} {target.id}"]
        return []

    def _personas(self, user: str, level: int) -> list[str]:
        followed, users = self._closures.of(user).followed, self._graph.users
        others = [other for other in followed if other in users and other != user]
        return [user, *(other for other in others if followed[other] >= level)]

    def _to_persona(self, user: str, level: int, persona: str) -> list[str]:
        return [*(self._walk(user, level, persona, is_traversing=True) or ()), f"so {user} may act as {persona}"]

    def _as_persona(self, persona: str, level: int, target: Node) -> list[str] | None:
        steps = self._walk(persona, level, target.id, is_traversing=False)
        if steps is not None or (level == READ and target.is_group):
            return steps
        steps = self._walk(persona, level, target.owner, is_traversing=True)
        return None if steps is None else [*steps, f"{target.owner} owns {target.id}"]

    def _walk(self, start: str, level: int, goal: str, is_traversing: bool) -> list[str] | None:
        """A shortest walk over groups, as sentences; empty where start is the goal, None if there is none."""
        if start == goal:
            return []
        came_from = {start: start}
        pending = [start]
        for tail in pending:
            last = self._edge(tail, level, goal, is_traversing)
            if last is not None:
                return [*self._way(came_from, tail, level), last]
            for head, edge_level in self._graph.steps(tail).items():
                if edge_level >= level and head not in came_from and self._graph.nodes[head].is_group:
                    came_from[head] = tail
                    pending.append(head)
        return None

    def _way(self, came_from: dict[str, str], end: str, level: int) -> list[str]:
        """How a walk came to its end, as sentences."""
        way: list[str] = []
        while came_from[end] != end:
            way.append(self._edge(came_from[end], level, end, is_traversing=True) or "")
            end = came_from[end]
        return way[::-1]

    def _edge(self, tail: str, level: int, head: str, is_traversing: bool) -> str | None:
        """One edge of at least this level in words, None if there is none."""
        node = self._graph.nodes[head]
        if node.owner == tail and is_step(node, MANAGE):
            return f"{tail} owns {head}"
        linked = self._graph.link_level(tail, head)
        if linked < level or (is_traversing and not is_step(node, linked)):
            return None
        if not self._rights.policy.counts(tail, node, linked):
            return None
        return f"{tail} has {granted_names(self._graph.granted(tail, head))[0]} on {head}"


def _inside(target: Node, project: Node) -> str:
    return f"{target.id} is" if target is project else f"{target.id} is in the {project.kind} {project.id}, which is"
