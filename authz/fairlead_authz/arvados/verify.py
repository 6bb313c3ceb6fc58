"""Comparing what users reach here with Arvados' own answer: its list of computed permissions.

    {user_uuid, target_uuid, perm_level}

A row is the best level at which a user reaches a user, a group, or what a link leads to: the walk that everything else
rests on. Rows know no trash, no frost, nothing of administrators, and not what a user may by acting as another; so
the walk is done here by its rules alone, on the server's graph.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

import msgspec

from fairlead_authz.arvados.errors import BadSource
from fairlead_authz.arvados.placement import GRANTS
from fairlead_authz.arvados.uuids import UUID, cluster_of, well_known
from fairlead_authz.model.graph import SYSTEM, Graph, Node
from fairlead_authz.model.levels import MANAGE, NAMES, NONE, level_of


class Row(msgspec.Struct, frozen=True):
    """A computed permission."""

    user_uuid: str
    target_uuid: str
    perm_level: str


class _Rows(msgspec.Struct):
    items: list[Row]
    items_available: int | None = None


class Difference(NamedTuple):
    """A level that is another here than there; 0 is none."""

    user: str
    target: str
    arvados: int
    here: int

    def line(self) -> str:
        """For people."""
        there, here = (NAMES[level] if level else "nothing" for level in (self.arvados, self.here))
        return f"{self.user} has {there} on {self.target} in Arvados, {here} here"


class Verdict(NamedTuple):
    """What a comparison has found."""

    compared: int
    not_here: int
    """Rows about users or targets that are not here at all, as of lists that were not imported."""
    differences: list[Difference]


def decode_rows(source: str, text: bytes) -> list[Row]:
    """Raises BadSource: also for a part of the list, for then what is missing would be taken for too much here."""
    try:
        rows = msgspec.json.decode(text, type=_Rows)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadSource(f"{source} holds no list of computed permissions: {error}") from None
    if rows.items_available is not None and len(rows.items) < rows.items_available:
        raise BadSource(f"{source} holds {len(rows.items)} of {rows.items_available} computed permissions")
    return rows.items


def graph_of(pages: Iterable[Mapping[str, Any]]) -> Graph:
    """The graph that `fairlead.authz.export` has told."""
    graph = Graph()
    for page in pages:
        for node in page["nodes"]:
            graph.put(msgspec.convert(node, Node))
        for tail, head, granted in page["links"]:
            graph.link(tail, head, granted)
    return graph


def verify(graph: Graph, rows: Iterable[Row]) -> Verdict:
    """Compare all rows with the graph, and what the graph has beyond them for users of that cluster."""
    expected: dict[str, dict[str, int]] = {}
    compared, not_here, clusters = 0, 0, set()
    for row in rows:
        user, target = (well_known(uuid) or uuid for uuid in (row.user_uuid, row.target_uuid))
        if graph.node(user) is None or graph.node(target) is None:
            not_here += 1
        elif SYSTEM not in (user, target):
            compared += 1
            clusters.add(cluster_of(row.user_uuid))
            expected.setdefault(user, {})[target] = level_of(GRANTS.get(row.perm_level, NONE))
    users = expected.keys() | {id_ for id_ in graph.users if UUID.fullmatch(id_) and cluster_of(id_) in clusters}
    differences = [each for user in sorted(users) for each in _compare(graph, user, expected.get(user, {}), clusters)]
    return Verdict(compared, not_here, differences)


def _compare(graph: Graph, user: str, expected: dict[str, int], clusters: set[str]) -> Iterator[Difference]:
    here = walk(graph, user)
    for target in sorted(expected.keys() | here.keys()):
        there, level = expected.get(target, NONE), here.get(target, NONE)
        is_theirs = target in expected or (UUID.fullmatch(target) is not None and cluster_of(target) in clusters)
        if there != level and is_theirs:
            yield Difference(user, target, there, level)


def walk(graph: Graph, user: str) -> dict[str, int]:
    """What a user reaches, and the best level: through itself and through groups, never through another user."""
    best = {user: MANAGE}
    pending = [user]
    while pending:
        id_ = pending.pop()
        node = graph.node(id_)
        if id_ != user and (node is None or not node.is_group):
            continue
        for head, edge in chain(graph.steps(id_).items(), graph.links_from(id_).items()):
            level = min(best[id_], edge)
            if level > best.get(head, NONE):
                best[head] = level
                pending.append(head)
    return best
