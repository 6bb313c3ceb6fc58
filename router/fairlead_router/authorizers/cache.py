"""The AnswerCache: what a slow authorizer has said, for a while.

Bounded and expiring without a clock: answers are in a young and an old half. When the young one is full, or half
the lifetime is over, it becomes the old one, and what was old is forgotten. So an answer is remembered for at least
half its lifetime unless there are too many, and never for longer than its lifetime.
"""

from collections.abc import Hashable

from fairlead_router.host import Host, Timer


class AnswerCache:
    """Question -> answer. What an answer rests on is part of the question: two that may differ are different."""

    def __init__(self, host: Host, size: int, lifetime_s: float) -> None:
        self._host = host
        self._half_size = max(1, size // 2)
        self._half_life_s = lifetime_s / 2
        self._young: dict[Hashable, bool] = {}
        self._old: dict[Hashable, bool] = {}
        self._timer: Timer | None = None

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, question: Hashable) -> bool | None:
        """The answer, None if it is not remembered."""
        answer = self._young.get(question)
        return self._old.get(question) if answer is None else answer

    def put(self, question: Hashable, answer: bool) -> None:
        """Remember an answer."""
        if len(self._young) >= self._half_size:
            self._grow_old()
        self._young[question] = answer
        if self._timer is None:
            self._timer = self._host.call_later(self._half_life_s, self._half_life_over)

    def clear(self) -> None:
        """Forget everything."""
        self._young = {}
        self._old = {}

    def _half_life_over(self) -> None:
        self._timer = None
        self._grow_old()
        if self._old:
            self._timer = self._host.call_later(self._half_life_s, self._half_life_over)

    def _grow_old(self) -> None:
        self._old, self._young = self._young, {}
