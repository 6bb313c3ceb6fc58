"""A transition played against surfaces: who loses, who keeps, and who has nothing to do with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fairlead_authz.model.levels import NUMBERS
from support.transitions.stage import OTHER, Attendant, Stage
from support.transitions.surfaces import GOODBYE, WORDS, Surface, found
from support.transitions.table import Transition

AFTER = ("queued", "racing", "secret")
"""What is said behind the one thing that bob may see: before, while and after the right goes."""


class Play:
    """bob's sessions on the target, carol's on what she keeps, dave's on y: one for each surface."""

    def __init__(self, stage: Stage, transition: Transition) -> None:
        self.stage = stage
        self.transition = transition
        self.bobs: list[Attendant] = []
        self.others: list[Attendant] = []
        self._is_clogged = False

    async def open(self, surfaces: Iterable[Surface], doors: Sequence[str] = ("",)) -> None:
        """Every one sees what is said. bob comes in by all doors, the others by any."""
        target = self.transition.target
        for surface in surfaces:
            if NUMBERS[surface.level] <= NUMBERS[self.transition.gives]:
                for door in doors:
                    self.bobs.append(await self.stage.attend("bob", target, surface, door))
                kept = target if self.transition.kept else OTHER
                self.others.append(await self.stage.attend("carol", kept, surface, doors[0]))
                self.others.append(await self.stage.attend("dave", OTHER, surface, doors[-1]))
        await self.stage.say("permitted")
        await self._probe()
        missed = [_name(each) for each in self._all if f"{each.object}.permitted" not in each.words]
        assert missed == [], "everybody may see this"
        assert self._told() == [], "nobody has lost anything"

    async def change(self) -> None:
        """What waits for bob is in the router when the right goes."""
        self._forget()
        self._is_clogged = self.stage.clog(self.bobs)
        await self.stage.say("queued")
        await self.stage.change(self.transition)
        await self.stage.say("secret")
        self.stage.read_on(self.bobs)
        await self._probe()

    def check(self) -> None:
        """Who loses has no word more and is told once; everybody else notices nothing."""
        for each in (*self.others, *(bob for bob in self.bobs if not self.loses(bob.surface))):
            self._check_whole(each)
        for bob in self.bobs:
            if self.loses(bob.surface):
                self._check_end(bob)

    def leaks(self) -> list[str]:
        """The surfaces that show what was said after the right had gone."""
        return [bob.surface.name for bob in self.bobs if self._secret in bob.words]

    async def again(self) -> None:
        """The right is there again: everything from now on, and what the surface catches up with."""
        for step in self.transition.again:
            await self.stage.until(self.stage.play(step))
        if self.transition.goodbye is not None:
            await self.stage.renew_token()
        self._forget()
        reopened = [bob for bob in self.bobs if self._must_open(bob.surface)]
        for bob in reopened:
            await self.stage.enter(bob) if self.transition.goodbye is not None else await bob.open()
        await self.stage.say("anew")
        await self._probe()
        for bob in self.bobs:
            expected = WORDS if bob.surface.catches_up and bob in reopened else WORDS[-1:]
            seen = _words_of(bob)
            assert (seen if bob.surface.gets_all else seen[-1:]) == _of(bob, expected), _name(bob)

    # --- what is expected ---------------------------------------------------------------------

    def loses(self, surface: Surface) -> bool:
        """Whether bob has nothing of the target on this surface any more."""
        takes = self.transition.takes
        is_spared = surface.name in self.transition.spares
        return takes is not None and not is_spared and NUMBERS[surface.level] >= NUMBERS[takes]

    @property
    def _takes_patterns(self) -> bool:
        return self.transition.takes_all or self.transition.goodbye is not None

    def _must_open(self, surface: Surface) -> bool:
        return self.loses(surface) and (not surface.is_pattern or self._takes_patterns)

    def _check_whole(self, each: Attendant) -> None:
        seen = _words_of(each)
        if each.surface.gets_all:
            assert seen == _of(each, AFTER), _name(each)
        else:
            assert seen[-1:] == _of(each, AFTER[-1:]), _name(each)
        assert each.notices == [], _name(each)

    def _check_end(self, bob: Attendant) -> None:
        seen = _words_of(bob)
        permitted = () if self._is_clogged or not bob.surface.gets else AFTER[: len(seen)]
        assert seen == _of(bob, permitted), _name(bob)
        assert self._secret not in seen, _name(bob)
        if bob.surface.is_pattern and not self._takes_patterns:
            assert f"{OTHER}.secret" in bob.words, (_name(bob), "and only that")
        told = [message[0] for message in bob.notices]
        if self.transition.goodbye is not None:
            assert told == [GOODBYE], (_name(bob), bob.notices)
            assert bob.notices[0][2] == self.transition.goodbye
        elif bob.surface.told or (bob.surface.is_pattern and bob.surface.is_live and not self._takes_patterns):
            assert told == [*bob.surface.told], (_name(bob), bob.notices)
        if bob.surface.is_live and told:
            assert bob.arrived[-len(told) :] == bob.notices, (_name(bob), "told last")
        assert [found(notice) for notice in bob.notices if found(notice)] == [], (_name(bob), "with no content")

    # --- helpers ------------------------------------------------------------------------------

    @property
    def _secret(self) -> str:
        return f"{self.transition.target}.{AFTER[-1]}"

    @property
    def _all(self) -> Sequence[Attendant]:
        return (*self.bobs, *self.others)

    def _forget(self) -> None:
        for each in self._all:
            each.forget()

    async def _probe(self) -> None:
        for each in self._all:
            await each.probe()

    def _told(self) -> list[str]:
        return [_name(each) for each in self._all if each.notices]


def _of(each: Attendant, words: Iterable[str]) -> list[str]:
    return [f"{each.object}.{word}" for word in words]


def _words_of(each: Attendant) -> list[str]:
    """What was shown of the object that the session is there for."""
    return [word for word in each.words if word.startswith(f"{each.object}.")]


def _name(each: Attendant) -> str:
    return f"{each.user}: {each.surface.name} of {each.object} {each.door}".strip()
