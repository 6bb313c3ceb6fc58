"""What an in-process member's endpoints and calls take beside plain arguments: more inputs, and payload passthru."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fairlead_router.authorization import Principal
from fairlead_router.limits import Limits
from fairlead_router.member import CallResult, Member, MemberEvent
from fairlead_router.messages import CallOptions, PublishOptions
from fairlead_router.payload import Payload
from fairlead_router.rpc.call import PENDING, Call
from support.core import EVERY_FEATURE, Core, Peer

SERVICE = Principal("service", "service")
MORE = {"progress": True}
SECRET: dict[str, Any] = {"ppt_scheme": "x_mine", "ppt_cipher": "xsalsa20poly1305", "ppt_keyid": "4711"}


def pair(endpoint: Any, core: Core | None = None, **options: Any) -> tuple[Core, Member, Peer]:
    core = core or Core()
    member = core.realm1.join(SERVICE)
    member.register("com.p", endpoint, **options)
    return core, member, core.join("caller", roles=EVERY_FEATURE)


def chunk(number: int, **options: Any) -> list[Any]:
    return [48, 1, {**MORE, **options}, "com.p", [number]]


LAST = [48, 1, {}, "com.p", [10]]


async def settle(core: Core) -> None:
    for _ in range(6):
        core.host.run()
        await asyncio.sleep(0)


# ---- progressive call invocations ----


class Adding:
    """An endpoint that adds up what comes, from the first input or from when it is told to listen."""

    def __init__(self, *, listens: bool = True) -> None:
        self.sum = 0
        self.listens = listens
        self.call: Call | None = None

    def __call__(self, call: Call) -> Any:
        self.call = call
        self.add(call.payload, not call.expects_more)
        if self.listens:
            call.on_input = self.add
        return PENDING

    def add(self, payload: Payload, is_last: bool) -> None:
        assert self.call is not None
        self.sum += payload.args[0]
        if is_last:
            self.call.finish({"sum": self.sum})


async def test_endpoint_gets_each_input_and_answers_after_the_last() -> None:
    _, _, caller = pair(Adding(), takes_progress=True)
    assert caller.ask(chunk(1), chunk(2)) == []
    assert caller.ask(chunk(3)) == []
    assert caller.ask(LAST) == [[50, 1, {}, [{"sum": 16}], {}]]


async def test_call_in_one_piece_is_not_different() -> None:
    _, _, caller = pair(Adding(), takes_progress=True)
    assert caller.ask(LAST) == [[50, 1, {}, [{"sum": 10}], {}]]


@pytest.mark.parametrize(("sent", "answer"), [([LAST], [50]), ([], [])])
async def test_inputs_wait_for_a_coroutine_that_has_not_begun(sent: list[Any], answer: list[int]) -> None:
    adding = Adding(listens=False)
    _, _, caller = pair(adding, takes_progress=True)
    assert caller.ask(chunk(1), chunk(2), *sent) == []
    assert adding.call is not None
    adding.call.on_input = adding.add
    assert [message[0] for message in caller.take()] == answer
    assert adding.sum == 3 + 10 * len(sent)


async def test_inputs_that_nobody_takes_are_bounded_as_what_a_caller_has_waiting() -> None:
    core = Core(Limits(kept_call_bytes=1000))
    _, _, caller = pair(lambda call: PENDING, core, takes_progress=True)
    inputs = [[48, 1, MORE, "com.p", ["x" * 400]] for _ in range(5)]
    assert caller.ask(*inputs[:3]) == [], "the first is no input that waits"
    [error] = caller.ask(*inputs[3:], LAST)
    assert (error[4], error[6]) == ("fairlead.error.limit_exceeded", {"limit": "kept_call_bytes"})
    assert core.realm1.counters.limits_exceeded == {"kept_call_bytes": 1}
    assert caller.ask(*inputs[:3]) == [], "nothing of the call is kept any more"


async def test_endpoint_that_did_not_ask_for_inputs_gets_none_of_them() -> None:
    calls: list[Call] = []

    def endpoint(call: Call) -> dict[str, Any]:
        calls.append(call)
        return {}

    _, _, caller = pair(endpoint)
    [error] = caller.ask(chunk(1), chunk(2), LAST)
    assert (error[0], error[4]) == (8, "wamp.error.feature_not_supported")
    assert calls == []
    assert caller.ask(LAST) == [[50, 1, {}, [{}], {}]]


async def test_endpoint_that_fails_at_an_input_fails_the_call(caplog: pytest.LogCaptureFixture) -> None:
    def endpoint(call: Call) -> Any:
        def fail(payload: Payload, is_last: bool) -> None:
            raise ZeroDivisionError

        call.on_input = fail
        return PENDING

    _, _, caller = pair(endpoint, takes_progress=True)
    [error] = caller.ask(chunk(1), chunk(2), LAST)
    assert error[0] == 8
    assert "the endpoint of com.p failed" in caplog.text


async def test_canceled_call_takes_no_more_inputs() -> None:
    adding = Adding()
    _, _, caller = pair(adding, takes_progress=True)
    caller.ask(chunk(1))
    assert caller.ask([49, 1, {}], chunk(2), LAST)[0][4] == "wamp.error.canceled"
    assert adding.sum == 1


# ---- payload passthru ----


async def test_member_publishes_and_gets_payloads_that_are_nobody_elses_business() -> None:
    core = Core()
    member, other = core.realm1.join(SERVICE), core.realm1.join(SERVICE)
    seen: list[MemberEvent] = []
    await asyncio.gather(other.subscribe("com.x", seen.append), settle(core))
    member.publish("com.x", [b"sealed"], options=PublishOptions(**SECRET))
    core.host.run()
    assert [(event.args, event.details) for event in seen] == [([b"sealed"], SECRET)]


async def test_member_calls_with_payloads_that_are_nobody_elses_business() -> None:
    core = Core()
    callee, member = core.join("callee", roles=EVERY_FEATURE), core.realm1.join(SERVICE)
    callee.register("com.p")
    options = CallOptions(**SECRET)
    task = asyncio.ensure_future(member.call("com.p", [b"sealed"], options=options))
    await settle(core)
    [invocation] = callee.take()
    assert invocation[3] == SECRET
    callee.send([70, invocation[1], SECRET, ["open"]])
    await settle(core)
    assert await task == CallResult(["open"], {}, SECRET)
    assert options == CallOptions(**SECRET)


async def test_member_that_calls_discloses_itself_if_it_says_so() -> None:
    core = Core()
    callee, member = core.join("callee", roles=EVERY_FEATURE), core.realm1.join(SERVICE)
    callee.register("com.p")
    task = asyncio.ensure_future(member.call("com.p", options=CallOptions(disclose_me=True), timeout_s=5))
    await settle(core)
    [invocation] = callee.take()
    assert invocation[3]["caller_authid"] == "service"
    callee.send([70, invocation[1], {}])
    await settle(core)
    await task


async def test_endpoint_takes_no_passthru() -> None:
    _, _, caller = pair(lambda call: {})
    [error] = caller.ask([48, 1, SECRET, "com.p", ["sealed"]])
    assert error[4] == "wamp.error.feature_not_supported"
