"""What a caller may read, in the order of the ids, a page at a time.

Nothing is kept in that order: a page is the first ids behind `after` among the candidates, found slice by slice
with a turn of the loop in between, so that a million objects hold nobody up. What is found must be judged once
more when the answer is made: rights may have gone in these turns (G5).
"""

import asyncio
from collections.abc import Callable, Iterator
from heapq import nsmallest
from itertools import chain

from fairlead_authz.closures import ClosureSource
from fairlead_authz.graph import SYSTEM, Graph

SLICE = 1_000
"""Ids that are looked at in one turn of the loop: 0.1 ms, and 5 ms where each has to be judged."""


def candidates(graph: Graph, closures: ClosureSource, user: str) -> Iterator[str]:
    """Every id that a user who is no administrator may read, and others; some twice."""
    closure = closures.of(user)
    roles = (node_id for node_id in graph.owned(SYSTEM) if graph.nodes[node_id].kind == "role")
    reached = map(graph.links_from, closure.followed)
    for node_id in chain(closure.owning, *map(graph.owned, closure.owning), *reached, roles):
        yield node_id
        yield from graph.subjects(node_id)
        node = graph.node(node_id)
        if node is not None and node.about is not None:
            yield node.about
            yield from graph.subjects(node.about)


async def first_ids(ids: list[str], after: str, count: int, fits: Callable[[str], bool]) -> list[str]:
    """The first of these ids behind `after` that fit: in order, each once, at most so many."""
    first: list[str] = []
    for start in range(0, len(ids), SLICE):
        end = first[-1] if len(first) == count else None
        near = {each for each in ids[start : start + SLICE] if each > after and (end is None or each < end)}
        first = nsmallest(count, {*first, *filter(fits, near)})
        await asyncio.sleep(0)
    return first
