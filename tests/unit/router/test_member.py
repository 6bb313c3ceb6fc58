"""In-process members: the same messages through the same requests, without a serializer or a socket."""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from fairlead_router.authorization import Principal
from fairlead_router.errors import CallError, InvalidArgument, RequestError
from fairlead_router.member import Member, MemberEvent
from fairlead_router.messages import PublishOptions
from fairlead_router.options import RealmOptions
from fairlead_router.pubsub.revocation import RevocationSignal
from fairlead_router.rpc.call import PENDING, Call
from support.core import EVERY_FEATURE, Core, RecordingSource, Rights, types_of

SERVICE = Principal("service", "service", "internal", "internal")


def service(core: Core, principal: Principal = SERVICE) -> Member:
    return core.realm1.join(principal)


async def settle(core: Core) -> None:
    """Turns of both loops: the core's in hand, and asyncio's for tasks."""
    for _ in range(6):
        core.host.run()
        await asyncio.sleep(0)


# ---- publish and subscribe ----


async def test_member_and_wire_peer_hear_each_other() -> None:
    core = Core()
    member, alice = service(core), core.join()
    seen: list[MemberEvent] = []
    subscription = member.subscribe("com.", seen.append, match="prefix")
    alice.subscribe("com.y")
    alice.send([16, 1, {}, "com.x", [1, b"\x01".hex()], {"k": 2}])
    member.publish("com.y", [{"a": 1}])
    await settle(core)
    assert isinstance(await subscription, int)
    [event] = seen
    assert (event.topic, event.args, event.kwargs) == ("com.x", [1, "01"], {"k": 2})
    assert alice.events() == [[{"a": 1}]]


async def test_values_are_copied() -> None:
    core = Core()
    member, other = service(core), service(core)
    seen: list[MemberEvent] = []
    other.subscribe("com.x", seen.append)
    member.subscribe("com.x", seen.append)
    value = {"list": [1]}
    service(core).publish("com.x", [value])
    value["list"].append(2)
    core.host.run()
    assert [event.args for event in seen] == [[{"list": [1]}]] * 2
    assert seen[0].args[0] is not seen[1].args[0]


async def test_value_that_no_serializer_has_is_refused_at_once() -> None:
    member = service(Core())
    for value in (float("nan"), 2**64, {1: 2}, object(), "\0x", "\ud800"):
        with pytest.raises(InvalidArgument):
            member.publish("com.x", [value])


async def test_binary_travels() -> None:
    core = Core()
    member = service(core)
    seen: list[MemberEvent] = []
    member.subscribe("com.x", seen.append)
    peers = {codec: core.join(codec=codec) for codec in ("json", "msgpack", "cbor")}
    for peer in peers.values():
        peer.subscribe("com.x")
    service(core).publish("com.x", [b"\x00\xff"])
    core.host.run()
    assert seen[0].args == [b"\x00\xff"]
    assert peers["json"].events() == [["\0AP8="]]
    assert peers["msgpack"].events() == peers["cbor"].events() == [[b"\x00\xff"]]


async def test_handler_that_fails_is_logged_and_the_next_is_called(caplog: pytest.LogCaptureFixture) -> None:
    core = Core()
    member = service(core)
    seen: list[MemberEvent] = []

    def fail(event: MemberEvent) -> None:
        raise ZeroDivisionError

    member.subscribe("com.x", fail)
    member.subscribe("com.y", seen.append)
    other = service(core)
    other.publish("com.x")
    other.publish("com.y")
    core.host.run()
    assert len(seen) == 1
    assert "the handler of topic com.x failed" in caplog.text


async def test_two_handlers_of_one_topic_are_both_called() -> None:
    core = Core()
    member = service(core)
    seen: list[str] = []
    member.subscribe("com.x", lambda event: seen.append("first"))
    member.subscribe("com.x", lambda event: seen.append("second"))
    service(core).publish("com.x")
    core.host.run()
    assert seen == ["first", "second"]


async def test_unsubscribed_member_hears_nothing_more() -> None:
    core = Core()
    member, other = service(core), service(core)
    seen: list[MemberEvent] = []
    future = member.subscribe("com.x", seen.append)
    core.host.run()
    other.publish("com.x")
    member.unsubscribe(future.result())
    other.publish("com.x")
    core.host.run()
    assert seen == []


async def test_acknowledged_publication_has_its_id() -> None:
    core = Core()
    alice = core.join()
    alice.subscribe("com.x")
    publication = service(core).publish("com.x", [1], acknowledge=True)
    assert alice.take()[0][2] == publication.result()


async def test_refused_publication_fails_its_future() -> None:
    core = Core()
    bob = service(core, Principal("bob", "user"))
    refused = bob.publish("fairlead.news", acknowledge=True)
    core.host.run()
    with pytest.raises(CallError) as error:
        await refused
    assert error.value.uri == "wamp.error.not_authorized"


async def test_member_publishes_to_whom_it_lists_and_says_who_it_is() -> None:
    core = Core()
    alice, bob = core.join("alice"), core.join("bob")
    for peer in (alice, bob):
        peer.subscribe("com.x")
    options = PublishOptions(eligible_authid=["alice"], disclose_me=True)
    member = service(core)
    member.publish("com.x", [1], options=options)
    member.publish("com.x", [2], options=options, acknowledge=True)
    assert bob.take() == []
    assert [event[3]["publisher"] for event in alice.take()] == [member.session_id] * 2
    assert options == PublishOptions(eligible_authid=["alice"], disclose_me=True), "the caller's own"


async def test_member_retains_and_gets_what_is_retained() -> None:
    core = Core()
    service(core).publish("com.x", ["last"], options=PublishOptions(retain=True))
    seen: list[MemberEvent] = []
    member = service(core)
    member.subscribe("com.", seen.append, match="prefix", get_retained=True)
    service(core).publish("com.x", ["live"])
    core.host.run()
    assert [(event.topic, event.args, event.details.get("retained", False)) for event in seen] == [
        ("com.x", ["last"], True),
        ("com.x", ["live"], False),
    ]


async def test_services_speak_in_their_own_name_and_others_do_not() -> None:
    core = Core()
    alice = core.join()
    alice.subscribe("fairlead.news")
    service(core).publish("fairlead.news", [1])
    service(core, Principal("bob", "user")).publish("fairlead.news", [2])
    assert alice.events() == [[1]]


class Handler:
    """Knows only how to be called, and whether it is still there."""

    def __call__(self, event: MemberEvent) -> None: ...


@pytest.mark.parametrize("signal", [signal for signal in RevocationSignal if signal is not RevocationSignal.CLOSE])
@pytest.mark.parametrize("topic", ["obj.a", "src.a"])
async def test_handler_of_a_subscription_that_the_router_ended_is_let_go(signal: RevocationSignal, topic: str) -> None:
    rights = Rights()
    rights.grant("bob", "a")
    core = Core(authorizer=rights, options=RealmOptions(revocation_signal=signal))
    core.serve()
    member = service(core, Principal("bob", "user"))
    handler = Handler()
    member.subscribe(topic, handler)
    core.host.run()
    here = weakref.ref(handler)
    del handler
    assert here() is not None
    rights.take_away("bob", "a")
    core.realm1.gate.revoke(principals=["bob"])
    core.host.run()
    assert here() is None


@pytest.mark.parametrize("way", ["leave", "kill"])
async def test_handlers_of_a_member_that_has_ended_are_let_go(way: str) -> None:
    core = Core()
    member = service(core, Principal("bob", "user"))
    handler = Handler()
    member.subscribe("com.x", handler)
    core.host.run()
    here = weakref.ref(handler)
    del handler
    if way == "leave":
        member.leave()
    else:
        core.realm1.kill(authid="bob")
    core.host.run()
    assert here() is None


# ---- calls to an endpoint ----


def serve(core: Core, endpoint: Callable[[Call], Any]) -> Member:
    member = service(core)
    member.register("com.p", endpoint)
    core.host.run()
    return member


async def test_registration_is_in_force_in_the_same_turn() -> None:
    core = Core()
    alice = core.join()
    member = service(core)
    member.register("com.p", lambda call: {"ok": True})
    assert alice.ask([48, 1, {}, "com.p"]) == [[50, 1, {}, [{"ok": True}], {}]]


async def test_endpoint_may_be_a_coroutine() -> None:
    core = Core()

    async def endpoint(call: Call) -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"sum": sum(call.payload.args)}

    serve(core, endpoint)
    alice = core.join()
    alice.send([48, 1, {}, "com.p", [1, 2]])
    await settle(core)
    assert alice.take() == [[50, 1, {}, [{"sum": 3}], {}]]


async def test_request_error_is_the_answer() -> None:
    core = Core()

    class Gap(RequestError):
        uri = "fairlead.error.gap"

    def endpoint(call: Call) -> dict[str, Any]:
        raise Gap("records 5 to 7 are missing", expected=5)

    async def later(call: Call) -> dict[str, Any]:
        return endpoint(call)

    serve(core, endpoint).register("com.later", later)
    alice = core.join()
    alice.send([48, 1, {}, "com.p"], [48, 2, {}, "com.later"])
    await settle(core)
    answer = ["fairlead.error.gap", ["records 5 to 7 are missing"], {"expected": 5}]
    assert alice.take() == [[8, 48, 1, {}, *answer], [8, 48, 2, {}, *answer]]


async def test_mistake_of_an_endpoint_is_logged_and_told_without_details(caplog: pytest.LogCaptureFixture) -> None:
    core = Core()

    def endpoint(call: Call) -> dict[str, Any]:
        raise KeyError("secret")

    serve(core, endpoint)
    [error] = core.join().ask([48, 1, {}, "com.p"])
    assert error[4] == "wamp.error.runtime_error"
    assert "secret" not in error[5][0]
    assert "KeyError" in caplog.text


async def test_result_that_no_serializer_has_is_an_error() -> None:
    core = Core()
    serve(core, lambda call: {"x": float("inf")})
    assert core.join().ask([48, 1, {}, "com.p"])[0][4] == "wamp.error.invalid_argument"


async def test_pending_endpoint_answers_through_its_handle() -> None:
    core = Core()
    calls: list[Call] = []

    def endpoint(call: Call) -> Any:
        calls.append(call)
        return PENDING

    serve(core, endpoint)
    alice = core.join("alice")
    assert alice.ask([48, 1, {"receive_progress": True}, "com.p"]) == []
    [call] = calls
    assert (call.caller.session_id, call.caller.principal.authid) == (alice.session_id, "alice")
    assert (call.procedure, call.wants_progress, call.is_open) == ("com.p", True, True)
    assert call.send({"n": 1})
    assert call.send({"n": 2})
    call.finish({"done": True})
    call.finish({"done": "again"})
    call.abort(RequestError("too late"))
    assert not call.send({"n": 3})
    assert not call.is_open
    progress = {"progress": True}
    assert alice.take() == [
        [50, 1, progress, [{"n": 1}], {}],
        [50, 1, progress, [{"n": 2}], {}],
        [50, 1, {}, [{"done": True}], {}],
    ]


@pytest.mark.parametrize("mode", ["kill", "killnowait", "skip"])
async def test_endpoint_hears_of_cancel_and_the_caller_is_answered_once(mode: str) -> None:
    """Although the endpoint keeps nothing of the call."""
    core = Core()
    ended: list[str] = []

    def endpoint(call: Call) -> Any:
        call.on_end = ended.append
        return PENDING

    serve(core, endpoint)
    alice = core.join(roles=EVERY_FEATURE)
    alice.ask([48, 1, {}, "com.p"])
    [error] = alice.ask([49, 1, {"mode": mode}])
    assert error[:5] == [8, 48, 1, {}, "wamp.error.canceled"]
    assert ended == ["wamp.error.canceled"]


async def test_endpoint_hears_of_a_caller_that_leaves() -> None:
    core = Core()
    ended: list[str] = []

    def endpoint(call: Call) -> Any:
        call.on_end = ended.append
        return PENDING

    serve(core, endpoint)
    alice = core.join()
    alice.ask([48, 1, {}, "com.p"])
    alice.vanish()
    core.host.run()
    assert ended == ["wamp.error.canceled"]


async def test_endpoint_that_ends_the_call_itself_is_not_told() -> None:
    core = Core()
    ended: list[str] = []

    def endpoint(call: Call) -> Any:
        call.on_end = ended.append
        return {}

    serve(core, endpoint)
    alice = core.join()
    alice.ask([48, 1, {}, "com.p"], [49, 1, {}])
    alice.vanish()
    core.host.run()
    assert ended == []


async def test_coroutine_of_a_canceled_call_goes_on_for_nobody() -> None:
    """It may be in the middle of a commit; who wants to stop has `on_end`."""
    core = Core()
    may_go_on = asyncio.Event()
    done: list[bool] = []

    async def endpoint(call: Call) -> dict[str, Any]:
        await may_go_on.wait()
        done.append(call.is_open)
        return {}

    serve(core, endpoint)
    alice = core.join()
    alice.send([48, 1, {}, "com.p"])
    await settle(core)
    alice.send([49, 1, {}])
    may_go_on.set()
    await settle(core)
    assert types_of(alice.take()) == [8]
    assert done == [False]


async def test_on_end_that_fails_is_logged_and_the_member_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    core = Core()

    def endpoint(call: Call) -> Any:
        call.on_end = lambda reason: 1 // 0  # type: ignore[assignment]
        return PENDING

    serve(core, endpoint).register("com.q", lambda call: {})
    alice = core.join()
    alice.ask([48, 1, {}, "com.p"])
    assert types_of(alice.ask([49, 1, {}], [48, 2, {}, "com.q"])) == [8, 50]
    assert "ZeroDivisionError" in caplog.text


async def test_invocation_of_a_procedure_just_unregistered_is_answered(caplog: pytest.LogCaptureFixture) -> None:
    core = Core()
    member = service(core)
    registration = member.register("com.p", lambda call: {})
    core.host.run()
    alice = core.join()
    with caplog.at_level(logging.ERROR):
        alice.send([48, 1, {}, "com.p"])
        member.unregister(registration.result())
        [error] = alice.take()
    assert error[4] == "wamp.error.no_such_procedure"
    assert caplog.text == ""


# ---- a member calls ----


async def test_member_calls_and_gets_progress() -> None:
    core = Core()

    def endpoint(call: Call) -> Any:
        call.send({"n": 1})
        call.send({"n": 2})
        return {"got": call.payload.args, "by name": call.payload.kwargs}

    serve(core, endpoint)
    seen: list[Any] = []
    task = asyncio.ensure_future(
        service(core).call("com.p", [1], {"k": 2}, on_progress=lambda args, kwargs: seen.append(args[0]))
    )
    await settle(core)
    result = await task
    assert result.args == [{"got": [1], "by name": {"k": 2}}]
    assert seen == [{"n": 1}, {"n": 2}]


async def test_error_of_a_call_is_raised() -> None:
    core = Core()
    member = service(core)
    task = asyncio.ensure_future(member.call("com.nobody"))
    await settle(core)
    with pytest.raises(CallError, match=r"no_such_procedure: no callee") as caught:
        await task
    assert (caught.value.uri, caught.value.error_kwargs) == ("wamp.error.no_such_procedure", {})


async def test_call_that_its_task_gives_up_is_canceled() -> None:
    core = Core()
    ended: list[str] = []

    def endpoint(call: Call) -> Any:
        call.on_end = ended.append
        return PENDING

    serve(core, endpoint)
    task = asyncio.ensure_future(service(core).call("com.p"))
    await settle(core)
    task.cancel()
    await settle(core)
    assert task.cancelled()
    assert ended == ["wamp.error.canceled"]


async def test_progress_handler_that_fails_is_logged_and_the_result_still_comes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    core = Core()

    def endpoint(call: Call) -> Any:
        call.send({"n": 1})
        return {"done": True}

    serve(core, endpoint)
    task = asyncio.ensure_future(service(core).call("com.p", on_progress=lambda args, kwargs: 1 // 0))  # type: ignore[arg-type]
    await settle(core)
    assert (await task).args == [{"done": True}]
    assert "ZeroDivisionError" in caplog.text


async def test_member_that_is_no_service_is_judged() -> None:
    rights = Rights()
    core = Core(authorizer=rights)
    member = service(core, Principal("bob", "user"))
    task = asyncio.ensure_future(member.call("obj.secret.p"))
    await settle(core)
    with pytest.raises(CallError, match="may not call"):
        await task


# ---- the end ----


async def test_member_that_leaves_takes_everything_with_it() -> None:
    core = Core()
    member = service(core)
    source = RecordingSource()
    member.serve_topics("src.", source)
    seen: list[MemberEvent] = []
    member.subscribe("com.x", seen.append)
    member.register("com.p", lambda call: {})
    core.host.run()
    service(core).publish("com.x")
    member.leave()
    alice = core.join()
    assert alice.ask([48, 1, {}, "com.p"])[0][4] == "wamp.error.no_such_procedure"
    assert core.realm1.broker.source_of("src.x") is None
    assert seen == []


@pytest.mark.parametrize("way", ["leave", "kill"])
async def test_what_a_member_waits_for_fails_when_it_ends(way: str) -> None:
    core = Core()
    serve(core, lambda call: PENDING)
    member = service(core, Principal("bob", "user"))
    source = RecordingSource()
    member.serve_topics("src.", source)
    task = asyncio.ensure_future(member.call("com.p"))
    await settle(core)
    ignored = member.register("com.q", lambda call: {})
    if way == "leave":
        member.leave()
    else:
        core.realm1.kill(authid="bob")
    await settle(core)
    with pytest.raises(CallError):
        await task
    assert ignored.done()
    assert core.realm1.broker.source_of("src.x") is None
    assert all(principal.authid != "bob" for _, principal in core.realm1.sessions())


async def test_coroutines_of_a_member_that_leaves_are_canceled() -> None:
    core = Core()
    ended: list[str] = []

    async def endpoint(call: Call) -> dict[str, Any]:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cleaned up")
        return {}

    member = serve(core, endpoint)
    alice = core.join()
    alice.send([48, 1, {}, "com.p"])
    await settle(core)
    member.leave()
    await settle(core)
    assert ended == ["cleaned up"]
    assert alice.take()[0][4] == "wamp.error.canceled"


async def test_member_that_has_left_does_nothing_more() -> None:
    core = Core()
    alice = core.join()
    alice.subscribe("com.x")
    member = service(core)
    member.leave()
    member.publish("com.x")
    for request in (
        member.register("com.p", lambda call: {}),
        member.subscribe("com.x", lambda event: None),
        member.call("com.p"),
    ):
        with pytest.raises(CallError, match="has left"):
            await request
    assert alice.take() == []
    assert alice.ask([48, 1, {}, "com.p"])[0][4] == "wamp.error.no_such_procedure"


async def test_a_member_may_leave_twice() -> None:
    core = Core()
    member = service(core)
    member.leave()
    member.leave()
    assert list(core.realm1.sessions()) == []
