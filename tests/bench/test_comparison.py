"""Engines are compared only while they answer alike, and what is measured of them is what they did."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from bench.environment import Environment, Unavailable
from bench.permissions.comparison import Compared, Missing, Plan, compare
from bench.permissions.comparison_report import comparison
from bench.permissions.dataset import STAFF, STAFF_PROJECT, Dataset, Size
from bench.permissions.engines.base import Client
from bench.permissions.engines.fairlead import InProcess, OverWamp
from bench.permissions.engines.openfga.model import RELATIONS, Names, authorization_model
from bench.permissions.engines.postgres import Materialized, Recursive
from bench.permissions.questions import ComparedDataset, questions, revocable
from bench.processes import MeasuringFailed
from fairlead_authz.model.graph import Node
from fairlead_authz.model.levels import READ, WRITE
from fairlead_router.authorization import Level

TINY = Size(
    users=60,
    roles=8,
    projects=20,
    objects=200,
    staff=40,
    members_per_role=4,
    object_links=20,
    connected=20,
    team_members=5,
    live_objects=10,
)
PLAN = Plan(TINY, checks=60, direct_revokes=3, group_revokes=1)


class Fake:
    """An engine that says yes to everything but what was revoked, and that only after being asked `stale` times."""

    def __init__(self, name: str, *, answer: bool = True, stale: int = 0) -> None:
        self.name = name
        self._answer = answer
        self._stale = stale
        self._revoked: dict[str, int] = {}

    def prepare(self, environment: Environment) -> str:
        return "1"

    @contextlib.contextmanager
    def load(self, dataset: Dataset, directory: Path) -> Iterator[Fake]:
        yield self

    def cpu_s(self) -> float:
        return 0.0

    def rss_bytes(self) -> int:
        return 0

    def ask_nothing(self) -> None:
        pass

    def check(self, user: str, level: Level, object_id: str) -> bool:
        for head in self._revoked.keys() & {object_id, STAFF_PROJECT}:
            self._revoked[head] -= 1
            return self._revoked[head] >= 0
        return self._answer

    def who(self, object_id: str) -> set[str]:
        return {"bench-tpzed-000000000000001", "somebody else"}

    def grant(self, tail: str, head: str) -> None:
        del self._revoked[head]

    def revoke(self, tail: str, head: str) -> None:
        self._revoked[head] = self._stale


class Absent(Fake):
    """An engine that cannot be had."""

    def prepare(self, environment: Environment) -> str:
        raise Unavailable("building failed:\nmany lines\nno compiler")


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(Console(quiet=True), tmp_path)


def test_engine_that_answers_otherwise_fails_the_run(environment: Environment) -> None:
    with pytest.raises(MeasuringFailed, match=r"^wrong answers Question\(.*\) otherwise than the first engine"):
        compare(environment, PLAN, [Fake("right"), Fake("wrong", answer=False)])


def test_engine_that_is_not_there_is_told_and_the_others_are_compared(environment: Environment) -> None:
    absent, present = compare(environment, PLAN, [Absent("absent"), Fake("present")])
    assert absent == Missing("absent", "building failed: no compiler")
    assert isinstance(present, Compared)
    page = "\n".join(comparison(PLAN, [absent, present]))
    assert "Not measured: absent (building failed: no compiler)." in page
    assert "| present | 1 |" in page


def test_refusal_is_awaited_from_the_acknowledgement_on(environment: Environment) -> None:
    prompt, late = compare(environment, PLAN, [Fake("prompt"), Fake("late", stale=4)])
    assert isinstance(prompt, Compared)
    assert isinstance(late, Compared)
    assert late.direct.refused > prompt.direct.refused
    assert late.group.refused > 2.0  # ms: it is asked again after a pause


def test_users_that_are_not_of_the_data_set_are_not_counted(environment: Environment) -> None:
    (found,) = compare(environment, PLAN, [Fake("any")])
    assert isinstance(found, Compared)
    assert found.many == 1


def test_questions_are_the_same_each_time_and_have_both_answers(tmp_path: Path) -> None:
    dataset = ComparedDataset(TINY)
    asked = questions(dataset, 60)
    assert asked == questions(ComparedDataset(TINY), 60)
    with InProcess().load(dataset, tmp_path) as client:
        assert {client.check(*question) for question in asked} == {True, False}


def test_engines_here_answer_alike_before_and_after_changes(environment: Environment) -> None:
    found = compare(environment, PLAN, [InProcess(), OverWamp(), Recursive(), Materialized()])
    assert [outcome.name for outcome in found if isinstance(outcome, Compared)] == [outcome.name for outcome in found]


def test_materialized_table_is_kept_by_changes_of_all_kinds_of_links(tmp_path: Path) -> None:
    dataset = ComparedDataset(TINY)
    links = [(tail, head) for tail, head, level in dataset.links() if level == READ][::7]
    assert {tail[12] for tail, _ in links} >= {"0", "r"}  # users and roles
    with InProcess().load(dataset, tmp_path) as expected, Materialized().load(dataset, tmp_path) as client:
        for tail, head in links:
            client.revoke(tail, head)
            expected.revoke(tail, head)
        assert _readers(client, dataset) == _readers(expected, dataset)
        for tail, head in links:
            client.grant(tail, head)
            expected.grant(tail, head)
        assert _readers(client, dataset) == _readers(expected, dataset)


def _readers(client: Client, dataset: Dataset) -> list[set[str]]:
    return [client.who(object_id) & set(dataset.users) for object_id in dataset.objects]


def test_what_is_revoked_was_the_only_way(tmp_path: Path) -> None:
    dataset = ComparedDataset(TINY)
    single, group = revocable(dataset, 5)
    assert (group.tail, group.head) == (STAFF, STAFF_PROJECT)
    with InProcess().load(dataset, tmp_path) as client:
        for tail, head, question in (*single, group):
            assert client.check(*question)
            client.revoke(tail, head)
            assert not client.check(*question)


def test_link_is_a_tuple_for_each_level_and_a_role_passes_on_what_one_has_on_it() -> None:
    names = Names([Node("u", "user", "system"), Node("r", "role", "system"), Node("p", "project", "u")])
    assert list(names.link(("u", "r", READ))) == [{"user": "user:u", "relation": "can_read", "object": "role:r"}]
    assert list(names.link(("r", "p", WRITE))) == [
        {"user": "role:r#can_read", "relation": "can_read", "object": "project:p"},
        {"user": "role:r#can_write", "relation": "can_write", "object": "project:p"},
    ]


def test_project_is_an_owner_and_a_user_who_owns_manages() -> None:
    nodes = [Node("u", "user", "system"), Node("p", "project", "u"), Node("o", "collection", "p")]
    assert list(Names(nodes).owners(nodes)) == [
        {"user": "user:u", "relation": "can_read", "object": "project:p"},
        {"user": "user:u", "relation": "can_write", "object": "project:p"},
        {"user": "user:u", "relation": "can_manage", "object": "project:p"},
        {"user": "project:p", "relation": "owner", "object": "object:o"},
    ]


def test_every_relation_of_the_model_says_who_may_have_it() -> None:
    user, role, project, thing = authorization_model()["type_definitions"]
    assert user == {"type": "user"}
    assert role["relations"].keys() == role["metadata"]["relations"].keys() == {*RELATIONS}
    for owned in (project, thing):
        assert owned["relations"].keys() == owned["metadata"]["relations"].keys() == {*RELATIONS, "owner"}
