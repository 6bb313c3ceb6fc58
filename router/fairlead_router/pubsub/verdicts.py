"""Verdicts: which topics a session may see and which not, remembered for all its patterns together."""

from typing import Final

from fairlead_router.item import About

MAX_VERDICTS = 10_000
"""Topics of a session whose verdicts are remembered, 2 MB at most; then the memory starts anew."""


class Verdicts:
    """Those of one session. Each holds for the revision (gate.py) at which it was given, a no until a grant too."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[About, tuple[int, int]] = {}
        """The revision, and for a no the openings at which it was given."""

    def get(self, about: About, revision: int, openings: int) -> bool | None:
        """What is known as of now. `openings` are the grants so far that may concern the session."""
        known = self._known.get(about)
        if known is None or known[0] != revision:
            return None
        denied_at = known[1]
        if denied_at == _ALLOWED:
            return True
        return False if denied_at == openings else None

    def remember(self, about: About, revision: int, openings: int, verdict: bool) -> None:
        """A verdict of now."""
        if len(self._known) >= MAX_VERDICTS:
            self._known.clear()
        self._known[about] = (revision, _ALLOWED if verdict else openings)


_ALLOWED: Final = -1
