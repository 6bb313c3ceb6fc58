"""The delivery gate: nothing that rests on a right is handed over after the right has gone (G1 to G12).

Each principal and each object that something live rests on has a *cell* with a revision. A *hold* is
something live (a subscription's membership, a call in progress) with the revisions at which it was last
judged. A revoking change bumps the cells that it touches, and in the same turn every hold on them is
judged again through the authorizer: who lost the right has its queued items purged and is told. Grants
bump no cell; they only let a pattern ask again about what it was denied.

Delivery is correct without that sweep: it compares the revisions and judges again where they differ. So when a
revocation touches very many holds, those that everybody asks about before using them, and for which nothing is queued,
are judged in slices over the next turns: they deliver nothing in between, and only their notices are later.
`moves` counts all bumps, so that a fan-out with no bump since the last one compares a single integer.

Revisions are drawn from `moves`, which only grows: two revisions may be added, and the sum is the same
only if both are; a cell that was dropped and made anew never repeats an old revision.

A judgement may be asynchronous (answers.py). Until it is known the session's outbox is blocked: events
queue in order, within its bounds, and are purged if the answer is no. A judgement that fails is a no, and
no failure keeps the sweep from the holds behind it.
"""

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Container, Iterable
from functools import partial
from typing import Protocol, TypeVar
from weakref import WeakValueDictionary

from fairlead_router.answers import Answers, Verdict
from fairlead_router.errors import AuthorizationFailed
from fairlead_router.outbox import Outbox

T = TypeVar("T")

log = logging.getLogger(__name__)

REVOKED = "fairlead.revoked.permission"
"""Why a subscription ended: a right was taken away. A URI, because clients check it against the URI grammar."""

SWEPT_IN_A_TURN = 256
"""Holds that are judged in the turn of the revocation, all of them if they are no more: 10 to 20 us each."""

LATE_IN_A_TURN = 32
"""Holds that were put off, and are judged in one of the later turns. So few that events go on between them."""

TURNS_PUT_OFF = 10
"""Turns in which none of those is judged: the revocation is acknowledged meanwhile."""


class _EveryObject(Container[str | None]):
    def __contains__(self, object_id: object) -> bool:
        return True


_EVERY_OBJECT = _EveryObject()


class Cell:
    """A principal or an object, as far as something live rests on it."""

    __slots__ = ("__weakref__", "holds", "openings", "reason", "revision")

    def __init__(self, revision: int) -> None:
        self.revision = revision
        self.reason = REVOKED
        """Why it was bumped last."""
        self.openings = 0
        """Of a principal: the grants that were for it among others (`Gate.grant`)."""
        self.holds: dict[Hold, None] = {}


Basis = tuple[Cell, Cell, int]
"""What an answer about a principal and an object rests on; its cells are kept, so that a move is seen."""


class Hold:
    """Something live that rests on a right. Subclasses say how it is judged and how it ends."""

    is_broad = False
    """Whether what is queued on it may be about other objects than the one that it rests on."""

    is_asked_about = False
    """Whether nothing is ever done with it, nor told of it, without asking the gate whether it is open."""

    __slots__ = ("is_ended", "is_in_question", "object_cell", "outbox", "principal_cell", "seen")

    def __init__(self, principal_cell: Cell, object_cell: Cell, outbox: Outbox) -> None:
        self.principal_cell = principal_cell
        self.object_cell = object_cell
        self.outbox = outbox
        self.seen = principal_cell.revision + object_cell.revision
        self.is_ended = False
        self.is_in_question = False

    def find_object(self) -> str | None:
        """Which object it is about, by what sources and rules say now; it is judged by that from now on."""
        raise NotImplementedError

    def rest_on(self, object_cell: Cell) -> None:
        """The hold, not admitted yet or released, rests on this object."""
        self.object_cell = object_cell
        self.seen = self.principal_cell.revision + object_cell.revision
        self.is_ended = False

    @property
    def basis(self) -> tuple[Cell, int]:
        """What a judgement rests on: once this differs, it is stale."""
        return self.object_cell, self.principal_cell.revision + self.object_cell.revision

    @property
    def reason(self) -> str:
        """What the peer is told if a judgement ends it: why one of its cells was bumped last."""
        principal, object_ = self.principal_cell, self.object_cell
        return (principal if principal.revision > object_.revision else object_).reason

    def judge(self) -> bool | Awaitable[bool]:
        """Ask the authorizer again."""
        raise NotImplementedError

    def purge_lost(self, objects: Container[str | None]) -> None:
        """The hold stands; take back queued items about these that may no longer be seen. Only broad holds have any."""

    def revoke(self, reason: str) -> None:
        """The right has gone: take back what is queued, end, and tell the peer once. The gate has released the hold."""
        raise NotImplementedError


class Hopeful(Protocol):
    """A hold that wants to know of grants (rights_watch.py)."""

    @property
    def principal_cell(self) -> Cell:
        """Whose rights it is about."""

    def gained(self, objects: Collection[str] | None) -> None:
        """Rights to these objects may have come, None: to anything."""


class Gate:
    """The cells of one realm and the holds on them."""

    def __init__(self, answers: Answers) -> None:
        self.moves = 1
        self.openings = 0
        self._openings_for_all = 0
        self._answers = answers
        self._principals: WeakValueDictionary[str, Cell] = WeakValueDictionary()
        self._objects: WeakValueDictionary[str, Cell] = WeakValueDictionary()
        self._broad: dict[Hold, None] = {}
        self._no_object = Cell(0)
        self._watchers: tuple[Callable[[str], None], ...] = ()
        self._hopeful: dict[Cell, dict[Hopeful, None]] = {}
        """Who is told of grants, by principal."""
        self._late: OrderedDict[Cell, None] = OrderedDict()
        """Cells whose holds are judged in later turns. One bumped again keeps its place, so each has its turn."""
        self._begun: list[Hold] = []
        """Holds of the cell whose turn it is, those that are not looked at yet."""

    # --- cells --------------------------------------------------------------------------------

    def principal_cell(self, authid: str) -> Cell:
        """The cell of a principal. A session keeps it for as long as it lives."""
        cell = self._principals.get(authid)
        if cell is None:
            cell = self._principals[authid] = Cell(self.moves)
        return cell

    def object_cell(self, object_id: str | None) -> Cell:
        """The cell of an object; holds about no object share one."""
        if object_id is None:
            return self._no_object
        cell = self._objects.get(object_id)
        if cell is None:
            cell = self._objects[object_id] = Cell(self.moves)
            for watch in self._watchers:
                watch(object_id)
        return cell

    def basis(self, authid: str, object_id: str | None) -> Basis:
        """Once this differs, an answer that was asked for with it is stale."""
        principal, object_ = self.principal_cell(authid), self.object_cell(object_id)
        return principal, object_, principal.revision + object_.revision

    def connected(self) -> list[str]:
        """The authids that hold a session now."""
        return list(self._principals.keys())

    def objects_in_use(self) -> list[str]:
        """The objects that something live rests on."""
        return list(self._objects.keys())

    def is_in_use(self, object_id: str) -> bool:
        """Whether something live rests on the object."""
        return object_id in self._objects

    def watch_objects(self, watch: Callable[[str], None]) -> None:
        """Call this with each object that is in use, now and whenever one comes into use. Not told when it goes out."""
        self._watchers = (*self._watchers, watch)
        for object_id in self.objects_in_use():
            watch(object_id)

    def of_principals(self, authids: Iterable[str]) -> int:
        """How many holds rest on these principals."""
        return _number_of_holds(map(self._principals.get, authids))

    def on_objects(self, object_ids: Iterable[str]) -> int:
        """How many holds rest on these objects."""
        return _number_of_holds(map(self._objects.get, object_ids))

    # --- holds --------------------------------------------------------------------------------

    def admit(self, hold: Hold) -> None:
        """The hold was judged in this turn and is live from now on."""
        hold.principal_cell.holds[hold] = None
        hold.object_cell.holds[hold] = None
        if hold.is_broad:
            self._broad[hold] = None

    def tell_of_grants(self, hopeful: "Hopeful") -> None:
        """Tell this admitted hold, until it is released, what its principal may have gained."""
        self._hopeful.setdefault(hopeful.principal_cell, {})[hopeful] = None

    def tell_no_more(self, hopeful: "Hopeful") -> None:
        """Its end."""
        told = self._hopeful.get(hopeful.principal_cell, {})
        told.pop(hopeful, None)
        if not told:
            self._hopeful.pop(hopeful.principal_cell, None)

    def release(self, hold: Hold) -> None:
        """The hold has ended."""
        hold.is_ended = True
        hold.principal_cell.holds.pop(hold, None)
        hold.object_cell.holds.pop(hold, None)
        if hold.is_broad:
            self._broad.pop(hold, None)

    def is_open(self, hold: Hold) -> bool:
        """Whether something may be delivered on this hold now. Where a cell has moved it is judged again."""
        if not hold.is_ended and hold.seen != hold.principal_cell.revision + hold.object_cell.revision:
            self._judge(hold, hold.reason)
        return not hold.is_ended

    def holds_on(self, principals: Iterable[str], objects: Iterable[str]) -> set[Hold]:
        """What is live and rests on one of these principals or objects."""
        cells = (*map(self._principals.get, principals), *map(self._objects.get, objects))
        return {hold for cell in cells if cell is not None for hold in cell.holds}

    # --- revocation ---------------------------------------------------------------------------

    def revoke(self, principals: Iterable[str] = (), objects: Iterable[str] = (), reason: str = REVOKED) -> None:
        """These principals or objects lost something: bump their cells and judge what rests on them, in this turn.

        Call it when the authorizer already says no, and before the change is acknowledged.
        """
        moved = frozenset(objects)
        cells = [*self._bumped(self._principals, principals, reason), *self._bumped(self._objects, moved, reason)]
        if _number_of_holds(cells) > SWEPT_IN_A_TURN:
            touched = self._put_off(cells)
        else:
            touched = [hold for cell in cells for hold in cell.holds]
        self._sweep(dict.fromkeys(touched), reason)
        if moved:
            self._purge_broad()

    def settle(self) -> None:
        """Judge everything that was put off: for whoever looks at all that is live."""
        while self._late or self._begun:
            self._sweep_slice()

    def rebind(self, holds: Iterable[Hold], reason: str = REVOKED) -> None:
        """These holds are about another object from now on, and are judged by it in this turn."""
        self.moves += 1
        moved = list(holds)
        _for_each(moved, self._rebind)
        self._sweep(moved, reason)

    def rebind_all(self, reason: str = REVOKED) -> None:
        """The rules are others: everything is judged again in this turn, by the object that it is about now."""
        self.grant()
        for cell in list(self._principals.values()):
            _for_each(cell.holds, self._rebind)
        self.revoke_all(reason)

    def grant(self, principals: Iterable[str] | None = None, objects: Collection[str] | None = None) -> None:
        """These may have gained something, None: anybody; what they were denied on a pattern is judged again at need.

        `objects` are all that it may be about, None: it is not known. No revision moves and nothing that is live is
        looked at; who wants to be told is told.
        """
        self.openings += 1
        if principals is None:
            self._openings_for_all += 1
            told = list(self._hopeful)
        else:
            told = [cell for cell in map(self._principals.get, principals) if cell is not None]
            for cell in told:
                cell.openings += 1
        for cell in told:
            for hopeful in list(self._hopeful.get(cell, ())):
                hopeful.gained(objects)

    def openings_for(self, principal_cell: Cell) -> int:
        """The grants so far by which this principal may have gained something."""
        return self._openings_for_all + principal_cell.openings

    def revoke_all(self, reason: str = REVOKED) -> None:
        """It is not known who lost what: judge everything again."""
        self.revoke(self.connected(), self.objects_in_use(), reason)

    def _rebind(self, hold: Hold) -> None:
        cell = self.object_cell(hold.find_object())
        if cell is not hold.object_cell:
            self.release(hold)
            hold.rest_on(cell)
            self.admit(hold)

    def _bumped(self, cells: "WeakValueDictionary[str, Cell]", names: Iterable[str], reason: str) -> list[Cell]:
        self.moves += 1
        found = [cell for cell in map(cells.get, names) if cell is not None]
        for cell in found:
            cell.revision = self.moves
            cell.reason = reason
        return found

    def _purge_broad(self) -> None:
        """Objects were lost as such: what is queued about any of them is looked at.

        Not about the bumped ones only: an object that nothing but queued events is about may have no cell, and
        then nobody who looks for what is live has found it.
        """
        with_queue = [hold for hold in self._broad if not hold.outbox.is_empty]
        _for_each(with_queue, lambda hold: hold.purge_lost(_EVERY_OBJECT))

    def _put_off(self, cells: list[Cell]) -> list[Hold]:
        """Have the holds on these cells judged later. Returns those that cannot wait.

        No table of holds is made: that would take most of the turn. Those that are judged by then are passed over.
        """
        if not (self._late or self._begun):
            self._sweep_late_after(TURNS_PUT_OFF)
        self._late.update(dict.fromkeys(cells))
        return [hold for cell in cells for hold in cell.holds if hold.outbox.items or not hold.is_asked_about]

    def _sweep_late_after(self, turns: int) -> None:
        following = self._sweep_late if turns <= 1 else partial(self._sweep_late_after, turns - 1)
        self._answers.host.call_soon(following)

    def _sweep_late(self) -> None:
        """One turn's part of what was put off."""
        self._sweep_slice()
        if self._late or self._begun:
            self._sweep_late_after(1)

    def _sweep_slice(self) -> None:
        """As many as one turn takes; judging one may have its cell put off anew."""
        _for_each(self._taken(LATE_IN_A_TURN), lambda hold: self._survey(hold.reason, hold))

    def _taken(self, number: int) -> list[Hold]:
        """So many holds out of those that were put off and have not been judged since."""
        taken: list[Hold] = []
        while len(taken) < number and (self._late or self._begun):
            if not self._begun:
                cell, _ = self._late.popitem(last=False)
                self._begun = list(cell.holds)
                continue
            hold = self._begun.pop()
            if not hold.is_ended and hold.seen != hold.basis[1]:
                taken.append(hold)
        return taken

    def _sweep(self, holds: Iterable[Hold], reason: str) -> None:
        _for_each(holds, partial(self._survey, reason))

    def _survey(self, reason: str, hold: Hold) -> None:
        if not hold.is_ended:
            self._judge(hold, reason)
        if not hold.is_ended:
            hold.purge_lost(_EVERY_OBJECT)

    def _judge(self, hold: Hold, reason: str) -> None:
        """Ask about the hold, unless it is in question already: then the answer will be found stale."""
        basis = hold.basis
        hold.seen = basis[1]
        if hold.is_in_question:
            return
        verdict = _judged(hold)
        if isinstance(verdict, bool):
            self._settle(hold, reason, verdict)
            return
        hold.is_in_question = True
        hold.outbox.block()
        self._answers.wait_for(verdict, partial(self._settle_blocked, hold, reason, basis))

    def _settle_blocked(self, hold: Hold, reason: str, basis: tuple[Cell, int], verdict: Verdict) -> None:
        """An asynchronous answer. If a cell moved meanwhile it is stale and the question is asked again.

        A failure is never stale: an authorizer that fails, or thinks for too long, is not asked for ever.
        """
        hold.is_in_question = False
        try:
            if not hold.is_ended and basis != hold.basis and isinstance(verdict, bool):
                self._judge(hold, reason)
            elif not hold.is_ended:
                self._settle(hold, reason, verdict is True)
        finally:
            hold.outbox.unblock()

    def _settle(self, hold: Hold, reason: str, is_allowed: bool) -> None:
        if not is_allowed:
            self.release(hold)
            hold.revoke(reason)


def _number_of_holds(cells: Iterable[Cell | None]) -> int:
    return sum(len(cell.holds) for cell in cells if cell is not None)


def _for_each(items: Iterable[T], step: Callable[[T], object]) -> None:
    """A step that fails is a mistake of ours: logged, and no reason to keep the holds behind it open."""
    for item in list(items):
        try:
            step(item)
        except Exception:
            log.exception("a revocation went wrong; those behind it are not affected")


def _judged(hold: Hold) -> bool | Awaitable[bool]:
    """The judgement; one that fails is a no."""
    try:
        return hold.judge()
    except AuthorizationFailed:
        return False  # logged where it was found
    except Exception:
        log.exception("a right could not be judged, so it has gone")
        return False
