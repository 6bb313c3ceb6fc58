"""Things and links as the import compares them: what there is here, and what Arvados would have.

A `View` answers for one id or one link at a time. `Picture` is the view of what there is here, as
`fairlead.authz.export` told it and as the changes since then made it.

What an import owns are the things with an UUID of its cluster, of a type whose list it has, and the links between
two of those, or between one and the groups that everybody is in. Everything else is local and stays: it is a
`guest` when something of the import's owns it.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, NamedTuple, Protocol

from fairlead_authz.arvados.uuids import UUID, cluster_of, type_of
from fairlead_authz.model.graph import ALL_USERS, ANONYMOUS_ROLE, ANONYMOUS_USER
from fairlead_authz.model.levels import NONE

ENDS: Final = frozenset({ALL_USERS, ANONYMOUS_ROLE, ANONYMOUS_USER})
"""Ours that links of an import may have at one end."""


class Thing(NamedTuple):
    """A node as far as an import sets it."""

    kind: str
    owner: str
    name: str = ""
    is_admin: bool = False
    is_active: bool = True
    trash_at_us: int | None = None
    is_frozen: bool = False
    about: str | None = None
    state: str | None = None


class Link(NamedTuple):
    """A pair that a permission is granted between."""

    tail: str
    head: str


class View(Protocol):
    """Things and links of one side."""

    def thing(self, id_: str) -> Thing | None: ...

    def granted(self, link: Link) -> int:
        """What is granted: a level, LOGIN, or both; 0 where there is no link."""


class Domain(NamedTuple):
    """What an import owns."""

    cluster: str
    types: frozenset[str]
    """Types in UUIDs, of the lists that it has."""

    def owns(self, id_: str) -> bool:
        """Whether a thing is the import's."""
        return UUID.fullmatch(id_) is not None and cluster_of(id_) == self.cluster and type_of(id_) in self.types

    def owns_link(self, tail: str, head: str) -> bool:
        """Whether a link is the import's."""
        owned = self.owns(tail) + self.owns(head)
        return owned > 0 and owned + (tail in ENDS) + (head in ENDS) == len((tail, head))


class Picture:
    """What there is here of an import, and who its guests are."""

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self.things: dict[str, Thing] = {}
        self.links: dict[Link, int] = {}
        self.frozen: set[str] = set()
        """The projects that are frozen themselves."""
        self._owners: dict[str, set[str]] = {}

    def thing(self, id_: str) -> Thing | None:
        """The thing of this id."""
        return self.things.get(id_)

    def granted(self, link: Link) -> int:
        """What is granted by a link."""
        return self.links.get(link, NONE)

    def owns_guests(self, id_: str) -> bool:
        """Whether something that is not the import's is owned by it."""
        return id_ in self._owners

    def links_to(self, ids: Collection[str]) -> list[Link]:
        """All links to these: every link is looked at."""
        return [link for link in self.links if link.head in ids] if ids else []

    def add(self, page: Mapping[str, Any]) -> None:
        """Take in a page of `fairlead.authz.export`."""
        for node in page["nodes"]:
            if self.domain.owns(node["id"]):
                self._set(node["id"], _thing(node))
            elif self.domain.owns(node["owner"]):
                self._owners.setdefault(node["owner"], set()).add(node["id"])
        for tail, head, granted in page["links"]:
            if self.domain.owns_link(tail, head):
                self.links[Link(tail, head)] = granted

    def adopt(self, wanted: View, ids: Iterable[str], links: Iterable[Link]) -> None:
        """These things and links have become what was wanted."""
        for id_ in ids:
            self._set(id_, wanted.thing(id_))
        for link in links:
            granted = wanted.granted(link)
            if granted:
                self.links[link] = granted
            else:
                self.links.pop(link, None)

    def _set(self, id_: str, thing: Thing | None) -> None:
        if thing is None:
            self.things.pop(id_, None)
        else:
            self.things[id_] = thing
        if thing is not None and thing.is_frozen:
            self.frozen.add(id_)
        else:
            self.frozen.discard(id_)


def _thing(node: Mapping[str, Any]) -> Thing:
    return Thing(
        node["kind"],
        node["owner"],
        node["name"],
        node["is_admin"],
        node["is_active"],
        node["trash_at_us"],
        node["frozen_by"] is not None,
        node["about"],
        node.get("state"),
    )
