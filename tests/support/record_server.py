"""A router with the record service in this process, on a port that stays, to be stopped and started over one store."""

from __future__ import annotations

from fairlead_records import MemoryRecordStore, RecordService
from fairlead_router import Router
from support.serving import free_port


class RecordServer:
    """Everybody may do everything."""

    def __init__(self) -> None:
        self._port = free_port()
        self.store = MemoryRecordStore()
        self._router: Router | None = None
        self._records: RecordService | None = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._port}/ws"

    async def start(self) -> None:
        self._router = Router()
        self._records = await RecordService.over(self.store)
        self._records.bind(self._router.add_realm("realm1"))
        await self._router.listen(f"tcp://127.0.0.1:{self._port}", path="/ws")

    async def stop(self) -> None:
        """All sessions are lost; what is kept is in the store."""
        if self._router is not None and self._records is not None:
            await self._router.close()
            await self._records.close()
            self._router = None

    def wipe(self) -> None:
        """Another store, empty; for while it is stopped."""
        self.store = MemoryRecordStore()
