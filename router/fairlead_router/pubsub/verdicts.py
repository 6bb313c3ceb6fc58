"""Verdicts: which topics a session may see and which not, remembered for all its patterns together."""

from fairlead_router.item import About

MAX_VERDICTS = 10_000
"""Topics of a session whose verdicts are remembered, 2 MB at most; then the memory starts anew."""


class Verdicts:
    """Those of one session. A verdict holds for the revision (gate.py) at which it was given, a no until a grant."""

    __slots__ = ("_known", "_openings")

    def __init__(self) -> None:
        self._known: dict[About, tuple[int, bool]] = {}
        self._openings = 0

    def get(self, about: About, revision: int, openings: int) -> bool | None:
        """What is known as of now. `openings` are the grants so far."""
        if self._openings != openings:
            self._openings = openings
            self._known = {about: known for about, known in self._known.items() if known[1]}
        known = self._known.get(about)
        return known[1] if known is not None and known[0] == revision else None

    def remember(self, about: About, revision: int, verdict: bool) -> None:
        """A verdict of now."""
        if len(self._known) >= MAX_VERDICTS:
            self._known.clear()
        self._known[about] = (revision, verdict)
