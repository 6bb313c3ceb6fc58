"""What the permission service refuses, beside WAMP's own errors.

| error | kwargs | what the caller should do |
|---|---|---|
| `fairlead.error.no_such_object` | id | check the id, or put the object first |
| `fairlead.error.no_such_user` | id | check the id, or make the user (`fairlead token USER --create`) |
| `fairlead.error.no_such_token` | id | list the user's tokens |
| `fairlead.error.conflict` | | the change contradicts what there is: the text says what |
| `fairlead.error.store_failed` | | nothing has changed; try again after a pause |
| `wamp.error.invalid_argument` | | the text names the value and the rule: don't repeat it |
| `wamp.error.not_authorized` | | the right is missing, or there is no such object |
"""

from fairlead_router.errors import RequestError


class NoSuchObject(RequestError):
    """An id names nothing in the graph."""

    uri = "fairlead.error.no_such_object"


class NoSuchUser(RequestError):
    """An id names no user or role."""

    uri = "fairlead.error.no_such_user"


class NoSuchToken(RequestError):
    """An id names no token."""

    uri = "fairlead.error.no_such_token"


class Conflict(RequestError):
    """A change contradicts the graph: a cycle, another kind, something still owned."""

    uri = "fairlead.error.conflict"


class StoreFailed(RequestError):
    """The store could not keep the change; nothing has changed."""

    uri = "fairlead.error.store_failed"
