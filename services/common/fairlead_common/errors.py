"""What every service refuses alike; each service's own errors are in its package, with a table of all of them."""

from __future__ import annotations

from fairlead_router import RequestError


class Busy(RequestError):
    """More waits for a write than the limit allows."""

    uri = "fairlead.error.busy"


class StoreFailed(RequestError):
    """The store could not keep what was asked; nothing has changed."""

    uri = "fairlead.error.store_failed"


class NoProgress(RequestError):
    """The procedure answers with progressive results, and the caller takes none."""

    uri = "fairlead.error.no_progress"
