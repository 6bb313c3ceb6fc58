"""A session that is opened again whenever it is lost, for commands that go on through that."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from functools import partial

from fairlead_client import CallFailed, ClientError
from fairlead_client.asyncio import Connection
from fairlead_server.commands._notes import note
from fairlead_server.connect import Server, command_error, hush_autobahn
from fairlead_server.errors import EXIT_INTERRUPTED, CommandError


def lasting(server: Server, meanwhile: str = "trying again") -> Connection:
    """It says when the server is away, and what that means; and when it is back."""
    on_change = partial(_say_change, meanwhile)
    return Connection(server.url, realm=server.realm, token=server.token, on_change=on_change)


def run_lasting(main: Coroutine[None, None, int], server: Server) -> int:
    """The command's status; that of Ctrl-C, if it was that. Raises CommandError."""
    hush_autobahn()
    try:
        return asyncio.run(main)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except CallFailed as error:
        raise CommandError(str(error)) from None
    except ClientError as error:
        raise command_error(error, server.url) from None


def _say_change(meanwhile: str, reason: str | None) -> None:
    note("connected again" if reason is None else f"{reason}; {meanwhile}")
