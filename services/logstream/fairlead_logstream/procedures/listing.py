"""The answer to `list`: the streams that the caller may read, and nothing that counts the others."""

from __future__ import annotations

import msgspec

from fairlead_logstream.live.directory import Directory
from fairlead_logstream.live.entries import entry_of
from fairlead_logstream.live.history import History
from fairlead_logstream.live.live_stream import LiveStream
from fairlead_logstream.procedures.arguments import ANSWER_LIMIT_BYTES, ListArguments
from fairlead_logstream.procedures.metadata import checked_metadata, has_all
from fairlead_router import Call, Payload

SCANNED_PER_TURN = 500
"""Streams judged before other work gets its turn: about a millisecond. One list goes on in a round of the loop."""

_encode = msgspec.json.Encoder().encode


async def list_streams(directory: Directory, history: History, call: Call, arguments: ListArguments) -> Payload:
    """A page in order of name; `after` is what the next page begins behind, null when there is none."""
    if arguments.metadata is not None:
        arguments.metadata = checked_metadata(arguments.metadata)
    found: list[LiveStream] = []
    has_more = False
    for scanned, name in enumerate(directory.names(arguments.prefix, arguments.after)):
        if scanned % SCANNED_PER_TURN == SCANNED_PER_TURN - 1:
            await history.turn()
            if not call.is_open:
                break
        live = directory.get(name)
        if live is None or not _matches(live, call, arguments):
            continue
        if len(found) == arguments.limit:
            has_more = True
            break
        found.append(live)
    return _page(call, found, has_more)


def _matches(live: LiveStream, call: Call, arguments: ListArguments) -> bool:
    object_id = live.stream.object_id
    return _is_wanted(live, arguments) and call.caller.can("read", object_id)


def _is_wanted(live: LiveStream, arguments: ListArguments) -> bool:
    """Whether it passes the filters; rights are another matter, and cost more."""
    stream = live.stream
    return (
        arguments.object in (None, stream.object_id)
        and arguments.sealed in (None, stream.sealed is not None)
        and arguments.stale in (None, live.stale_since_us is not None)
        and (arguments.metadata is None or has_all(stream.state.metadata, arguments.metadata))
    )


def _page(call: Call, found: list[LiveStream], has_more: bool) -> Payload:
    """Rights are judged once more: one that went while others were scanned counts (G5)."""
    entries: list[bytes] = []
    shown: list[str] = []
    size, after = 0, None
    for live in found:
        if not call.caller.can("read", live.stream.object_id):
            continue
        entry = _encode(entry_of(live))
        size += len(entry) + 1
        if size > ANSWER_LIMIT_BYTES:
            has_more = True
            break
        entries.append(entry)
        shown.append(live.stream.object_id)
        after = live.stream.name
    call.show_while(lambda: all(call.caller.can("read", object_id) for object_id in shown))
    last = _encode(after if has_more else None)
    return Payload.from_json(b'[{"streams":[%b],"after":%b}]' % (b",".join(entries), last), b"{}")
