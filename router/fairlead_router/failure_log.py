"""The FailureLog: what fails in the program around the router, for its log, and never as often as peers like.

An authorizer, an authenticator, an endpoint or a handler with a mistake fails for each message that a peer sends, and
a peer can send many. So of each minute the log has the first failures whole, and the next one says how many
were left out.
"""

import logging

from fairlead_router.host import Host

log = logging.getLogger(__name__)

_WINDOW_US = 60_000_000


class FailureLog:
    """The failures of one realm."""

    def __init__(self, host: Host, most: int) -> None:
        """`most` are logged in each minute."""
        self._host = host
        self._most = most
        self._number = 0
        self._since_us = 0

    def add(self, text: str, error: BaseException | None = None) -> None:
        """One sentence about what has failed, and the exception that it failed with."""
        now_us = self._host.time_us()
        if now_us - self._since_us >= _WINDOW_US:
            left_out, self._number, self._since_us = self._number - self._most, 0, now_us
            if left_out > 0:
                log.error("%d more failures were left out (logged_failures)", left_out)
        self._number += 1
        if self._number <= self._most:
            log.error("%s", text, exc_info=error)
