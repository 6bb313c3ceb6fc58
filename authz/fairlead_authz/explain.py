"""Why somebody may do something, or what is missing: a sentence for people."""

from fairlead_authz.graph import Graph
from fairlead_authz.levels import MANAGE, NAMES, NONE, NUMBERS, READ
from fairlead_authz.rights import Rights
from fairlead_router.authorization import Level


def explain(graph: Graph, rights: Rights, user: str, level: Level, object_id: str) -> str:
    """The path that allows it, or the nearest thing that is missing."""
    node = graph.nodes.get(user)
    if node is None:
        return f"there is no user {user!r}"
    if node.is_admin:
        return f"{user} is an administrator"
    if user == object_id:
        return f"{user} is the user itself"
    if object_id not in graph.nodes:
        return f"there is no object {object_id!r}"
    if not rights.can(user, NUMBERS[level], object_id):
        return _missing(rights, user, level, object_id)
    found = rights.path(user, NUMBERS[level], object_id)
    if found is None:
        return f"{object_id} is a role, and every active user reads every role"
    persona, reached = found
    steps = _steps(graph, persona, reached, NUMBERS[level])
    if reached != object_id:
        steps.append(f"{reached} owns {object_id}")
    if persona != user:
        steps = [*_steps(graph, user, persona, NUMBERS[level]), f"so {user} may act as {persona}", *steps]
    return "; ".join(steps)


def _missing(rights: Rights, user: str, level: Level, object_id: str) -> str:
    highest = next((n for n in (MANAGE, 2, READ) if rights.can(user, n, object_id)), NONE)
    if highest:
        return f"{user} has {NAMES[highest]} on {object_id}, not {level}"
    return f"no grant or ownership leads from {user} to {object_id}"


def _steps(graph: Graph, user: str, target: str, level: int) -> list[str]:
    """A shortest walk from the user to a node over edges of at least this level, as sentences."""
    came_from: dict[str, tuple[str, str]] = {user: ("", "")}
    pending = [user]
    for tail in pending:
        if tail == target:
            break
        if tail != user and not graph.nodes[tail].is_group:
            continue
        for head, words in _edges(graph, tail, level):
            if head not in came_from:
                came_from[head] = (tail, words)
                pending.append(head)
    steps: list[str] = []
    while target != user and target in came_from:
        target, words = came_from[target]
        steps.insert(0, words)
    return steps


def _edges(graph: Graph, tail: str, level: int) -> list[tuple[str, str]]:
    owned = [(head, f"{tail} owns {head}") for head in graph.owned_groups(tail)]
    granted = [
        (head, f"{tail} has {NAMES[granted]} on {head}")
        for head, granted in graph.links_from(tail).items()
        if granted >= level
    ]
    return owned + granted
