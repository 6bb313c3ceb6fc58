"""Where old records are kept: the narrow protocol between the log service and a directory, or an object store.

An embedding program passes its own: Arvados would write to Keep. What is put is never changed, and is put under a name
that says what it is, so the same again, after a crash, is the same name and the same bytes. Whatever an implementation
raises besides NotInArchive means that the archive is away: who reads there is told so, and archiving is tried again.
"""

from __future__ import annotations

from typing import Protocol

from fairlead_store import StoreError


class NotInArchive(Exception):
    """There is nothing at that location: what was there is lost, or was deleted."""


class ArchiveFailed(StoreError):
    """The archive cannot be read or written now."""


class Archive(Protocol):
    """Files by location. Calls may take long: nobody waits but who reads there."""

    async def put(self, name: str, data: bytes) -> str:
        """Keep the data; returns where when they are durable. The name is of `[A-Za-z0-9_+@.-]`, with one `/`."""
        ...

    async def get(self, location: str) -> bytes:
        """The data as they were put. Raises NotInArchive."""
        ...

    async def delete(self, location: str) -> None:
        """Forget the data; what is not there is forgotten already."""
        ...

    async def close(self) -> None:
        """The service needs it no more."""
        ...


class NoArchive:
    """What is in an archive cannot be read without one."""

    async def put(self, name: str, data: bytes) -> str:
        raise _none(name)

    async def get(self, location: str) -> bytes:
        raise _none(location)

    async def delete(self, location: str) -> None:
        raise _none(location)

    async def close(self) -> None:
        """There is nothing to close."""


def _none(place: str) -> ArchiveFailed:
    return ArchiveFailed(f"{place} is in an archive, and none is configured")
