"""What has to change so that what there is becomes what is wanted, as ordinary changes.

The changes come in steps, for the order in which they can be made, and in which nobody ever has a right that he has
neither before nor after, but administrators, who reach what is parked:

1. what takes: links lowered, users shut out, things put into the trash;
2. parking: whatever moves goes to `system`, where only administrators reach it;
3. deleting what is gone, what it owned before itself;
4. placing: things are made, moved and renamed, owners before what they own, so that each gets to its final place;
5. what gives: links, taking out of the trash.

After step 3 there is nothing but what is both before and after, and steps 4 and 5 only add what is after.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from fairlead_authz.arvados.picture import Link, Picture, Thing, View
from fairlead_authz.arvados.report import Problem, Report
from fairlead_authz.model.graph import ALL_USERS, FINAL_STATES, OWNERS, SYSTEM
from fairlead_authz.model.levels import LOGIN, MANAGE, NAMES, NONE, READ, WRITE

Change = dict[str, Any]
"""As `fairlead.authz.apply` takes it (changes.py)."""

Unit = list[Change]
"""Changes that belong into one list."""


TAILS: Final = frozenset({"user", "role"})
"""Kinds that links can lead from."""


class Steps(NamedTuple):
    """The changes of each step."""

    taking: list[Unit]
    parking: list[Unit]
    deleting: list[Unit]
    placing: list[Unit]
    giving: list[Unit]


class Differences:
    """Compares things and links of two views, and collects what has to change."""

    def __init__(self, current: Picture, wanted: View, report: Report, actor: str) -> None:
        """`actor` will make the changes: it is granted every role that it makes, which is taken back at once."""
        self._current = current
        self._wanted = Possible(current, wanted, report)
        self._actor = actor
        self._steps = Steps([], [], [], [], [])
        self._replaced: set[str] = set()

    @property
    def wanted(self) -> View:
        """What will be there once everything is made."""
        return self._wanted

    def steps(self, ids: Iterable[str], links: Iterable[Link]) -> Steps:
        """What has to change with these."""
        placed: dict[str, Thing] = {}
        gone: list[str] = []
        for id_ in ids:
            before, after = self._current.thing(id_), self._wanted.thing(id_)
            if before == after:
                continue
            if after is None:
                gone.append(id_)
            else:
                placed[id_] = after
                if before is not None and before.kind != after.kind:
                    self._replaced.add(id_)
        wanted_depth = Depths(self._wanted)

        def place_order(id_: str) -> tuple[bool, bool, int, str]:
            """What is owned comes after its owner, a request after its container, a log row after all else."""
            thing = placed[id_]
            return thing.kind == "log", thing.about is not None, wanted_depth.of(id_), id_

        for id_ in sorted(placed, key=place_order):
            self._place(id_, placed[id_])
        current_depth = Depths(self._current)
        for id_ in sorted(gone, key=lambda each: (-current_depth.of(each), each)):
            self._steps.deleting.append([{"op": "delete", "id": id_}])
        # Nothing is granted to what is in the trash: so after it is taken out.
        for link in sorted({*links, *self._current.links_to(self._replaced)}):
            self._compare_link(link)
        return self._steps

    # --- things -------------------------------------------------------------------------------

    def _place(self, id_: str, after: Thing) -> None:
        before = self._current.thing(id_)
        if id_ in self._replaced:
            self._steps.taking.append([{"op": "delete", "id": id_}])
        if before is None or id_ in self._replaced:
            self._steps.placing.append(self._create(id_, after))
            return
        self._take(id_, before, after)
        moved = {
            key: value
            for key, value, known in (("owner", after.owner, before.owner), ("about", after.about, before.about))
            if value != known
        }
        parked = {key: value for key, value in (("owner", SYSTEM), ("about", None)) if key in moved}
        renamed = {"name": after.name} if after.name != before.name else {}
        if moved:
            self._steps.parking.append([_put(id_, after, **parked)])
        if moved or renamed:
            self._steps.placing.append([_put(id_, after, **moved, **renamed)])
        self._give(id_, before, after)

    def _create(self, id_: str, thing: Thing) -> Unit:
        """A thing as it is to be, without the links that making it brings and nobody wants."""
        fields: dict[str, Any] = {"owner": thing.owner, "name": thing.name}
        brought = []
        if thing.kind == "user":
            fields |= {"is_admin": thing.is_admin, "is_active": thing.is_active}
            brought = [(Link(id_, ALL_USERS), WRITE), (Link(ALL_USERS, id_), READ)] if thing.is_active else []
        elif thing.kind == "role":
            brought = [(Link(self._actor, id_), MANAGE)]
        elif thing.kind == "container":
            fields["state"] = thing.state
        if thing.about is not None:
            fields["about"] = thing.about
        unit = [_put(id_, thing, **fields)]
        for link, level in brought:
            unit.extend(_lowered(link, level, self._wanted.granted(link)))
        if thing.trash_at_us is not None:
            unit.append({"op": "trash", "id": id_, "at_us": thing.trash_at_us})
        if thing.is_frozen:
            unit.append({"op": "freeze", "id": id_})
        return unit

    def _take(self, id_: str, before: Thing, after: Thing) -> None:
        taking = self._steps.taking
        flags = {name: False for name in ("is_admin", "is_active") if getattr(before, name) > getattr(after, name)}
        if flags:
            taking.append([_put(id_, after, **flags)])
        if after.state != before.state:
            taking.append([_put(id_, after, state=after.state)])
        if _trashed_earlier(after, before):
            taking.append([{"op": "trash", "id": id_, "at_us": after.trash_at_us}])
        if after.is_frozen and not before.is_frozen:
            taking.append([{"op": "freeze", "id": id_}])

    def _give(self, id_: str, before: Thing, after: Thing) -> None:
        giving = self._steps.giving
        flags = {name: True for name in ("is_admin", "is_active") if getattr(before, name) < getattr(after, name)}
        if flags:
            giving.append([_put(id_, after, **flags)])
        if after.trash_at_us is None and before.trash_at_us is not None:
            giving.append([{"op": "untrash", "id": id_}])
        elif _trashed_earlier(before, after):
            giving.append([{"op": "trash", "id": id_, "at_us": after.trash_at_us}])
        if before.is_frozen and not after.is_frozen:
            giving.append([{"op": "unfreeze", "id": id_}])

    # --- links --------------------------------------------------------------------------------

    def _compare_link(self, link: Link) -> None:
        before, after = self._current.granted(link), self._wanted.granted(link)
        if link.head in self._replaced:
            before = NONE
        taken = list(_lowered(link, before, after))
        given = list(_raised(link, before, after))
        if taken:
            self._steps.taking.append(taken)
        if given:
            self._steps.giving.append(given)


class Possible:
    """What is wanted, as far as it can be made of what there is: not all that Arvados does is possible here.

    What is gone there stays here while it owns somebody else's things; a user, role or project cannot become something
    else, nor a container leave its last state. What stays without being wanted belongs to `system` and has no rights.
    """

    def __init__(self, current: Picture, wanted: View, report: Report) -> None:
        self._current = current
        self._wanted = wanted
        self._report = report
        self._told: set[str] = set()

    def thing(self, id_: str) -> Thing | None:
        """The thing of this id."""
        before, after = self._current.thing(id_), self._wanted.thing(id_)
        if before is not None:
            if after is None:
                return self._kept(id_, before, Problem.KEPT) if self._current.owns_guests(id_) else None
            if after.kind != before.kind and before.kind in OWNERS | TAILS:
                return self._kept(id_, before, Problem.CHANGED_CLASS)
            if before.state in FINAL_STATES:
                after = after._replace(state=before.state)
        if after is None or after.owner == SYSTEM:
            return after
        owner = self._current.thing(after.owner)
        return after if owner is None or owner.kind in OWNERS else after._replace(owner=SYSTEM)

    def granted(self, link: Link) -> int:
        """What is granted; nothing from what is a role or user there only."""
        tail = self._current.thing(link.tail)
        return self._wanted.granted(link) if tail is None or tail.kind in TAILS else NONE

    def _kept(self, id_: str, before: Thing, problem: Problem) -> Thing:
        if id_ not in self._told:
            self._told.add(id_)
            self._report.add(problem, id_)
        return Thing(before.kind, SYSTEM, before.name, is_active=before.kind != "user", state=before.state)


class Depths:
    """How many owners each thing of a view is below `system`; a loop cannot be, for neither view has any."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._known: dict[str, int] = {SYSTEM: 0}

    def of(self, id_: str) -> int:
        """The depth of a thing; what is not in the view is at the top."""
        path = []
        while id_ not in self._known:
            path.append(id_)
            thing = self._view.thing(id_)
            id_ = SYSTEM if thing is None else thing.owner
        for depth, each in enumerate(reversed(path), self._known[id_] + 1):
            self._known[each] = depth
        return self._known[path[0] if path else id_]


def _put(id_: str, thing: Thing, **fields: Any) -> Change:
    return {"op": "put", "kind": thing.kind, "id": id_, **fields}


def _trashed_earlier(one: Thing, other: Thing) -> bool:
    if one.trash_at_us is None:
        return False
    return other.trash_at_us is None or one.trash_at_us < other.trash_at_us


def _lowered(link: Link, before: int, after: int) -> Iterator[Change]:
    level = after & ~LOGIN
    if level < before & ~LOGIN:
        yield {"op": "revoke", "user": link.tail, "level": NAMES[level + 1], "object": link.head}
    if before & ~after & LOGIN:
        yield {"op": "revoke", "user": link.tail, "level": "login", "object": link.head}


def _raised(link: Link, before: int, after: int) -> Iterator[Change]:
    level = after & ~LOGIN
    if level > before & ~LOGIN:
        yield {"op": "grant", "user": link.tail, "level": NAMES[level], "object": link.head}
    if after & ~before & LOGIN:
        yield {"op": "grant", "user": link.tail, "level": "login", "object": link.head}
