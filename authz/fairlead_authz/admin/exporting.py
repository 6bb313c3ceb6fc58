"""`fairlead.authz.export`: nodes and links as they are, for a program that compares them with others.

    export(prefix="") -> progressive {nodes: [...], links: [[tail, head, granted]]}, then {revision}

It is for administrators: those who manage `system`. Given are the nodes whose id begins with the prefix, the nodes
that one of those owns, and the links at those. `granted` is a level (1 read, 2 write, 3 manage), plus 4 for login.

It is no snapshot: each page is what there is when it is made, so that a million nodes hold nobody up. Who changes
nothing meanwhile, and whom nobody disturbs, gets the whole.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any, ClassVar

import msgspec

from fairlead_authz.model.graph import SYSTEM, Graph
from fairlead_authz.state import State
from fairlead_router.errors import InvalidArgument
from fairlead_router.rpc.call import Call

PAGE_ENTRIES = 500
"""Nodes and links of a page: names at their longest make it half of the largest message (1 MiB by default)."""

SLICE = 20_000
"""Ids that are looked at in one turn of the loop: 2 ms."""


class ExportArguments(msgspec.Struct):
    """`export`."""

    positional: ClassVar[tuple[str, ...]] = ("prefix",)
    prefix: str = ""


class Exporting:
    """Answers `fairlead.authz.export`."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def export(self, call: Call) -> dict[str, Any]:
        """Sends pages as fast as the caller reads them."""
        prefix = call.arguments(ExportArguments).prefix
        call.hold("manage", SYSTEM)
        if not call.wants_progress:
            raise InvalidArgument(
                "fairlead.authz.export answers with progressive results: call it with receive_progress"
            )
        writable = asyncio.Event()
        call.on_writable = writable.set
        call.on_end = lambda _reason: writable.set()
        async for page in pages(self._state.graph, prefix):
            while call.is_open and not call.send(page):
                writable.clear()
                await writable.wait()
            if not call.is_open:
                break
        return {"revision": self._state.revision}


async def pages(graph: Graph, prefix: str) -> AsyncIterator[dict[str, Any]]:
    """What is in a page is as it was in one turn of the loop."""
    ids = list(graph.nodes)
    for start in range(0, len(ids), SLICE):
        nodes: list[dict[str, Any]] = []
        links: list[tuple[str, str, int]] = []
        for id_ in ids[start : start + SLICE]:
            node = graph.node(id_)
            if node is None or not (id_.startswith(prefix) or node.owner.startswith(prefix)):
                continue
            nodes.append(msgspec.to_builtins(node))
            links.extend(_links(graph, node.id, prefix))
            if len(nodes) + len(links) >= PAGE_ENTRIES:
                for page in _cut(nodes, links):
                    yield page
                nodes, links = [], []
        for page in _cut(nodes, links):
            yield page
        await asyncio.sleep(0)


def _links(graph: Graph, node_id: str, prefix: str) -> Iterator[tuple[str, str, int]]:
    """The links to a node, and those from it that do not come with what they lead to."""
    for tail in graph.links_to(node_id):
        yield tail, node_id, graph.granted(tail, node_id)
    for head in graph.links_from(node_id):
        if not head.startswith(prefix):
            yield node_id, head, graph.granted(node_id, head)


def _cut(nodes: list[dict[str, Any]], links: list[tuple[str, str, int]]) -> Iterator[dict[str, Any]]:
    """Pages that are not too long: a role may have links to everything."""
    for start in range(0, max(len(nodes), len(links)), PAGE_ENTRIES):
        end = start + PAGE_ENTRIES
        yield {"nodes": nodes[start:end], "links": links[start:end]}
