"""Several coroutines that wait for the same news."""

from __future__ import annotations

from fairlead_client.runtime import Runtime, Wakeup


class Waiting:
    """Who waits; one that is cancelled, or has waited long enough, is forgotten."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._bells: list[Wakeup] = []

    def __len__(self) -> int:
        return len(self._bells)

    async def wait(self, timeout_s: float | None = None) -> None:
        """Until the next ring, or so long."""
        bell = self._runtime.wakeup()
        self._bells.append(bell)
        try:
            await bell.wait(timeout_s)
        finally:
            if bell in self._bells:
                self._bells.remove(bell)

    def ring(self) -> None:
        """There is news."""
        bells, self._bells = self._bells, []
        for bell in bells:
            bell.set()
