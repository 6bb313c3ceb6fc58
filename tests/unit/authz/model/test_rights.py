"""Rights in small graphs: what the cases do not say."""

from __future__ import annotations

from fairlead_authz.model.closures import Closures
from fairlead_authz.model.graph import ALL_USERS, Graph, Kind, Node
from fairlead_authz.model.levels import LOGIN, MANAGE, READ, WRITE, granted_names
from fairlead_authz.model.rights import Policy, Rights
from unit.authz.asking import may_update


def graph(*nodes: tuple[str, Kind, str]) -> Graph:
    """A graph of (id, kind, owner)."""
    made = Graph()
    for id_, kind, owner in nodes:
        made.put(Node(id_, kind, owner))
    return made


def rights(of: Graph, policy: Policy | None = None) -> Rights:
    """With closures of its own."""
    return Rights(of, Closures(of), policy or Policy(lambda: 0))


def test_two_weak_paths_do_not_combine() -> None:
    made = graph(
        ("root", "user", "root"), ("alice", "user", "root"), ("bob", "user", "root"), ("staff", "role", "root"),
        ("thing", "object", "bob"),
    )  # fmt: skip
    made.link("alice", "bob", WRITE)
    made.link("alice", "staff", READ)
    made.link("staff", "bob", MANAGE)
    judge = rights(made)
    assert judge.can("alice", READ, "thing")
    assert not judge.can("alice", WRITE, "thing")
    assert judge.can("alice", WRITE, "bob")


def test_a_chain_of_managers_stops_half_way() -> None:
    made = graph(
        ("root", "user", "root"), ("boss", "user", "root"), ("mid", "user", "root"), ("low", "user", "root"),
        ("home", "object", "low"), ("project", "project", "low"), ("inside", "object", "project"),
    )  # fmt: skip
    made.link("boss", "mid", MANAGE)
    made.link("mid", "low", MANAGE)
    judge = rights(made)
    assert all(judge.can("mid", MANAGE, each) for each in ("low", "home", "project", "inside"))
    assert [judge.can("boss", READ, each) for each in ("low", "home", "project", "inside")] == [
        True,
        True,
        False,
        False,
    ]


def test_an_unknown_object_is_denied_except_to_administrators() -> None:
    made = graph(("root", "user", "root"), ("bob", "user", "root"))
    made.put(Node("admin", "user", "root", is_admin=True))
    judge = rights(made)
    assert not judge.can("bob", READ, "nothing")
    assert judge.can("admin", READ, "nothing")
    assert not judge.can("nobody", READ, "bob")
    assert not judge.can("nobody", READ, "nobody")


def test_roles_are_hidden_where_the_policy_says_so() -> None:
    made = graph(("root", "user", "root"), ("bob", "user", "root"), ("staff", "role", "root"))
    assert rights(made).can("bob", READ, "staff")
    assert not rights(made, Policy(lambda: 0, roles_visible=False)).can("bob", READ, "staff")


def test_the_clock_hides_what_is_to_be_trashed() -> None:
    now = [9]
    made = graph(("root", "user", "root"), ("bob", "user", "root"), ("x", "object", "p"))
    made.put(Node("p", "project", "bob", trash_at_us=10))
    judge = rights(made, Policy(lambda: now[0]))
    assert judge.can("bob", READ, "x")
    now[0] = 10
    assert not judge.can("bob", READ, "x")
    assert judge.can("bob", WRITE, "x")


def test_the_trash_may_be_looked_into_but_in_a_frozen_project_by_administrators_only() -> None:
    made = graph(("root", "user", "root"), ("bob", "user", "root"), ("x", "object", "p"), ("y", "object", "q"))
    made.put(Node("admin", "user", "root", is_admin=True))
    made.put(Node("p", "project", "bob", trash_at_us=0))
    made.put(Node("q", "project", "bob", trash_at_us=0, frozen_by="bob"))
    judge = rights(made)
    assert not judge.can("admin", READ, "x")
    assert [judge.can(user, READ, "x", include_trash=True) for user in ("bob", "admin")] == [True, True]
    assert [judge.can(user, READ, "y", include_trash=True) for user in ("bob", "admin")] == [False, True]


def test_a_login_reads_and_no_more_and_stands_beside_the_level() -> None:
    made = graph(("root", "user", "root"), ("bob", "user", "root"), ("vm", "virtual_machine", "root"))
    made.link("bob", "vm", LOGIN)
    judge = rights(made)
    assert [judge.can("bob", level, "vm") for level in (READ, WRITE)] == [True, False]
    made.link("bob", "vm", LOGIN | WRITE)
    assert judge.can("bob", WRITE, "vm")
    assert granted_names(made.granted("bob", "vm")) == ["write", "login"]


def test_users_do_not_see_each_other_where_the_policy_says_so_but_by_other_links() -> None:
    made = graph(
        ("root", "user", "root"), ("ann", "user", "root"), ("bob", "user", "root"), (ALL_USERS, "role", "root")
    )
    made.link("ann", ALL_USERS, WRITE)
    made.link(ALL_USERS, "bob", READ)
    judge = rights(made)
    assert judge.can("ann", READ, "bob")
    judge.policy = Policy(lambda: 0, users_visible=False)
    assert not judge.can("ann", READ, "bob")
    made.link("ann", "bob", READ)
    assert judge.can("ann", READ, "bob")


def test_an_inactive_user_updates_nothing_but_its_own_record_and_only_managers_update_a_role() -> None:
    made = graph(("root", "user", "root"), ("bob", "user", "root"), ("staff", "role", "root"), ("x", "object", "ann"))
    made.put(Node("ann", "user", "root", is_active=False))
    made.link("bob", "staff", WRITE)
    policy = Policy(lambda: 0)
    assert not may_update(made, policy, "ann", "x")
    assert rights(made).can("ann", WRITE, "x")
    assert may_update(made, policy, "ann", "ann")
    assert not may_update(made, policy, "bob", "staff")
    made.link("bob", "staff", MANAGE)
    assert may_update(made, policy, "bob", "staff")


def test_a_link_is_seen_by_its_ends_whoever_acts_as_them_and_whoever_manages_the_head() -> None:
    made = graph(
        ("root", "user", "root"), ("ann", "user", "root"), ("bob", "user", "root"), ("eve", "user", "root"),
        ("x", "object", "ann"), ("carol", "user", "root"),
    )  # fmt: skip
    made.link("bob", "x", READ)
    made.link("eve", "x", WRITE)
    made.link("carol", "bob", MANAGE)
    judge = rights(made)
    users = ("ann", "bob", "carol", "eve", "nobody")
    assert [user for user in users if judge.may_see_links_to(user, "x")] == ["ann"]
    assert [user for user in users if judge.may_see_links_from(user, "bob")] == ["bob", "carol"]


def test_a_role_with_many_members_and_an_object_with_many_readers_are_judged_alike() -> None:
    made = graph(("root", "user", "root"), ("bob", "user", "root"), ("x", "object", "root"))
    for number in range(50):
        made.put(Node(f"u{number}", "user", "root"))
        made.put(Node(f"r{number}", "role", "root"))
        made.link(f"u{number}", "x", READ)
        made.link("bob", f"r{number}", WRITE)
    judge = rights(made)
    assert not judge.can("bob", READ, "x")
    made.link("r49", "x", MANAGE)
    assert judge.can("bob", WRITE, "x")
    assert not judge.can("bob", MANAGE, "x")
