"""The FailureLog: what fails in the program around the router, for its log, and never as often as peers like.

An authorizer, an authenticator, an endpoint or a handler with a mistake fails for each message that a peer sends, and
a peer can send many. So of each minute the log has the first failures whole, and how many came behind them.
"""

import logging

from fairlead_router.host import Host

log = logging.getLogger(__name__)

WINDOW_S = 60.0


class FailureLog:
    """The failures of one realm."""

    def __init__(self, host: Host, most: int) -> None:
        """`most` are shown whole in each window."""
        self._host = host
        self._most = most
        self._number = 0

    def add(self, text: str, error: BaseException | None = None) -> None:
        """One sentence about what has failed, and the exception that it failed with."""
        self._number += 1
        if self._number == 1:
            self._host.call_later(WINDOW_S, self._window_over)
        if self._number <= self._most:
            log.error("%s", text, exc_info=error)

    def _window_over(self) -> None:
        more, self._number = self._number - self._most, 0
        if more > 0:
            log.error("%d more failures within %g s (logged_failures)", more, WINDOW_S)
