"""What a caller may read, in the order of the ids, a page at a time.

Nothing is kept in that order: a page is the first ids behind `after` among the candidates, found slice by slice
with a turn of the loop in between, so that a million objects hold nobody up. What is found must be judged once
more when the answer is made: rights may have gone in these turns (G5).
"""

import asyncio
from collections.abc import Callable, Generator, Iterable, Iterator
from heapq import nsmallest
from itertools import islice
from typing import TypeVar

from fairlead_authz.model.closures import ClosureSource
from fairlead_authz.model.graph import SYSTEM, Graph

T = TypeVar("T")

SLICE = 1_000
"""Ids that are looked at in one turn of the loop: 0.1 ms, and 5 ms where each has to be judged."""


def candidates(graph: Graph, closures: ClosureSource, user: str) -> Iterator[str]:
    """Every id that a user who is no administrator may read, and others; some twice.

    The graph may change while they are taken: what comes then may be missing, what has gone may be among them.
    """
    closure = closures.of(user)
    yield from closure.owning
    for owner in closure.owning:
        yield from _with_subjects(graph, list(graph.owned(owner)))
    for tail in closure.followed:
        yield from _with_subjects(graph, list(graph.links_from(tail)))
    roles = (each for each in list(graph.owned(SYSTEM)) if each in graph.nodes and graph.nodes[each].kind == "role")
    yield from _with_subjects(graph, roles)


async def first_ids(ids: Iterable[str], after: str, count: int, fits: Callable[[str], bool]) -> list[str]:
    """The first of these ids behind `after` that fit: in order, each once, at most so many."""
    first: list[str] = []
    pending = iter(ids)
    while taken := list(islice(pending, SLICE)):
        end = first[-1] if len(first) == count else None
        near = {each for each in taken if each > after and (end is None or each < end)}
        first = nsmallest(count, {*first, *filter(fits, near)})
        await asyncio.sleep(0)
    return first


async def with_rests(work: Generator[None, None, T]) -> T:
    """What comes of work that rests now and then: others run meanwhile."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            result: T = done.value
            return result
        await asyncio.sleep(0)


def _with_subjects(graph: Graph, node_ids: Iterable[str]) -> Iterator[str]:
    """These, what they are about, and what is about either."""
    for node_id in node_ids:
        yield node_id
        yield from list(graph.subjects(node_id))
        node = graph.node(node_id)
        if node is not None and node.about is not None:
            yield node.about
            yield from list(graph.subjects(node.about))
