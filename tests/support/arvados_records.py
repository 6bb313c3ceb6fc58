"""Records of an Arvados cluster, as its API lists them."""

from __future__ import annotations

from typing import Any

NOW_US = 1_000_000_000_000_000
LONG_AGO, IN_THE_FUTURE = "2001-01-01T00:00:00.000000000Z", "2099-01-01T00:00:00.000000000Z"
CLUSTER = "zzzzz"
ROOT = "zzzzz-tpzed-000000000000000"
EVERYBODY = "zzzzz-j7d0g-fffffffffffffff"
ANONYMOUS = "zzzzz-tpzed-anonymouspublic"
PUBLIC = "zzzzz-j7d0g-anonymouspublic"

Listed = dict[str, Any]


def uuid(type_: str, name: str, cluster: str = CLUSTER) -> str:
    """An UUID that says what it is of: `uuid("tpzed", "ann")`."""
    return f"{cluster}-{type_}-{name:0>15}"


def user(name: str, /, **attributes: Any) -> Listed:
    return {"uuid": uuid("tpzed", name), "owner_uuid": ROOT, "is_active": True, "is_admin": False, **attributes}


def project(name: str, owner: str, /, **attributes: Any) -> Listed:
    return {"uuid": uuid("j7d0g", name), "owner_uuid": owner, "group_class": "project", "name": name, **attributes}


def role(name: str, /, **attributes: Any) -> Listed:
    return {"uuid": uuid("j7d0g", name), "owner_uuid": ROOT, "group_class": "role", "name": name, **attributes}


def collection(name: str, owner: str, /, **attributes: Any) -> Listed:
    return {"uuid": uuid("4zz18", name), "owner_uuid": owner, "name": name, **attributes}


def link(number: object, tail: str, name: str, head: str, /, **attributes: Any) -> Listed:
    return {
        "uuid": uuid("o0j2j", str(number)),
        "owner_uuid": ROOT,
        "link_class": "permission",
        "name": name,
        "tail_uuid": tail,
        "head_uuid": head,
        **attributes,
    }


FIRST: tuple[Listed, ...] = (
    {"uuid": ROOT, "owner_uuid": ROOT, "is_admin": True, "is_active": True},
    {"uuid": ANONYMOUS, "owner_uuid": ROOT, "is_active": False},
    {"uuid": EVERYBODY, "owner_uuid": ROOT, "group_class": "role", "name": "All users"},
    {"uuid": PUBLIC, "owner_uuid": ROOT, "group_class": "role", "name": "Anonymous users"},
)
"""What every cluster has."""
