"""A call of the services, as the state machines ask for it and the frameworks make it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Where the service is unless told otherwise.
REALM = "realm1"

CREATE = "fairlead.log.create"
APPEND = "fairlead.log.append"
READ = "fairlead.log.read"
FOLLOW = "fairlead.log.follow"
SEAL = "fairlead.log.seal"
LIST = "fairlead.log.list"
SEARCH = "fairlead.log.search"
COMMIT = "fairlead.log.commit"
CURSOR = "fairlead.log.cursor"

WATCH = "fairlead.record.watch"
MARK = "fairlead.record.mark"
CONTAINER = "fairlead.container."
"""What the procedures of containers begin with."""

Result = Mapping[str, Any]


@dataclass(eq=False)
class Request:
    """One CALL. Two requests are never equal: a late answer must not be taken for that of a retry."""

    procedure: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    wants_progress: bool = False


def given(**kwargs: Any) -> dict[str, Any]:
    """The keyword arguments that are not None: an absent argument is left out."""
    return {name: value for name, value in kwargs.items() if value is not None}
