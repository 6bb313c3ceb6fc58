"""All transitions against all surfaces, on the protocol core; each loss leaks where nothing is judged again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from fairlead_authz import Delete, Grant, Put, Revoke
from fairlead_authz.changes import Change
from fairlead_authz.model.graph import ADMIN
from fairlead_router import Principal
from support.transitions.core_stage import core_stage
from support.transitions.play import Play
from support.transitions.stage import Attendant, Stage
from support.transitions.surfaces import BY_SURFACE, SURFACES, UNSUBSCRIBED
from support.transitions.table import BY_NAME, DECISIONS, TRANSITIONS, Transition

ALL = (*TRANSITIONS, *DECISIONS)
KINDS = ("sessions", "subscriptions", "registrations", "calls")
LISTS = [each for each in ALL if len(each.change) == 1 and isinstance(each.change[0], list)]


def named(transition: Transition) -> str:
    return transition.name


def url(directory: Path) -> str:
    return f"sqlite:///{directory}/permissions.sqlite"


@pytest.mark.parametrize("transition", ALL, ids=named)
async def test_who_loses_gets_nothing_more_and_nobody_else_notices(tmp_path: Path, transition: Transition) -> None:
    async with core_stage(url(tmp_path), transition) as stage:
        play = Play(stage, transition)
        await play.open(SURFACES)
        await play.change()
        play.check()
        await play.again()


@pytest.mark.parametrize("transition", [each for each in ALL if each.takes], ids=named)
async def test_every_surface_leaks_where_nothing_is_judged_again(tmp_path: Path, transition: Transition) -> None:
    async with core_stage(url(tmp_path), transition, is_guarded=False) as stage:
        play = Play(stage, transition)
        await play.open(SURFACES)
        await play.change()
        assert play.leaks() == [bob.surface.name for bob in play.bobs]


# ---- a dry run tells what would end ----


@pytest.mark.parametrize("transition", LISTS, ids=named)
async def test_dry_run_tells_exactly_what_then_ends(tmp_path: Path, transition: Transition) -> None:
    async with core_stage(url(tmp_path), transition) as stage:
        play = Play(stage, transition)
        await play.open(SURFACES)
        for attendant in stage.attendants:
            attendant.wait()
        [changes] = stage.steps(transition)
        assert isinstance(changes, list)
        told = await would_end(stage, changes)
        before = live(stage)
        await stage.play(changes)
        await stage.rest()
        ended = before - live(stage)
        assert told == {
            **{name: sum(kind == name for kind, *_ in ended) for name in KINDS},
            "users": len({user for _, user, *_ in ended}),
        }


async def would_end(stage: Stage, changes: list[Change]) -> dict[str, int]:
    """By the procedure, which leaves everything as it is."""
    admin = stage.realm.join(Principal(ADMIN, "admin"))
    before, revision = live(stage), stage.authz.revision
    result = await stage.until(admin.call("fairlead.authz.apply", [msgspec.to_builtins(changes)], {"dry_run": True}))
    assert (live(stage), stage.authz.revision) == (before, revision)
    admin.leave()
    answer: dict[str, int] = result.args[0]["would_end"]
    return answer


def live(stage: Stage) -> set[tuple[Any, ...]]:
    """What kind, whose and which: everything that there is of peers."""
    found: set[tuple[Any, ...]] = set()
    for session in stage.realm.peers():
        user = session.principal.authid
        found.add(("sessions", user, session.id))
        found.update(("subscriptions", user, session.id, id_) for id_ in session.memberships)
        found.update(("registrations", user, session.id, id_) for id_ in session.registrations)
        found.update(("calls", user, session.id, id_) for id_ in session.calls)
    return found


# ---- answers that wait ----

ANSWERS: list[tuple[str, list[Any]]] = [
    ("fairlead.log.list", []),
    ("fairlead.authz.list", []),
    ("fairlead.authz.get", ["x"]),
    ("fairlead.authz.who", ["read", "x"]),
    ("fairlead.authz.members", ["staff"]),
]


@pytest.mark.parametrize(("procedure", "arguments"), ANSWERS)
@pytest.mark.parametrize("takes", [True, False])
async def test_an_answer_that_waits_goes_with_what_it_shows(
    tmp_path: Path, procedure: str, arguments: list[Any], takes: bool
) -> None:
    staff: list[Change] = [Put("role", "staff"), Grant("bob", "manage", "staff"), Grant("staff", "read", "q")]
    world = Transition("answers", [Grant("bob", "manage", "x"), *staff], ())
    async with core_stage(url(tmp_path), world) as stage:
        bob = await stage.attend("bob", "x", BY_SURFACE["publish"])
        stage.clog([bob])
        bob.send([48, 0, {}, procedure, arguments])
        await stage.rest()
        lost = [("bob", "x"), ("bob", "staff")] if takes else [("dave", "y")]
        await stage.play([Revoke(user, "read", object_id) for user, object_id in lost])
        stage.read_on([bob])
        await bob.look()
        assert [message[0] for message in bob.arrived] == [8 if takes else 50]


# ---- what the loser has left behind ----


@pytest.mark.parametrize(
    "transition", [each for each in TRANSITIONS if each.takes and "write" in (each.gives, each.takes)], ids=named
)
async def test_testaments_and_retained_events_of_the_loser_are_not_delivered(
    tmp_path: Path, transition: Transition
) -> None:
    """A testament is published by the session that has ended, with its token; what is retained is its user's."""
    topic = f"com.app.{transition.target}"
    async with core_stage(url(tmp_path), transition) as stage:
        heard: list[str] = []
        bob = await stage.attend("bob", transition.target, BY_SURFACE["publish"])
        bob.send([16, 0, {"retain": True}, topic, ["retained"]])
        bob.send([48, 0, {}, "wamp.session.add_testament", [topic, ["testament"]]])
        stage.service.subscribe(topic, lambda event: heard.append(event.args[0]))
        await stage.rest()
        for step in transition.change:
            await stage.play(step)
        bob.send([6, {}, "wamp.close.normal"])
        await stage.rest()
        listener = stage.realm.join(Principal("listener", "service"))
        listener.subscribe(topic, lambda event: heard.append(event.args[0]), get_retained=True)
        await stage.rest()
        listener.leave()
        assert ("testament" in heard) == ("publish" in transition.spares)
        may_publish = stage.authz.authorizer.authorize(Principal("bob", "user"), "publish", topic, "exact", None)
        assert ("retained" in heard) == may_publish


# ---- decisions that no row of the table shows ----


async def test_two_weak_paths_do_not_make_a_strong_one(tmp_path: Path) -> None:
    transition = DECISIONS[0]
    async with core_stage(url(tmp_path), transition) as stage:
        surfaces = [each for each in SURFACES if each.level == "write"]
        attendants = [await stage.attend("bob", "x", surface) for surface in surfaces]
        await stage.say("permitted")
        for each in attendants:
            await each.probe()
        assert [(each.surface.name, each.words) for each in attendants if each.words] == []


async def test_word_of_a_deletion_is_for_those_who_could_read_the_object_and_not_for_those_who_see_its_owner(
    tmp_path: Path,
) -> None:
    async with core_stage(url(tmp_path), BY_NAME["T18 object deleted"]) as stage:
        assert stage.authz.can("dave", "read", "alice")
        readers = [await stage.attend("bob", "x", BY_SURFACE[name]) for name in ("exact", "prefix")]
        stranger = await stage.attend("dave", "x", BY_SURFACE["prefix"])
        await stage.say("permitted")
        await stage.play([Delete("x")])
        await stage.say("secret")
        for each in (*readers, stranger):
            await each.look()
        assert [about_x(each) for each in readers] == [["x.permitted"]] * 2
        assert about_x(stranger) == []
        assert [message[0] for message in readers[0].notices] == [UNSUBSCRIBED]
        assert stranger.notices == []


def about_x(attendant: Attendant) -> list[str]:
    return [word for word in attendant.words if word.startswith("x.")]
