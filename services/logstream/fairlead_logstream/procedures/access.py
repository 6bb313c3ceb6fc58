"""Who may do what to which stream.

Reading is judged as `read` on the stream's object, appending and sealing as `write`. A stream that the caller may
not read is answered as one that is not there.
"""

from __future__ import annotations

from fairlead_common.ids import check_id
from fairlead_logstream.errors import no_such_stream
from fairlead_logstream.live.directory import Directory
from fairlead_logstream.live.live_stream import LiveStream
from fairlead_router import Call, Level, NotAuthorized


def find(directory: Directory, call: Call, level: Level, name: str) -> LiveStream:
    """The stream, if the caller has this level on it. Raises NoSuchStream, NotAuthorized, InvalidArgument."""
    live = directory.get(check_id("stream", name))
    if live is None:
        if not call.caller.can(level, name):
            raise not_authorized(call, level, name)
        raise no_such_stream(name)
    require(call, level, live)
    return live


def require(call: Call, level: Level, live: LiveStream) -> None:
    """Raises NotAuthorized unless the caller has this level on the stream."""
    if not call.caller.can(level, live.stream.object_id):
        raise not_authorized(call, level, live.stream.name)


def not_authorized(call: Call, level: Level, name: str) -> NotAuthorized:
    """The error that does not tell whether there is such a stream."""
    who = call.caller.principal.authid
    return NotAuthorized(f"'{who}' may not {level} stream '{name}', or there is no such stream")
