"""`append`, `seal`: what a stream holds goes through its appender, and is answered when it is durable."""

from __future__ import annotations

from functools import partial
from typing import Any

from fairlead_logstream.live.appender import Outcome, Request, Result
from fairlead_logstream.live.directory import Directory
from fairlead_logstream.model.append import Append
from fairlead_logstream.model.draft import Draft
from fairlead_logstream.model.records import decode_records, pieces
from fairlead_logstream.procedures.access import find
from fairlead_logstream.procedures.writing_arguments import SealArguments, append_arguments
from fairlead_router import PENDING, Call, RequestError


class Writing:
    """The procedures of who writes."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def append(self, call: Call) -> Any:
        """`fairlead.log.append`: acknowledged when the records are durable."""
        arguments = append_arguments(call)
        assert arguments.stream is not None
        live = find(self._directory, call, "write", arguments.stream)
        records = pieces(decode_records(arguments.records))
        begin, unit = arguments.position
        append = Append(records, arguments.producer, arguments.term, begin, arguments.lost, unit)
        live.heard()
        live.appender.append(append, partial(_tell_call, call))
        return PENDING

    def seal(self, call: Call) -> Any:
        """`fairlead.log.seal`: no more records, and how it ended; behind everything appended before."""
        arguments = call.arguments(SealArguments)
        live = find(self._directory, call, "write", arguments.stream)
        apply = partial(_seal, arguments.exit_code, arguments.reason)
        live.appender.submit(Request(apply, partial(_tell_call, call)))
        return PENDING


def _seal(exit_code: int | None, reason: str | None, draft: Draft) -> Result:
    return {"next": draft.seal(exit_code, reason)}


def _tell_call(call: Call, outcome: Outcome) -> None:
    if isinstance(outcome, RequestError):
        call.abort(outcome)
    else:
        call.finish(outcome)
