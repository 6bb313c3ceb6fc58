"""What the record service refuses, and what the caller should do about it.

| error | kwargs | what the caller should do |
|---|---|---|
| `fairlead.error.no_such_record` | id | check the id, or `put` it first |
| `fairlead.error.version_conflict` | id, version | another change came first: read the record, decide anew |
| `fairlead.error.reserved_kind` | kind | records of this kind change through procedures of their own |
| `fairlead.error.no_such_watch` | watch | the watch has ended: its number is in its first dict |
| `fairlead.error.busy` | limit_bytes | wait for answers, then send again |
| `fairlead.error.limit_exceeded` | limit | the text names the limit: delete something, or ask for less |
| `fairlead.error.store_failed` | | nothing was stored; send the same again after a pause, best with the same `key` |
| `fairlead.error.no_progress` | | call with `receive_progress`, or use `get` with `wait_s` |
| `wamp.error.invalid_argument` | | the text names the value and the rule: don't repeat it |
| `wamp.error.not_authorized` | | the right is missing, or there is no such record |

An error about one change of a `batch` has its `index` too. Each is raised where the fact is known; the router turns it
into ERROR.
"""

from __future__ import annotations

from fairlead_router import RequestError


class NoSuchRecord(RequestError):
    """There is no record of that id, and the caller would be allowed to read it."""

    uri = "fairlead.error.no_such_record"


def no_such_record(id_: str) -> NoSuchRecord:
    """The error about this id."""
    return NoSuchRecord(f"there is no record '{id_}'", id=id_)


class VersionConflict(RequestError):
    """The record is not at the version that was expected."""

    uri = "fairlead.error.version_conflict"


class ReservedKind(RequestError):
    """Records of this kind change only through the procedures that know their rules."""

    uri = "fairlead.error.reserved_kind"


class NoSuchWatch(RequestError):
    """The session has no watch of that number."""

    uri = "fairlead.error.no_such_watch"
