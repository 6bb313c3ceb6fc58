"""Permissions on objects, as Arvados has them, for the router: who may read, write and manage what.

Start with `Authz`. The walk that decides is in closure.py, what may be changed in editing/, and the one
way in which it changes in funnel.py.
"""

from fairlead_authz.authz import Authz
from fairlead_authz.changes import (
    Activate,
    Change,
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
)
from fairlead_authz.editing import Actor
from fairlead_authz.errors import Conflict, NoSuchObject, NoSuchUser, StoreFailed
from fairlead_authz.funnel import Applied
from fairlead_authz.uri_rules import UriRule

__all__ = [
    "Activate",
    "Actor",
    "Applied",
    "Authz",
    "Change",
    "Conflict",
    "Deactivate",
    "Delete",
    "Freeze",
    "Grant",
    "Merge",
    "NoSuchObject",
    "NoSuchUser",
    "Put",
    "Revoke",
    "StoreFailed",
    "Trash",
    "Unfreeze",
    "Untrash",
    "UriRule",
]
