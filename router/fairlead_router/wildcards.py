"""Wildcard patterns by their components: which of many match a URI, without looking at each of them.

An empty component of a pattern stands for any one component (spec: Advanced Profile, Wildcard Matching).
The index is a tree for each number of components, with a branch for each component; a look-up follows, from
component to component, the branch of that name and the empty one. It meets only patterns that agree with
the URI so far, so it costs no more than that, whatever else has been added.

    >>> index = WildcardIndex()
    >>> index.add("com.app..create", 1)
    >>> index.add("com...create", 2)
    >>> index.matching("com.app.user.create")
    [1, 2]
"""

from typing import Generic, TypeVar

V = TypeVar("V")


class _Node(Generic[V]):
    """A component: what comes after it, or the value of the pattern that ends with it."""

    __slots__ = ("branches", "values")

    def __init__(self) -> None:
        self.branches: dict[str, _Node[V]] = {}
        self.values: list[V] = []


class WildcardIndex(Generic[V]):
    """Pattern -> value. Each pattern has one value."""

    def __init__(self) -> None:
        self._trees: dict[int, _Node[V]] = {}

    def add(self, pattern: str, value: V) -> None:
        """Enter a valid pattern that is not in the index."""
        components = pattern.split(".")
        node = self._trees.setdefault(len(components), _Node())
        for component in components:
            node = node.branches.setdefault(component, _Node())
        assert not node.values, f"{pattern!r} is in the index already"
        node.values.append(value)

    def remove(self, pattern: str) -> None:
        """Take out a pattern that is in the index, and the branches that only it used."""
        components = pattern.split(".")
        tree = self._trees[len(components)]
        path = [tree]
        for component in components:
            path.append(path[-1].branches[component])
        path.pop().values.clear()
        for node, component in zip(reversed(path), reversed(components), strict=True):
            if not node.branches[component].branches:
                del node.branches[component]
        if not tree.branches:
            del self._trees[len(components)]

    def matching(self, uri: str) -> list[V]:
        """The values of all patterns that match, the best first.

        Of two patterns the one is better that names a component where, for the first time, only one of them does:
        that is the longer portion before a wildcard (spec: Advanced Profile, Calls Matching Multiple Registrations).
        """
        if not self._trees:
            return []
        components = uri.split(".")
        tree = self._trees.get(len(components))
        nodes = [] if tree is None else [tree]
        for component in components:
            nodes = [
                branch
                for node in nodes
                for branch in (node.branches.get(component), node.branches.get(""))
                if branch is not None
            ]
        return [value for node in nodes for value in node.values]
