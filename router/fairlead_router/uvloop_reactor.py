"""Twisted's asyncio reactor on a uvloop: `twist --reactor=uvloop`."""

import uvloop
from twisted.internet import asyncioreactor


def install() -> None:
    """Called by Twisted, before anything else is imported that needs a reactor."""
    asyncioreactor.install(uvloop.new_event_loop())  # type: ignore[no-untyped-call]  # Twisted is partly untyped
