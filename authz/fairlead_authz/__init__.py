"""Permissions on objects, as Arvados has them, for the router: who may read, write and manage what.

Start with `Authz`. The walk that decides is in closure.py, what may be changed in editing.py, and the one
way in which it changes in funnel.py.
"""

from fairlead_authz.authz import Authz
from fairlead_authz.changes import Change, Delete, Grant, Put, Revoke
from fairlead_authz.editing import Actor
from fairlead_authz.errors import Conflict, NoSuchObject, NoSuchUser, StoreFailed
from fairlead_authz.funnel import Applied
from fairlead_authz.uri_rules import UriRule

__all__ = [
    "Actor",
    "Applied",
    "Authz",
    "Change",
    "Conflict",
    "Delete",
    "Grant",
    "NoSuchObject",
    "NoSuchUser",
    "Put",
    "Revoke",
    "StoreFailed",
    "UriRule",
]
