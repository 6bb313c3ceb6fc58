"""Decoding of changes: each mistake is told with its place, the value and the rule."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead_authz.changes import (
    MAX_CHANGES,
    Activate,
    Deactivate,
    Delete,
    Freeze,
    Grant,
    Merge,
    Put,
    Revoke,
    Trash,
    Unfreeze,
    Untrash,
    check_id,
    decode_changes,
)
from fairlead_router import InvalidArgument


def test_every_op_is_decoded() -> None:
    values = [
        {"op": "put", "kind": "project", "id": "p", "owner": "alice", "name": "P"},
        {"op": "put", "kind": "user", "id": "u", "owner": None},
        {"op": "delete", "id": "p"},
        {"op": "grant", "user": "bob", "level": "read", "object": "p"},
        {"op": "revoke", "user": "bob", "level": "manage", "object": "p"},
        {"op": "grant", "user": "bob", "level": "login", "object": "vm"},
        {"op": "put", "kind": "container", "id": "c", "state": "Running"},
        {"op": "put", "kind": "container_request", "id": "r", "about": "c"},
        {"op": "put", "kind": "container_request", "id": "r", "about": None},
        {"op": "trash", "id": "p"},
        {"op": "trash", "id": "p", "at_us": 5},
        {"op": "untrash", "id": "p"},
        {"op": "freeze", "id": "p"},
        {"op": "unfreeze", "id": "p"},
        {"op": "activate", "id": "bob"},
        {"op": "deactivate", "id": "bob"},
        {"op": "merge", "user": "bob", "into": "alice"},
    ]
    assert decode_changes(values) == [
        Put("project", "p", "alice", "P"),
        Put("user", "u"),
        Delete("p"),
        Grant("bob", "read", "p"),
        Revoke("bob", "manage", "p"),
        Grant("bob", "login", "vm"),
        Put("container", "c", state="Running"),
        Put("container_request", "r", about="c"),
        Put("container_request", "r", about=None),
        Trash("p"),
        Trash("p", at_us=5),
        Untrash("p"),
        Freeze("p"),
        Unfreeze("p"),
        Activate("bob"),
        Deactivate("bob"),
        Merge("bob", "alice"),
    ]


GRANT = {"op": "grant", "user": "bob", "level": "read", "object": "x"}
PUT = {"op": "put", "kind": "user", "id": "bob"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("grant", "changes[1]: Expected `object`, got `str`"),
        ({}, "changes[1]: Object missing required field `op`"),
        ({**GRANT, "op": "gift"}, "changes[1].op is 'gift': an op is put, delete, grant, revoke, trash, "),
        ({**GRANT, "level": "red"}, "changes[1].level is 'red': a level is read, write, manage or login"),
        ({**GRANT, "level": 1}, "changes[1].level is 1: a level is read, write, manage or login"),
        ({**GRANT, "user": 7}, "changes[1].user is 7: Expected `str`, got `int`"),
        ({"op": "grant", "user": "bob"}, "changes[1]: Object missing required field `level`"),
        (
            {**GRANT, "objct": "y"},
            "changes[1]: Object contains unknown field `objct`; the keys of 'grant' are op, user, level, object",
        ),
        ({**PUT, "kind": "planet"}, "changes[1].kind is 'planet': a kind is user, role, project, filter, object, "),
        ({**PUT, "state": "Lost"}, "changes[1].state is 'Lost': a state is Queued, Locked, Running, Complete or Can"),
        ({"op": "trash", "id": "x", "at_us": -1}, "changes[1].at_us is -1: a time is microseconds since 1970, from 0"),
        ({"op": "trash", "id": "x", "at_us": 2**70}, "changes[1].at_us is 1180591620717411303424: a time is"),
        ({"op": "trash", "id": "x", "at_us": 1.5}, "changes[1].at_us is 1.5: a time is microseconds since 1970"),
        (
            {"op": "freeze", "id": "x", "by": "me"},
            "changes[1]: Object contains unknown field `by`; the keys of 'freeze' are op, id",
        ),
        ({**PUT, "is_admin": "yes"}, "changes[1].is_admin is 'yes': Expected `bool | null`, got `str`"),
        ({**PUT, "name": "n" * 9, "id": ["x" * 999]}, "...: Expected `str`, got `array`"),
    ],
)
def test_a_mistake_is_told_with_place_value_and_rule(value: Any, text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        decode_changes([GRANT, value])
    assert text in caught.value.text
    assert len(caught.value.text) < 200


def test_too_many_changes_are_refused_with_the_limit() -> None:
    with pytest.raises(InvalidArgument, match=str(MAX_CHANGES)):
        decode_changes([GRANT] * (MAX_CHANGES + 1))


@pytest.mark.parametrize(
    "id_", ["a", "zzzzz-tpzed-000000000000000", "d41d8cd98f00b204e9800998ecf8427e+0", "me@x_Y-1", "x" * 128]
)
def test_ids_of_arvados_and_free_names_are_taken(id_: str) -> None:
    assert check_id(id_) == id_


@pytest.mark.parametrize("id_", ["", "a.b", "a b", "a/b", "ü", "a\n", "{object}", "x" * 129, "a\0", "#"])
def test_what_is_no_single_uri_component_is_no_id(id_: str) -> None:
    with pytest.raises(InvalidArgument, match="is no id: 1 to 128 of"):
        check_id(id_)
