"""What comes of what is asked of a service: a result or an error, told once to who asked."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from fairlead_common.counting import count
from fairlead_router import Call, RequestError

Result = dict[str, Any]
Outcome = Result | RequestError

_log = logging.getLogger(__name__)


class Asked(Protocol):
    """Something that was asked."""

    @property
    def tell(self) -> Callable[[Outcome], None]:
        """Called once with what came of it."""
        ...


def tell_all(told: Iterable[tuple[Asked, Outcome]], refused: dict[str, int]) -> None:
    """Tell each its outcome, and count the errors among them. Whoever fails to hear it keeps nobody else from it."""
    for asked, outcome in told:
        if isinstance(outcome, RequestError):
            count(refused, outcome.uri)
        try:
            asked.tell(outcome)
        except Exception:  # noqa: BLE001 - the others are told, and the service goes on
            _log.exception("a request was not told what came of it: %r", outcome)


def tell_call(call: Call, outcome: Outcome) -> None:
    """Answer a call with what came of its request."""
    if isinstance(outcome, RequestError):
        call.abort(outcome)
    else:
        call.finish(outcome)
