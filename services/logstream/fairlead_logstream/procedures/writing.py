"""`append`, `seal`: what a stream holds goes through its appender, and is answered when it is durable."""

from __future__ import annotations

from functools import partial
from typing import Any

from fairlead_common.outcomes import Outcome, Result, tell_call
from fairlead_common.shares import Shares
from fairlead_logstream.counters import LogCounters
from fairlead_logstream.live.appender import Request
from fairlead_logstream.live.directory import Directory
from fairlead_logstream.model.append import Append
from fairlead_logstream.model.draft import Draft
from fairlead_logstream.model.records import decode_records, pieces
from fairlead_logstream.procedures.access import find
from fairlead_logstream.procedures.writing_arguments import SealArguments, append_arguments
from fairlead_router import PENDING, Call, RequestError

SESSION_LIMIT_BYTES = 64 << 20
"""Records of one session's appends, to all streams, that are not acknowledged yet: as much as eight streams may have
waiting. A store that is slower than a network of writers must not fill the memory."""


class Writing:
    """The procedures of who writes."""

    def __init__(self, directory: Directory, counters: LogCounters) -> None:
        self._directory = directory
        self._unacknowledged = Shares(SESSION_LIMIT_BYTES, counters.refused)

    def append(self, call: Call) -> Any:
        """`fairlead.log.append`: acknowledged when the records are durable."""
        arguments = append_arguments(call)
        assert arguments.stream is not None
        live = find(self._directory, call, "write", arguments.stream)
        records = pieces(decode_records(arguments.records))
        begin, unit = arguments.position
        append = Append(records, arguments.producer, arguments.term, begin, arguments.lost, unit)
        live.heard()
        self._unacknowledged.take(call.caller.session_id, append.size)
        try:
            live.appender.append(append, partial(self._told, call, append.size))
        except RequestError:
            self._unacknowledged.give_back(call.caller.session_id, append.size)
            raise
        return PENDING

    def seal(self, call: Call) -> Any:
        """`fairlead.log.seal`: no more records, and how it ended; behind everything appended before."""
        arguments = call.arguments(SealArguments)
        live = find(self._directory, call, "write", arguments.stream)
        apply = partial(_seal, arguments.exit_code, arguments.reason)
        live.appender.submit(Request(apply, partial(tell_call, call)))
        return PENDING

    def _told(self, call: Call, size: int, outcome: Outcome) -> None:
        self._unacknowledged.give_back(call.caller.session_id, size)
        tell_call(call, outcome)


def _seal(exit_code: int | None, reason: str | None, draft: Draft) -> Result:
    return {"next": draft.seal(exit_code, reason)}
