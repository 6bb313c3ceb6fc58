"""Calls over real sockets and all serializers: what is in bytes and in seconds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fairlead_router import Limits, Router
from support.wamp import Client

FEATURES = {
    "progressive_call_results": True, "progressive_call_invocations": True, "call_canceling": True,
    "payload_passthru_mode": True, "registration_revocation": True,
}  # fmt: skip
ROLES: dict[str, Any] = {"caller": {"features": FEATURES}, "callee": {"features": FEATURES}}
EACH_CODEC = pytest.mark.parametrize("codec", ["json", "msgpack", "cbor"])


@pytest.fixture
async def port() -> AsyncIterator[int]:
    router = Router(Limits(close_timeout_s=0.3))
    router.add_realm("realm1")
    listener = await router.listen("tcp://127.0.0.1:0")
    yield listener.port
    await router.close()


async def join(port: int, codec: Any) -> Client:
    client = await Client.connect(port, codec)
    await client.join(roles=ROLES)
    return client


async def test_dealer_announces_what_it_does(port: int) -> None:
    async with await Client.connect(port) as client:
        welcome = await client.join()
    features = welcome[2]["roles"]["dealer"]["features"]
    assert {name for name, has in features.items() if has} >= {
        "call_canceling", "call_reroute", "call_timeout", "call_trustlevels", "caller_identification",
        "pattern_based_registration", "payload_passthru_mode", "progressive_call_invocations",
        "progressive_call_results", "registration_revocation", "shared_registration",
    }  # fmt: skip


@EACH_CODEC
async def test_options_and_details_in_every_serializer(port: int, codec: Any) -> None:
    async with await join(port, codec) as callee, await join(port, codec) as caller:
        options = {"match": "prefix", "invoke": "roundrobin", "concurrency": 3, "forward_timeout": True}
        registration = (await callee.ask([64, 1, options, "com."]))[2]
        call = {"timeout": 60_000, "ppt_scheme": "x_mine", "disclose_me": True, "progress": True}
        caller.send([48, 1, call, "com.p", ["one"]])
        caller.send([48, 1, {}, "com.p", ["two"]])
        first, second = await callee.receive(), await callee.receive()
        details = first[3]
        assert (first[2], second[1:3]) == (registration, first[1:3])
        assert (details["procedure"], details["timeout"], details["ppt_scheme"]) == ("com.p", 60_000, "x_mine")
        assert (details["progress"], second[3].get("progress"), second[4]) == (True, None, ["two"])
        callee.send([70, first[1], {"ppt_scheme": "x_mine", "ppt_keyid": "1"}, ["sum"]])
        assert await caller.receive() == [50, 1, {"ppt_scheme": "x_mine", "ppt_keyid": "1"}, ["sum"]]


@EACH_CODEC
async def test_call_times_out_by_the_clock(port: int, codec: Any) -> None:
    async with await join(port, codec) as callee, await join(port, codec) as caller:
        await callee.ask([64, 1, {}, "com.p"])
        error = await asyncio.wait_for(caller.ask([48, 1, {"timeout": 50}, "com.p"]), 5)
        assert error[:5] == [8, 48, 1, {}, "wamp.error.timeout"]
        assert [(await callee.receive())[0] for _ in range(2)] == [68, 69]


async def test_call_waits_for_its_callee_and_is_rerouted_across_serializers(port: int) -> None:
    async with (
        await join(port, "cbor") as one,
        await join(port, "msgpack") as other,
        await join(port, "json") as caller,
    ):
        caller.send([48, 1, {"_fairlead_wait_ms": 30_000}, "com.p", ["\0AAE="]])
        await caller.ask([48, 2, {}, "com.nobody"])
        assert (await one.ask([64, 1, {"invoke": "first"}, "com.p"]))[0] == 65
        invocation = await one.receive()
        assert invocation[4] == [b"\x00\x01"]
        assert (await other.ask([64, 1, {"invoke": "first"}, "com.p"]))[0] == 65
        caller.send([48, 3, {}, "com.p", ["\0AAE="]])
        second = await one.receive()
        one.send([8, 68, second[1], {}, "wamp.error.unavailable"])
        rerouted = await other.receive()
        assert rerouted[4] == [b"\x00\x01"]
        other.send([70, rerouted[1], {}, [b"\x02"]])
        assert await caller.receive() == [50, 3, {}, ["\0Ag=="]]
