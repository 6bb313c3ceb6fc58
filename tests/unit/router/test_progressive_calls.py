"""Progressive call invocations: one call, sent in several CALLs (spec: Advanced Profile)."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead_router.limits import Limits
from support.core import EVERY_FEATURE, ROLES, Core, Peer, Rights, types_of

MORE = {"progress": True}
FEATURE_NOT_SUPPORTED = "wamp.error.feature_not_supported"
PROTOCOL_VIOLATION = "wamp.error.protocol_violation"
CANCELED = "wamp.error.canceled"


def pair(core: Core | None = None, **options: Any) -> tuple[Core, Peer, Peer]:
    core = core or Core()
    callee, caller = core.join("callee", roles=EVERY_FEATURE), core.join("caller", roles=EVERY_FEATURE)
    callee.register("com.p", **options)
    return core, callee, caller


def chunk(number: int, request: int = 1, **options: Any) -> list[Any]:
    return [48, request, {**MORE, **options}, "com.p", [number]]


def final(number: int, request: int = 1) -> list[Any]:
    return [48, request, {}, "com.p", [number]]


def test_all_calls_of_a_request_are_one_invocation() -> None:
    _, callee, caller = pair()
    assert caller.ask(chunk(1), chunk(2), final(3)) == []
    invocations = callee.take()
    assert {message[1] for message in invocations} == {1}
    assert [message[3:] for message in invocations] == [[MORE, [1]], [MORE, [2]], [{}, [3]]]
    callee.send([70, 1, {}, ["sum"]])
    assert caller.take() == [[50, 1, {}, ["sum"]]]


def test_the_first_call_may_be_the_only_one_that_is_not_final() -> None:
    _, callee, caller = pair()
    caller.ask(chunk(1), [48, 1, {"progress": False}, "com.p"])
    assert [message[3:] for message in callee.take()] == [[MORE, [1]], [{}]]


def test_other_calls_may_come_between() -> None:
    _, callee, caller = pair()
    caller.ask(chunk(1, 1), chunk(10, 2), final(99, 3), chunk(2, 1), final(11, 2), final(3, 1))
    arrived: dict[int, list[int]] = {}
    for message in callee.take():
        arrived.setdefault(message[1], []).append(message[4][0])
    assert arrived == {1: [1, 2, 3], 2: [10, 11], 3: [99]}


def test_results_may_progress_while_the_call_does() -> None:
    _, callee, caller = pair()
    caller.ask(chunk(1, receive_progress=True))
    callee.ask([70, 1, {"progress": True}, ["one"]])
    caller.send(final(2))
    assert [message[3] for message in callee.take()] == [{"receive_progress": True}]
    callee.send([70, 1, {}, ["two"]])
    assert caller.take() == [[50, 1, {"progress": True}, ["one"]], [50, 1, {}, ["two"]]]


def test_all_go_to_the_callee_of_the_first() -> None:
    core, callee, caller = pair(invoke="roundrobin")
    other = core.join(roles=EVERY_FEATURE)
    other.register("com.p", invoke="roundrobin")
    caller.ask(chunk(1), chunk(2), chunk(10, 2), final(3), final(11, 2))
    assert [message[4][0] for message in callee.take()] == [1, 2, 3]
    assert [message[4][0] for message in other.take()] == [10, 11]


def test_options_of_the_first_call_hold_for_all() -> None:
    core, _, caller = pair()
    callee = core.join(roles=EVERY_FEATURE)
    callee.register("com.x", match="prefix")
    first = {**MORE, "disclose_me": True, "receive_progress": True, "ppt_scheme": "x_a"}
    caller.ask(
        [48, 1, first, "com.x.y", [1]],
        [48, 1, {**MORE, "ppt_scheme": "x_b", "timeout": 1}, "com.x.y", [2]],
        [48, 1, {"receive_progress": False}, "com.x.y", [3]],
    )
    core.host.advance(10)
    details = [message[3] for message in callee.take()]
    assert details[0] == details[1] == {**details[2], **MORE}
    assert details[2]["caller"] == caller.session_id
    assert (details[2]["ppt_scheme"], details[2]["procedure"]) == ("x_a", "com.x.y")


# ---- who may ----


def test_caller_that_did_not_announce_it_breaks_the_protocol() -> None:
    core, _, _ = pair()
    assert core.join().ask(chunk(1))[0][2] == PROTOCOL_VIOLATION


@pytest.mark.parametrize("features", [{}, {"progressive_call_invocations": True}, {"call_canceling": True}])
def test_callee_that_does_not_take_it_is_an_error_and_what_follows_is_dropped(features: dict[str, bool]) -> None:
    core = Core()
    callee = core.join(roles={**ROLES, "callee": {"features": features}})
    callee.register("com.p")
    caller = core.join(roles=EVERY_FEATURE)
    [error] = caller.ask(chunk(1))
    assert error[:5] == [8, 48, 1, {}, FEATURE_NOT_SUPPORTED]
    assert caller.ask(chunk(2), final(3)) == []
    assert callee.take() == []


def test_continuation_of_another_procedure_breaks_the_protocol() -> None:
    _, _, caller = pair()
    assert caller.ask(chunk(1), [48, 1, {}, "com.q"])[0][2] == PROTOCOL_VIOLATION


def test_call_after_the_final_one_breaks_the_protocol() -> None:
    _, _, caller = pair()
    assert caller.ask(chunk(1), final(2), chunk(3))[0][2] == PROTOCOL_VIOLATION


def test_call_that_was_not_progressive_cannot_be_continued() -> None:
    _, _, caller = pair()
    assert caller.ask(final(1), final(2))[0][2] == PROTOCOL_VIOLATION


# ---- ends amid the call ----


@pytest.mark.parametrize(
    "answer", [[70, 1, {}, ["enough"]], [8, 68, 1, {}, "com.error", ["enough"]]], ids=["result", "error"]
)
def test_what_comes_after_an_early_answer_is_dropped(answer: list[Any]) -> None:
    _, callee, caller = pair()
    caller.ask(chunk(1))
    callee.ask(answer)
    assert len(caller.ask(chunk(2), final(3))) == 1
    assert callee.take() == []


def test_request_id_is_free_after_the_last_late_call() -> None:
    _, callee, caller = pair()
    caller.ask(chunk(1))
    callee.ask([70, 1, {}])
    assert types_of(caller.ask(final(2))) == [50]
    caller.ask(final(3))
    assert [message[4] for message in callee.take()] == [[3]]


def test_ends_that_are_remembered_are_bounded() -> None:
    core, callee, caller = pair(Core(Limits(ended_progressive_calls=2)))
    for request in (1, 2, 3):
        caller.ask(chunk(1, request))
        callee.ask([70, request, {}])
    session = core.realm1.session(caller.session_id)
    assert session is not None
    assert list(session.ended_calls) == [2, 3]


@pytest.mark.parametrize("mode", ["skip", "killnowait"])
def test_cancel_amid_the_call(mode: str) -> None:
    _, callee, caller = pair()
    caller.ask(chunk(1))
    callee.take()
    assert types_of(caller.ask([49, 1, {"mode": mode}], chunk(2), final(3))) == [8]
    assert types_of(callee.take()) == ([] if mode == "skip" else [69])


def test_cancel_with_kill_amid_the_call_waits_for_the_callee() -> None:
    _, callee, caller = pair()
    caller.ask(chunk(1), [49, 1, {"mode": "kill"}])
    assert types_of(callee.take()) == [68, 69]
    callee.send([8, 68, 1, {}, CANCELED])
    assert [error[4] for error in caller.take()] == [CANCELED]


def test_caller_that_leaves_amid_the_call_frees_the_callee() -> None:
    _, callee, caller = pair()
    caller.ask(chunk(1))
    callee.take()
    caller.vanish()
    assert callee.take() == [[69, 1, {"mode": "killnowait", "reason": CANCELED}]]


def test_callee_that_leaves_amid_the_call_fails_it() -> None:
    core, callee, caller = pair(invoke="first")
    other = core.join(roles=EVERY_FEATURE)
    other.register("com.p", invoke="first")
    callee.clog()
    caller.ask(chunk(1))
    callee.vanish()
    assert [error[4] for error in caller.ask(chunk(2), final(3))] == [CANCELED]
    assert other.take() == []


@pytest.mark.parametrize("payload", [[{"not": "a list"}], [["\0%"]]])
def test_malformed_continuation_fails_the_whole_call_once(payload: list[Any]) -> None:
    _, callee, caller = pair()
    caller.ask(chunk(1))
    callee.take()
    answers = caller.ask([48, 1, MORE, "com.p", *payload], chunk(3), final(4))
    assert [answer[:5] for answer in answers] == [[8, 48, 1, {}, "wamp.error.invalid_argument"]]
    assert types_of(callee.take()) == [69]


def test_unavailable_callee_of_a_progressive_call_is_not_replaced() -> None:
    core, callee, caller = pair(invoke="first")
    core.join(roles=EVERY_FEATURE).register("com.p", invoke="first")
    caller.ask(chunk(1))
    callee.ask([8, 68, 1, {}, "wamp.error.unavailable"])
    assert caller.take()[0][4] == "wamp.error.no_available_callee"


# ---- with queues and asynchronous authorizers ----


def test_what_comes_after_the_call_was_taken_up_follows() -> None:
    _, callee, caller = pair(concurrency=1)
    caller.ask(final(0, 7), chunk(1), chunk(2))
    callee.take()
    callee.send([70, 1, {}])
    caller.ask(final(3))
    assert [message[3:] for message in callee.take()] == [[MORE, [1]], [MORE, [2]], [{}, [3]]]


def test_queued_calls_keep_their_order_and_their_end() -> None:
    _, callee, caller = pair(concurrency=1)
    caller.ask(final(0, 7), chunk(1), chunk(2), final(3))
    assert [message[4] for message in callee.take()] == [[0]]
    callee.send([70, 1, {}])
    assert [message[1:2] + message[3:] for message in callee.take()] == [
        [2, MORE, [1]], [2, MORE, [2]], [2, {}, [3]],
    ]  # fmt: skip


def test_too_much_that_waits_fails_the_call_once() -> None:
    core, callee, caller = pair(Core(Limits(kept_call_bytes=100)), concurrency=1)
    answers = caller.ask(final(0, 7), chunk(1), [48, 1, MORE, "com.p", ["x" * 200]], chunk(3), final(4))
    assert [answer[4] for answer in answers] == ["fairlead.error.limit_exceeded"]
    assert core.realm1.counters.limits_exceeded == {"kept_call_bytes": 1}
    callee.send([70, 1, {}])
    assert len(callee.take()) == 1


def test_all_wait_for_the_authorizer_in_order_and_are_asked_about_once() -> None:
    rights = Rights()
    _, callee, caller = pair(Core(authorizer=rights))
    rights.is_asynchronous = True
    caller.ask(chunk(1), chunk(2), final(3))
    assert callee.take() == []
    assert rights.answer()
    assert [message[4] for message in callee.take()] == [[1], [2], [3]]
    assert not rights.answer()


def test_cancel_before_the_authorizer_has_answered_withdraws_all() -> None:
    rights = Rights()
    _, callee, caller = pair(Core(authorizer=rights))
    rights.is_asynchronous = True
    answers = caller.ask(chunk(1), chunk(2), [49, 1, {}])
    assert [answer[:5] for answer in answers] == [[8, 48, 1, {}, CANCELED]]
    rights.answer()
    assert caller.ask(chunk(3), final(4)) == []
    rights.answer()
    assert callee.take() == []


def test_cancel_of_a_call_whose_continuation_waits_behind_another_request() -> None:
    rights = Rights()
    _, callee, caller = pair(Core(authorizer=rights))
    caller.ask(chunk(1))
    rights.is_asynchronous = True
    caller.ask([32, 5, {}, "com.topic"], chunk(2))
    assert [answer[4] for answer in caller.ask([49, 1, {}])] == [CANCELED]
    assert types_of(callee.take()) == [68, 69]
    rights.answer()
    assert types_of(caller.take()) == [33]
    assert callee.take() == []


def test_call_that_the_authorizer_denies_is_answered_once() -> None:
    rights = Rights()
    _, callee, caller = pair(Core(authorizer=rights))
    rights.is_asynchronous = True
    caller.ask(chunk(1), chunk(2), final(3))
    rights.denied_uris.add("com.p")
    rights.answer()
    assert [answer[4] for answer in caller.take()] == ["wamp.error.not_authorized"]
    assert callee.take() == []


def test_continuation_that_may_not_wait_for_the_authorizer_withdraws_all() -> None:
    rights = Rights()
    _, callee, caller = pair(Core(Limits(waiting_requests=2), authorizer=rights))
    rights.is_asynchronous = True
    answers = caller.ask(chunk(1), chunk(2), chunk(3), final(4))
    assert [answer[4] for answer in answers] == ["fairlead.error.limit_exceeded"]
    rights.answer()
    assert (callee.take(), caller.take()) == ([], [])


def test_lost_right_ends_the_call_at_its_continuation() -> None:
    rights = Rights()
    core, callee, caller = pair(Core(authorizer=rights))
    caller.ask(chunk(1))
    callee.take()
    rights.denied_uris.add("com.p")
    core.realm1.gate.revoke(principals=["caller"])
    assert [answer[4] for answer in caller.ask(chunk(2), final(3))] == ["wamp.error.not_authorized"]
    assert types_of(callee.take()) == [69]


def test_continuation_passes_the_gate_also_when_no_sweep_has_come_by() -> None:
    rights = Rights()
    core, callee, caller = pair(Core(authorizer=rights))
    caller.ask(chunk(1))
    callee.take()
    rights.denied_uris.add("com.p")
    core.realm1.gate.principal_cell("caller").revision = core.realm1.gate.moves = core.realm1.gate.moves + 1
    assert [answer[4] for answer in caller.ask(chunk(2))] == ["wamp.error.not_authorized"]
    assert types_of(callee.take()) == [69]
