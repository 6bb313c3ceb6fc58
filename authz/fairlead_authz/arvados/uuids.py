"""Arvados' identifiers: what an UUID says, which ones every cluster has, and the lists of the API.

An UUID is `cluster-type-random`. The well-known ones of a cluster become our own: what everybody may see there,
everybody may see here.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from fairlead_authz.model.graph import ALL_USERS, ANONYMOUS_ROLE, ANONYMOUS_USER, SYSTEM

UUID: Final = re.compile(r"[0-9a-z]{5}-[0-9a-z]{5}-[0-9a-z]{15}")

CLUSTER: Final = re.compile(r"[0-9a-z]{5}")

WELL_KNOWN: Final[Mapping[str, str]] = {
    "tpzed-000000000000000": SYSTEM,
    "tpzed-anonymouspublic": ANONYMOUS_USER,
    "j7d0g-fffffffffffffff": ALL_USERS,
    "j7d0g-anonymouspublic": ANONYMOUS_ROLE,
}
"""By what follows the cluster. Other things that every cluster has (system group, public favorites) are as others."""


class ListKind(NamedTuple):
    """A list of the API that is imported."""

    name: str
    kind: str
    """Ours, of what is in it. A group's depends on its class, and a link is no node."""
    select: tuple[str, ...]
    """The attributes that are asked for, beside uuid and owner_uuid."""
    is_required: bool = False
    has_trash: bool = False


LISTS: Final[Mapping[str, ListKind]] = {
    "tpzed": ListKind(
        "users", "user", ("is_admin", "is_active", "username", "first_name", "last_name", "email"), is_required=True
    ),
    "j7d0g": ListKind(
        "groups",
        "group",
        ("name", "group_class", "is_trashed", "trash_at", "delete_at", "frozen_by_uuid"),
        is_required=True,
        has_trash=True,
    ),
    "o0j2j": ListKind("links", "link", ("link_class", "name", "tail_uuid", "head_uuid"), is_required=True),
    "dz642": ListKind("containers", "container", ("state",)),
    "xvhdp": ListKind("container_requests", "container_request", ("name", "container_uuid"), has_trash=True),
    "4zz18": ListKind(
        "collections",
        "collection",
        ("name", "is_trashed", "trash_at", "delete_at", "current_version_uuid"),
        has_trash=True,
    ),
    "7fd4e": ListKind("workflows", "workflow", ("name",), has_trash=True),
    "2x53u": ListKind("virtual_machines", "virtual_machine", ("hostname",)),
    "57u5n": ListKind("logs", "log", ("object_uuid",)),
}
"""By the type in the UUIDs of what is in them."""

NOT_IMPORTED: Final = frozenset({"api_client_authorizations", "computed_permissions"})
"""Lists that may lie beside the others: the API tells no secrets, so tokens cannot be taken over; and rights are
worked out here, which `verify` compares."""


def cluster_of(uuid: str) -> str:
    """Whose UUID it is."""
    return uuid[:5]


def type_of(uuid: str) -> str:
    """Which type of thing it names: a key of LISTS, if it is in a list that is imported."""
    return uuid[6:11]


def well_known(uuid: str) -> str | None:
    """Our id of what every cluster has; None of anything else."""
    return WELL_KNOWN.get(uuid[6:])
