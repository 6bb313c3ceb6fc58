"""What working out one list may cost, and that what is added meanwhile counts without walking anew."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead_authz.changes import Change, Grant, Put, Revoke
from fairlead_authz.editing import Actor, work_out
from fairlead_authz.editing import edit as module
from fairlead_authz.model.closures import FreshClosures
from fairlead_authz.model.graph import Graph, Node
from fairlead_authz.model.levels import LinkLevel
from fairlead_authz.model.rights import Policy
from fairlead_router import LimitExceeded, NotAuthorized, RequestError
from unit.authz.editing.desk import Desk
from unit.authz.test_histories import first_graph

POLICY = Policy(lambda: 10)


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> int:
    """Nodes that may be walked over for a list."""
    monkeypatch.setattr(module, "MAX_WALKED", 100)
    return 100


def test_a_list_that_has_everything_walked_again_and_again_is_refused(desk: Desk, limit: int) -> None:
    roles = [f"crew{number}" for number in range(limit)]
    desk.make(*(Put("role", role) for role in roles), by="bob")
    revokes = [Revoke("bob", "manage", role) for role in roles]
    desk.refuse(LimitExceeded, "walked_per_list", *revokes, by="bob")
    desk.make(revokes[0], by="bob")
    desk.make(*revokes[1:])


def test_whoever_reaches_very_much_is_walked_once_for_nothing(desk: Desk, limit: int) -> None:
    desk.make(*(Put("role", f"crew{number}") for number in range(2 * limit)), by="bob")
    desk.make(Put("object", "y", "bob"), Grant("crew0", "read", "y"), Grant("crew1", "write", "y"), by="bob")


def test_what_is_made_at_the_end_of_a_walk_costs_none(desk: Desk, limit: int) -> None:
    desk.make(Put("project", "q0"), by="bob")
    inside = [Put("project", f"q{number}", f"q{number // 2}") for number in range(1, limit)]
    desk.make(*inside, *(Put("role", f"crew{number}") for number in range(limit)), by="bob")
    assert desk.can("bob", "manage", f"q{limit - 1}")


def test_what_is_taken_or_given_in_a_list_counts_for_the_changes_behind_it(desk: Desk) -> None:
    desk.make(Put("project", "q"), Put("role", "crew"), Grant("crew", "write", "q"), by="bob")
    desk.make(Grant("crew", "manage", "p"), Grant("ann", "manage", "crew"), by="admin")
    desk.refuse(
        NotAuthorized,
        "'ann' may not write 'q'",
        Put("object", "y", "q"),
        Revoke("ann", "read", "crew"),
        Put("object", "z", "q"),
        by="ann",
    )
    desk.make(Put("object", "y", "q"), Put("project", "inner", "q"), Put("object", "z", "inner"), by="ann")


def test_projects_do_not_lie_in_one_another_without_end(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each message that rests on something asks all projects around it."""
    monkeypatch.setattr(module, "MAX_DEPTH", 3)
    desk.make(Put("project", "a", "bob"), Put("project", "b", "a"), Put("project", "c", "b"))
    desk.refuse(LimitExceeded, "project_depth", Put("project", "d", "c"), by="bob")
    desk.make(Put("project", "top", "bob"), Put("object", "thing", "b"), by="bob")
    desk.refuse(LimitExceeded, "project_depth", Put("project", "a", "top"), by="bob")
    desk.make(Put("project", "b", "top"), by="bob")


class Anew(FreshClosures):
    """Everything is walked anew for each change."""

    def add_step(self, tail: str, head: Node, level: int) -> None:
        self._known.clear()

    def touch(self, *tails: str) -> None:
        self._known.clear()


tails = st.sampled_from(["ann", "ben", "red", "blue"])
levels: st.SearchStrategy[LinkLevel] = st.sampled_from(["read", "write", "manage"])
heads = st.sampled_from(["red", "blue", "p", "q", "x", "ben"])
changes: st.SearchStrategy[Change] = st.one_of(
    st.builds(Put, st.just("project"), st.sampled_from(["p", "q", "new"]), st.sampled_from([None, "ann", "p", "q"])),
    st.builds(Put, st.just("object"), st.sampled_from(["thing", "other"]), st.sampled_from(["p", "q", "new"])),
    st.builds(Grant, tails, levels, heads),
    st.builds(Revoke, tails, levels, heads),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.builds(Grant, tails, levels, heads), max_size=6), st.lists(changes, min_size=2, max_size=6))
def test_what_is_walked_anew_and_what_is_followed_come_to_the_same(given_: list[Change], step: list[Change]) -> None:
    """For ann, who is no administrator, but makes changes to what gives her the right to make the next."""
    graph = first_graph()
    usual: list[Change] = [Grant("ann", "manage", "red"), Grant("ann", "manage", "blue"), Put("project", "q", "ben")]
    work_out(graph, [*usual, *given_], Actor("system", is_admin=True), POLICY).make(graph)
    outcomes = []
    for closures in (Anew, FreshClosures):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "FreshClosures", closures)
            outcomes.append(outcome(graph, step))
    assert outcomes[0] == outcomes[1]


def outcome(graph: Graph, step: list[Change]) -> object:
    """What a list of ann comes to, or why it is refused."""
    try:
        made = work_out(graph, step, Actor("ann", is_admin=False), POLICY)
    except RequestError as error:
        return error.text
    return made.nodes, made.links
