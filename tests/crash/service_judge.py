"""Everything that is wrong with a store after a crash."""

from __future__ import annotations

from crash.found import Unreadable, find, resume, service
from crash.producers import telling
from crash.told import StreamTold, told
from crash.validators import VALIDATORS, resumed_whole
from fairlead_router import CallError, Member
from fairlead_store import StoreError


async def faults_of(url: str, said: list[bytes]) -> list[str]:
    """What the validators say of each stream, as found and once its writers have gone on; `said` tells of that, too."""
    faults: list[str] = []
    try:
        async with service(url) as member:
            for name, stream in told(said).items():
                faults += [f"{name}: {fault}" for fault in await _faults_of_stream(member, name, stream, said)]
    except (StoreError, CallError, Unreadable) as error:
        faults.append(f"{type(error).__name__}: {error}")
    return faults


async def _faults_of_stream(member: Member, name: str, stream: StreamTold, said: list[bytes]) -> list[str]:
    found = await find(member, name)
    if found is None:
        return [] if stream.epoch is None else ["the stream is gone"]
    faults = [f"{check.__name__}: {fault}" for check in VALIDATORS for fault in check(stream, found)]
    if not faults:
        resumed = await resume(member, found, stream.offered)
        said += [telling("C", name, resumed.epoch), telling("t", name, resumed.attempt)]
        faults = [f"resumed_whole: {fault}" for fault in resumed_whole(stream, found, resumed)]
    return faults
