"""Sets of URIs as patterns describe them: where two of them meet, and a URI that stands for all of one.

A set is a row of components, each of which is given, or begins in a certain way (with nothing: it may be any);
an open set has URIs with more components too. Exact URIs, prefixes and wildcards are such sets, and so is what
any two of them have in common.

Rules are finitely many and name finitely many components, but the URIs of a pattern are not. So each set has a
*typical* URI, whose open parts are like nothing that a rule names: a rule holds for it only if the rule holds for
the whole set. No peer can send it: its open parts have a `#`, which no URI has.
"""

from itertools import zip_longest

import msgspec

from fairlead_router.uris import Match

_OPEN = "#"


class Component(msgspec.Struct, frozen=True):
    """A given component, or all that begin with `text`."""

    text: str
    is_given: bool

    def includes(self, other: "Component") -> bool:
        """Whether this one allows all that the other allows."""
        return other == self if self.is_given else other.text.startswith(self.text)

    def met_by(self, other: "Component") -> "Component | None":
        """What both allow, None if nothing: two that have something in common lie one in the other."""
        if self.includes(other):
            return other
        return self if other.includes(self) else None


_ANY = Component("", is_given=False)


class UriSet(msgspec.Struct, frozen=True):
    """URIs with these components; in an open set, with more behind them too."""

    components: tuple[Component, ...]
    is_open: bool

    @classmethod
    def of(cls, pattern: str, match: Match) -> "UriSet":
        """The URIs that a pattern matches.

        >>> UriSet.of("com.app", "prefix").typical(3)
        'com.app#.#'
        """
        parts = pattern.split(".")
        if match == "wildcard":
            return cls(tuple(Component(part, is_given=part != "") for part in parts), is_open=False)
        given = tuple(Component(part, is_given=True) for part in parts)
        if match == "exact":
            return cls(given, is_open=False)
        return cls((*given[:-1], Component(parts[-1], is_given=False)), is_open=True)

    def met_by(self, other: "UriSet") -> "UriSet | None":
        """The URIs of both, None if there are none."""
        if len(self.components) > len(other.components):
            return other.met_by(self)
        if len(self.components) < len(other.components) and not self.is_open:
            return None
        met = []
        for one, another in zip_longest(self.components, other.components, fillvalue=_ANY):
            both = one.met_by(another)
            if both is None:
                return None
            met.append(both)
        return UriSet(tuple(met), self.is_open and other.is_open)

    def typical(self, open_length: int) -> str:
        """The URI that stands for all; that of an open set has at least `open_length` components."""
        parts = [part.text if part.is_given else part.text + _OPEN for part in self.components]
        if self.is_open:
            parts += [_OPEN] * (open_length - len(parts))
        return ".".join(parts)
