"""What the log service refuses, and what the caller should do about it.

| error | kwargs | what the caller should do |
|---|---|---|
| `fairlead.error.no_such_stream` | stream | check the name, or `create` it first |
| `fairlead.error.gap` | expected, term | send the records from `expected` on, or skip them with `lost` |
| `fairlead.error.fenced` | expected, term | stop: another process writes as this producer, with that term |
| `fairlead.error.sealed` | exit_code, reason, next | the log is complete; a new attempt is `create` with `attempt` |
| `fairlead.error.attempt` | expected | attempts are numbered without holes: this is the next |
| `fairlead.error.no_such_attempt` | attempts | there is none of that number, or it is forgotten: these are known |
| `fairlead.error.ahead` | head, epoch | the cursor is of another copy of the log: begin anew |
| `fairlead.error.other_epoch` | epoch, oldest | the commit is of another copy of the log: read this one |
| `fairlead.error.backwards` | next, epoch | another consumer has come further; `back=true` if it is meant |
| `fairlead.error.no_such_cursor` | cursor | check the name; the first `commit` makes it |
| `fairlead.error.busy` | limit_bytes | wait for acknowledgements, then send again from the oldest without one |
| `fairlead.error.limit_exceeded` | limit | the text names the limit: use fewer producers |
| `fairlead.error.store_failed` | | nothing was stored; send the same again after a pause |
| `fairlead.error.no_progress` | | call with `receive_progress`, or use `read` with `wait_s` |
| `wamp.error.invalid_argument` | | the text names the value and the rule: don't repeat it |
| `wamp.error.not_authorized` | | the right is missing, or there is no such stream |

Each is raised where the fact is known; the router turns it into ERROR.
"""

from __future__ import annotations

from fairlead_router import RequestError


class NoSuchStream(RequestError):
    """There is no stream of that name, and the caller would be allowed to read it."""

    uri = "fairlead.error.no_such_stream"


def no_such_stream(name: str) -> NoSuchStream:
    """The error about this name."""
    return NoSuchStream(f"there is no stream '{name}'", stream=name)


class Gap(RequestError):
    """Records are missing between what is stored of a producer and what it sends."""

    uri = "fairlead.error.gap"


class Fenced(RequestError):
    """A producer of a higher term has taken over."""

    uri = "fairlead.error.fenced"


class StreamSealed(RequestError):
    """The stream has ended, or was ended with other values."""

    uri = "fairlead.error.sealed"


class AttemptOutOfTurn(RequestError):
    """Attempts of one stream are numbered one after the other."""

    uri = "fairlead.error.attempt"


class NoSuchAttempt(RequestError):
    """The stream has no attempt of that number, or does not know any more where it began."""

    uri = "fairlead.error.no_such_attempt"


class AheadOfHead(RequestError):
    """A cursor names records that this copy of the log does not have."""

    uri = "fairlead.error.ahead"


class OtherEpoch(RequestError):
    """What is committed is a position in another copy of the log."""

    uri = "fairlead.error.other_epoch"


class CommitBackwards(RequestError):
    """A commit is before the committed position."""

    uri = "fairlead.error.backwards"


class NoSuchCursor(RequestError):
    """The stream has no cursor of that name."""

    uri = "fairlead.error.no_such_cursor"
