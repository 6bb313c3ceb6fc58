"""Verdicts of rights.py, remembered until the graph changes: what a user sends next is mostly about the same object.

Nobody may be asked between a change of the graph and the closures' hearing of it (live/realm.py does both in one step).
"""

from fairlead_authz.model.graph import Graph
from fairlead_authz.model.rights import Rights

MAX_VERDICTS = 20_000
"""Of a user, a level and an object each, 2 MB of them; then the memory starts anew."""


class RememberedRights:
    """Answers as `Rights` does. What time alone may change is asked anew each time."""

    def __init__(self, graph: Graph, rights: Rights) -> None:
        self._graph = graph
        self._rights = rights
        self._version = graph.version
        self._policy = rights.policy
        self._known: dict[tuple[str, int, str], bool] = {}

    def can(self, user: str, level: int, object_id: str) -> bool:
        """Whether the user has this level on the object."""
        if self._version != self._graph.version or self._policy is not self._rights.policy:
            self._forget()
        question = user, level, object_id
        verdict = self._known.get(question)
        if verdict is None:
            verdict = self._rights.can(user, level, object_id)
            if not self._rights.depends_on_time(level, object_id):
                self._remember(question, verdict)
        return verdict

    def _remember(self, question: tuple[str, int, str], verdict: bool) -> None:
        if len(self._known) >= MAX_VERDICTS:
            self._known.clear()
        self._known[question] = verdict

    def _forget(self) -> None:
        self._known.clear()
        self._version = self._graph.version
        self._policy = self._rights.policy
