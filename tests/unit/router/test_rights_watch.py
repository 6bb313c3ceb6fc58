"""A service is told in the turn of a revocation, and of grants, until the call ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from typing import Any

import pytest

from fairlead_router import PENDING, Call, Member, Principal, Realm, Router


class Service:
    """Watches the rights of who calls it."""

    def __init__(self, realm: Realm) -> None:
        self.member: Member = realm.join(Principal("service", "service"))
        self.member.register("com.watch", self._watch)
        self.lost = 0
        self.gained: list[Collection[str] | None] = []
        self.calls: list[Call] = []

    def _watch(self, call: Call) -> Any:
        self.calls.append(call)
        call.watch_rights(self._lose, self.gained.append)
        return PENDING

    def _lose(self) -> None:
        self.lost += 1


@pytest.fixture
async def realm() -> AsyncIterator[Realm]:
    router = Router()
    yield router.add_realm("realm1")
    await router.close()


@pytest.fixture
async def watched(realm: Realm) -> Service:
    """With a call of bob."""
    service = Service(realm)
    member = realm.join(Principal("bob", "user"))
    call = asyncio.ensure_future(member.call("com.watch"))
    call.add_done_callback(lambda done: done.cancelled() or done.exception())
    await asyncio.sleep(0.01)
    return service


async def test_a_revocation_of_the_principal_is_told_in_its_turn(realm: Realm, watched: Service) -> None:
    realm.gate.revoke(principals=["bob"])
    assert watched.lost == 1
    realm.gate.revoke(principals=["alice"])
    assert watched.lost == 1


async def test_grants_are_told_with_what_is_known_of_them(realm: Realm, watched: Service) -> None:
    realm.gate.grant(["bob"], ["job-1"])
    realm.gate.grant(["alice"])
    realm.gate.grant()
    assert watched.gained == [["job-1"], None]


async def test_a_call_that_is_over_is_told_nothing(realm: Realm, watched: Service) -> None:
    watched.calls[0].finish({})
    realm.gate.revoke(principals=["bob"])
    realm.gate.grant(["bob"])
    assert (watched.lost, watched.gained) == (0, [])


async def test_a_service_that_fails_is_logged(
    realm: Realm, watched: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watched, "gained", None)
    watched.calls[0].watch_rights(lambda: 1 // 0, lambda objects: 1 // 0)  # type: ignore[arg-type]
    realm.gate.grant(["bob"])
    realm.gate.revoke(principals=["bob"])
    assert caplog.text.count("ZeroDivisionError") == 2


async def test_an_object_is_watched_until_that_is_ended(realm: Realm, watched: Service) -> None:
    moved: list[str] = []
    end = watched.member.watch_object("job-1", moved.append)
    realm.gate.revoke(objects=["job-1", "job-2"])
    assert moved == ["job-1"]
    end()
    realm.gate.revoke(objects=["job-1"])
    assert moved == ["job-1"]
