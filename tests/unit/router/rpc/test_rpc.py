"""A call: its results, its errors, and everything that may end it."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead_router.authorization import Principal
from fairlead_router.limits import Limits
from support.core import EVERY_FEATURE, Core, Peer, Rights, types_of

CANCELED = "wamp.error.canceled"


def pair(features: dict[str, Any] | None = EVERY_FEATURE) -> tuple[Core, Peer, Peer]:
    """A callee of com.p, and a caller."""
    core = Core()
    callee, caller = core.join("callee", roles=features), core.join("caller")
    callee.register("com.p")
    return core, callee, caller


def call(caller: Peer, callee: Peer, request: int = 1, **options: Any) -> int:
    """Returns the id of the invocation."""
    assert caller.ask([48, request, options, "com.p"]) == []
    [invocation] = callee.take()
    number: int = invocation[1]
    return number


# ---- results and errors ----


def test_payload_goes_to_the_callee_and_back_as_it_is() -> None:
    _, callee, caller = pair()
    caller.ask([48, 1, {}, "com.p", [1, 2.5, None, "é"], {"k": [True]}])
    [invocation] = callee.take()
    assert invocation[0] == 68
    assert invocation[3:] == [{}, [1, 2.5, None, "é"], {"k": [True]}]
    callee.send([70, invocation[1], {}, [{"a": 1}], {}])
    assert caller.take() == [[50, 1, {}, [{"a": 1}], {}]]


def test_absent_payload_stays_absent() -> None:
    _, callee, caller = pair()
    caller.ask([48, 1, {}, "com.p"])
    [invocation] = callee.take()
    assert len(invocation) == 4
    callee.send([70, invocation[1], {}])
    assert caller.take() == [[50, 1, {}]]


def test_error_of_the_callee_reaches_the_caller() -> None:
    _, callee, caller = pair()
    invocation = call(caller, callee)
    callee.send([8, 68, invocation, {"trace": "private"}, "com.app.error", ["why"], {"n": 1}])
    assert caller.take() == [[8, 48, 1, {}, "com.app.error", ["why"], {"n": 1}]]


@pytest.mark.parametrize("error", ["not a uri", "", "com..x"])
def test_error_with_an_invalid_uri_is_an_invalid_uri(error: str) -> None:
    _, callee, caller = pair()
    callee.send([8, 68, call(caller, callee), {}, error])
    assert caller.take()[0][4] == "wamp.error.invalid_uri"


def test_calls_of_one_caller_arrive_in_order() -> None:
    _, callee, caller = pair()
    caller.send(*([48, number, {}, "com.p", [number]] for number in range(1, 50)))
    assert [message[4] for message in callee.take()] == [[number] for number in range(1, 50)]


def test_unknown_procedure_is_an_error() -> None:
    [error] = Core().join().ask([48, 3, {}, "com.nobody"])
    assert error == [
        8, 48, 3, {}, "wamp.error.no_such_procedure", ["no callee has registered procedure 'com.nobody'"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ([48, 5, {}, "com..p"], "wamp.error.invalid_uri"),
        ([48, 5, {}, "com.p", {"a": 1}], "wamp.error.invalid_argument"),
        ([48, 5, {}, "com.p", [], [1]], "wamp.error.invalid_argument"),
        ([48, 5, {}, "com.p", ["\0%"]], "wamp.error.invalid_argument"),
    ],
)
def test_call_is_refused(message: list[Any], error: str) -> None:
    _, callee, caller = pair()
    [answer] = caller.ask(message)
    assert answer[:5] == [8, 48, 5, {}, error]
    assert callee.take() == []


def test_yield_outside_the_common_model_fails_the_call_and_frees_the_callee() -> None:
    _, callee, caller = pair()
    invocation = call(caller, callee)
    assert callee.ask([70, invocation, {}, ["\0no base64!"]]) == [
        [69, invocation, {"mode": "killnowait", "reason": "wamp.error.invalid_argument"}]
    ]
    assert caller.take()[0][:5] == [8, 48, 1, {}, "wamp.error.invalid_argument"]


def test_error_outside_the_common_model_fails_the_call() -> None:
    _, callee, caller = pair()
    callee.send([8, 68, call(caller, callee), {}, "com.error", {"not": "a list"}])
    assert caller.take()[0][:5] == [8, 48, 1, {}, "wamp.error.invalid_argument"]


def test_request_id_in_use_ends_the_session() -> None:
    _, callee, caller = pair()
    call(caller, callee)
    [abort] = caller.ask([48, 1, {}, "com.p"])
    assert abort[0] == 3
    assert abort[2] == "wamp.error.protocol_violation"


def test_request_id_of_a_call_that_is_over_may_be_used_again() -> None:
    _, callee, caller = pair()
    callee.send([70, call(caller, callee), {}])
    assert caller.take() == [[50, 1, {}]]
    call(caller, callee)


def test_calls_in_progress_are_limited() -> None:
    core = Core(Limits(calls_per_session=1))
    callee, caller = core.join(), core.join()
    callee.register("com.p")
    call(caller, callee)
    [error] = caller.ask([48, 2, {}, "com.p"])
    assert error[4] == "fairlead.error.limit_exceeded"
    assert "calls_per_session" in error[5][0]


# ---- progressive results ----


def test_progressive_results_come_in_order_and_the_final_one_last() -> None:
    _, callee, caller = pair()
    caller.ask([48, 1, {"receive_progress": True}, "com.p"])
    [invocation] = callee.take()
    assert invocation[3] == {"receive_progress": True}
    callee.send(*([70, invocation[1], {"progress": True}, [number]] for number in range(5)), [70, invocation[1], {}])
    assert caller.take() == [*([50, 1, {"progress": True}, [number]] for number in range(5)), [50, 1, {}]]


def test_nothing_follows_the_final_result() -> None:
    _, callee, caller = pair()
    invocation = call(caller, callee, receive_progress=True)
    callee.send([70, invocation, {}], [70, invocation, {"progress": True}], [70, invocation, {}])
    assert caller.take() == [[50, 1, {}]]


def test_nothing_follows_an_error_and_what_is_queued_is_taken_back() -> None:
    _, callee, caller = pair()
    invocation = call(caller, callee, receive_progress=True)
    caller.clog()
    callee.send([70, invocation, {"progress": True}], [8, 68, invocation, {}, "com.error"], [70, invocation, {}])
    caller.read_on()
    assert caller.take() == [[8, 48, 1, {}, "com.error"]]


def test_progress_that_nobody_asked_for_is_ignored() -> None:
    _, callee, caller = pair()
    invocation = call(caller, callee)
    callee.send([70, invocation, {"progress": True}, [1]], [70, invocation, {}, [2]])
    assert caller.take() == [[50, 1, {}, [2]]]


def test_yield_for_a_call_of_another_callee_goes_nowhere() -> None:
    core, callee, caller = pair()
    invocation = call(caller, callee)
    assert core.join().ask([70, invocation, {}, ["forged"]]) == []
    assert caller.take() == []


# ---- cancel ----


@pytest.mark.parametrize(
    ("options", "interrupts", "is_answered_at_once"),
    [({"mode": "skip"}, [], True), ({"mode": "kill"}, ["kill"], False), ({}, ["killnowait"], True)],
)
def test_cancel(options: dict[str, str], interrupts: list[str], is_answered_at_once: bool) -> None:
    _, callee, caller = pair()
    invocation = call(caller, callee)
    answers = caller.ask([49, 1, options])
    assert [answer[:5] for answer in answers] == ([[8, 48, 1, {}, CANCELED]] if is_answered_at_once else [])
    assert callee.take() == [[69, invocation, {"mode": mode, "reason": CANCELED}] for mode in interrupts]
    callee.send([8, 68, invocation, {}, CANCELED, ["stopped"]])
    assert caller.take() == ([] if is_answered_at_once else [[8, 48, 1, {}, CANCELED, ["stopped"]]])


def test_cancel_with_kill_may_cross_with_the_result() -> None:
    _, callee, caller = pair()
    invocation = call(caller, callee)
    caller.ask([49, 1, {"mode": "kill"}])
    callee.send([70, invocation, {}, ["done"]])
    assert caller.take() == [[50, 1, {}, ["done"]]]


@pytest.mark.parametrize("mode", ["kill", "killnowait"])
def test_callee_that_cannot_be_interrupted_is_skipped(mode: str) -> None:
    _, callee, caller = pair(features=None)
    invocation = call(caller, callee)
    assert caller.ask([49, 1, {"mode": mode}])[0][4] == CANCELED
    callee.send([70, invocation, {}, ["too late"]])
    assert (callee.take(), caller.take()) == ([], [])


def test_cancel_takes_queued_progress_back() -> None:
    core, callee, caller = pair()
    invocation = call(caller, callee, receive_progress=True)
    caller.clog()
    callee.send([70, invocation, {"progress": True}, [1]])
    core.host.run()
    caller.send([49, 1, {}])
    caller.read_on()
    assert [message[:5] for message in caller.take()] == [[8, 48, 1, {}, CANCELED]]


def test_cancel_of_an_unknown_or_finished_call_is_ignored() -> None:
    _, callee, caller = pair()
    callee.send([70, call(caller, callee), {}])
    assert caller.ask([49, 1, {}], [49, 99, {}]) == [[50, 1, {}]]
    assert callee.take() == []


def test_cancel_with_an_unknown_mode_ends_the_session() -> None:
    _, _, caller = pair()
    assert caller.ask([49, 1, {"mode": "gently"}])[0][2] == "wamp.error.protocol_violation"


def test_session_that_calls_itself_is_not_interrupted_for_a_call_that_it_never_saw() -> None:
    core = Core()
    alice = core.join(roles=EVERY_FEATURE)
    alice.register("com.p")
    alice.send([48, 1, {}, "com.p"], [49, 1, {}])
    assert types_of(alice.take()) == [68, 69, 8]


def test_second_cancel_may_be_stronger() -> None:
    _, callee, caller = pair()
    invocation = call(caller, callee)
    assert caller.ask([49, 1, {"mode": "kill"}], [49, 1, {"mode": "kill"}]) == []
    assert caller.ask([49, 1, {"mode": "killnowait"}], [49, 1, {"mode": "killnowait"}])[0][4] == CANCELED
    assert callee.take() == [[69, invocation, {"mode": "kill", "reason": CANCELED}]]


def test_caller_may_leave_while_a_killed_call_is_not_answered() -> None:
    _, callee, caller = pair()
    invocation = call(caller, callee)
    caller.ask([49, 1, {"mode": "kill"}])
    caller.vanish()
    assert types_of(callee.take()) == [69]
    assert callee.ask([70, invocation, {}]) == []


def test_callee_that_leaves_ends_a_killed_call() -> None:
    _, callee, caller = pair()
    call(caller, callee)
    caller.ask([49, 1, {"mode": "kill"}])
    callee.vanish()
    assert [answer[4] for answer in caller.take()] == [CANCELED]


def test_cancel_while_the_authorizer_thinks_reaches_no_callee() -> None:
    rights = Rights()
    core = Core(authorizer=rights)
    callee, caller = core.join(roles=EVERY_FEATURE), core.join()
    callee.register("com.p")
    rights.is_asynchronous = True
    [error] = caller.ask([48, 1, {}, "com.p"], [49, 1, {"mode": "kill"}])
    assert error[:5] == [8, 48, 1, {}, CANCELED]
    rights.answer()
    assert (callee.take(), caller.take()) == ([], [])


# ---- what callees are told ----


def test_callee_is_told_how_far_its_caller_is_trusted() -> None:
    core = Core()
    callee = core.join()
    callee.register("com.p")
    core.authenticator.principal = lambda authid: Principal(authid, "user", trustlevel=3)  # type: ignore[method-assign]
    core.join("alice").ask([48, 1, {}, "com.p"])
    core.join().ask([48, 1, {}, "com.p"])
    assert [invocation[3] for invocation in callee.take()] == [{"trustlevel": 3}, {}]


def test_callee_that_cannot_be_interrupted_may_answer_progressively() -> None:
    _, callee, caller = pair(features=None)
    caller.ask([48, 1, {"receive_progress": True}, "com.p"])
    [invocation] = callee.take()
    assert invocation[3] == {"receive_progress": True}
    callee.send([70, invocation[1], {"progress": True}, [1]], [70, invocation[1], {}, [2]])
    assert caller.take() == [[50, 1, {"progress": True}, [1]], [50, 1, {}, [2]]]


@pytest.mark.parametrize("request_ids", [[7, 3, 1000, 4], [1 << 53, 1]])
def test_request_ids_may_have_gaps_and_any_order(request_ids: list[int]) -> None:
    _, callee, caller = pair()
    assert caller.ask(*([48, request, {}, "com.p"] for request in request_ids)) == []
    assert len(callee.take()) == len(request_ids)


# ---- payload passthru mode ----

PPT = {"ppt_scheme": "wamp", "ppt_serializer": "cbor", "ppt_cipher": "aes256gcm", "ppt_keyid": "4711"}
SECRET = ["\0AAEC"]


def test_passthru_attributes_go_with_call_result_and_error() -> None:
    _, callee, caller = pair()
    caller = callee.core.join(roles=EVERY_FEATURE)
    caller.ask([48, 1, {**PPT, "receive_progress": True}, "com.p", SECRET])
    [invocation] = callee.take()
    assert invocation[3:] == [{**PPT, "receive_progress": True}, SECRET]
    callee.send([70, 1, {**PPT, "progress": True}, SECRET], [70, 1, {**PPT, "ppt_keyid": "1"}, SECRET])
    assert caller.take() == [[50, 1, {**PPT, "progress": True}, SECRET], [50, 1, {**PPT, "ppt_keyid": "1"}, SECRET]]
    caller.ask([48, 2, {}, "com.p"])
    callee.send([8, 68, 2, {**PPT, "private": 1}, "com.error", SECRET])
    assert caller.take() == [[8, 48, 2, PPT, "com.error", SECRET]]


def test_passthru_payload_crosses_serializers_as_binary() -> None:
    core, callee, _ = pair()
    caller = core.join(roles=EVERY_FEATURE, codec="msgpack")
    caller.ask([48, 1, PPT, "com.p", [b"\x00\x01\x02"]])
    assert callee.take()[0][3:] == [PPT, SECRET]


def test_passthru_to_a_callee_that_did_not_announce_it_is_an_error() -> None:
    core = Core()
    callee, caller = core.join(), core.join(roles=EVERY_FEATURE)
    callee.register("com.p")
    [error] = caller.ask([48, 1, PPT, "com.p", SECRET])
    assert error[:5] == [8, 48, 1, {}, "wamp.error.feature_not_supported"]
    assert callee.take() == []


def test_passthru_by_a_caller_that_did_not_announce_it_breaks_the_protocol() -> None:
    _, _, caller = pair()
    assert caller.ask([48, 1, PPT, "com.p", SECRET])[0][2] == "wamp.error.protocol_violation"


@pytest.mark.parametrize("answer", [[70, 1, PPT, SECRET], [8, 68, 1, PPT, "com.error", SECRET]])
def test_passthru_by_a_callee_that_did_not_announce_it_breaks_the_protocol(answer: list[Any]) -> None:
    core = Core()
    callee, caller = core.join(), core.join(roles=EVERY_FEATURE)
    callee.register("com.p")
    call(caller, callee)
    assert callee.ask(answer)[0][2] == "wamp.error.protocol_violation"
    assert caller.take()[0][4] == CANCELED


def test_passthru_result_for_a_caller_that_did_not_announce_it_is_an_error_for_both() -> None:
    _, callee, caller = pair()
    call(caller, callee)
    error, interrupt = callee.ask([70, 1, PPT, SECRET])
    assert error[:5] == [8, 70, 1, {}, "wamp.error.feature_not_supported"]
    assert interrupt[0] == 69
    assert caller.take()[0][:5] == [8, 48, 1, {}, "wamp.error.feature_not_supported"]


def test_passthru_error_for_a_caller_that_did_not_announce_it_is_not_passed_on() -> None:
    _, callee, caller = pair()
    call(caller, callee)
    callee.ask([8, 68, 1, PPT, "com.error", SECRET])
    assert caller.take()[0][:5] == [8, 48, 1, {}, "wamp.error.feature_not_supported"]


# ---- somebody leaves ----


def test_callee_that_leaves_fails_its_calls() -> None:
    _, callee, caller = pair()
    call(caller, callee)
    callee.vanish()
    [error] = caller.take()
    assert error[:5] == [8, 48, 1, {}, CANCELED]


def test_caller_that_leaves_frees_its_callee() -> None:
    _, callee, caller = pair()
    invocation = call(caller, callee)
    caller.vanish()
    assert callee.take() == [[69, invocation, {"mode": "killnowait", "reason": CANCELED}]]
    assert callee.ask([70, invocation, {}, ["for nobody"]]) == []


def test_session_that_calls_itself_may_leave() -> None:
    core = Core()
    alice = core.join()
    alice.register("com.p")
    alice.ask([48, 1, {}, "com.p"])
    alice.vanish()
    assert list(core.realm1.sessions()) == []


def test_caller_who_does_not_read_progress_is_told_and_the_callee_is_not_slowed() -> None:
    core = Core(Limits(outbox_bytes=10_000, stalled_factor=1))
    callee, caller = core.join(roles=EVERY_FEATURE), core.join()
    callee.register("com.p")
    invocation = call(caller, callee, receive_progress=True)
    caller.clog()
    for _ in range(20):
        callee.send([70, invocation, {"progress": True}, ["x" * 1000]])
        core.host.run()
    assert not caller.has_session
    assert types_of(callee.take()) == [69]
    caller.read_on()
    assert [message[2] for message in caller.take()] == ["fairlead.close.too_slow"]
