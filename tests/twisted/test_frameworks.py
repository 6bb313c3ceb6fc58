"""The second pytest call: Autobahn on Twisted, in a process where asyncio's half of it is not."""

from __future__ import annotations

import asyncio
import importlib

import pytest
from autobahn.twisted.wamp import ApplicationSession
from twisted.internet import defer


async def test_autobahn_on_twisted_can_be_imported_here() -> None:
    done: defer.Deferred[str] = defer.Deferred()
    asyncio.get_running_loop().call_soon(done.callback, ApplicationSession.__name__)
    assert await done.asFuture(asyncio.get_running_loop()) == "ApplicationSession"


def test_the_other_framework_is_refused_here() -> None:
    with pytest.raises(RuntimeError, match="Explicitly using 'twisted' already"):
        importlib.import_module("autobahn.asyncio.wamp")
