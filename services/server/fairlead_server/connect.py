"""How the client commands find their server, prove who they are, and say what went wrong.

One place for the options `--url` and `--token-file`, for the order in which a token is looked for, and for the one line
that each failure becomes. A command that makes a few calls is `with_session(server, job)`; `run` and `logs`, which live
through a server's restarts, make a `fairlead_client.asyncio.Connection` of the same `Server`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import typer

from fairlead_client import ClientError, Refused
from fairlead_client.asyncio import call, connect, disconnect
from fairlead_client.autobahn_session import AutobahnSession, checked_url
from fairlead_client.requests import REALM
from fairlead_server.datadir import find_admin_token
from fairlead_server.errors import CommandError

T = TypeVar("T")

DEFAULT_URL = "ws://127.0.0.1:8080/ws"
URL_VARIABLE = "FAIRLEAD_URL"
TOKEN_VARIABLE = "FAIRLEAD_TOKEN"
_PORTS = {"ws": 80, "wss": 443}

UrlOption = Annotated[str, typer.Option("--url", envvar=URL_VARIABLE, metavar="URL", help="The server's WebSocket.")]
TokenFileOption = Annotated[
    Path | None,
    typer.Option("--token-file", metavar="FILE", help=f"A file with your token, unless {TOKEN_VARIABLE} has it."),
]


class Server(NamedTuple):
    """Which server, and who we are there; without a token we are anonymous."""

    url: str
    token: str | None = None
    realm: str = REALM


def default_url() -> str:
    """FAIRLEAD_URL, else that of a server without a configuration: for commands whose `--url` has no default."""
    return os.environ.get(URL_VARIABLE, "").strip() or DEFAULT_URL


def server_of(url: str, token_file: Path | None) -> Server:
    """The server that the options mean. Raises CommandError."""
    try:
        url = checked_url(url)
    except ClientError as error:
        raise CommandError(str(error)) from None
    return Server(url, token_for(url, token_file))


def token_for(url: str, token_file: Path | None) -> str | None:
    """FAIRLEAD_TOKEN, else the file's, else the admin token of the data directory, which never leaves the machine."""
    from_environment = os.environ.get(TOKEN_VARIABLE, "").strip()
    if from_environment:
        return from_environment
    if token_file is not None:
        return _token_in(token_file)
    return find_admin_token(urlsplit(url).port or _PORTS[urlsplit(url).scheme]) if is_local(url) else None


def is_local(url: str) -> bool:
    """Whether the URL's host is this machine's loopback."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def with_session(server: Server, job: Callable[[AutobahnSession], Awaitable[T]]) -> T:
    """Opens a session, does the job with it, closes it. What the server refuses is raised as CommandError."""
    hush_autobahn()
    return asyncio.run(_with_session(server, job))


async def request(session: AutobahnSession, procedure: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Calls a procedure of the server and returns its one dict. Raises CallFailed, which `with_session` maps."""
    return dict(await call(session, procedure, *args, **kwargs))


def command_error(error: ClientError, url: str) -> CommandError:
    """The line that the user reads for it."""
    if isinstance(error, Refused):
        return CommandError(f"the server at {url} refuses us: {error}" + (f" ({error.uri})" if error.text else ""))
    return CommandError(str(error))


def hush_autobahn() -> None:
    """Autobahn logs what we report ourselves: without a handler Python would print it as well."""
    logging.getLogger().addHandler(logging.NullHandler())


async def _with_session(server: Server, job: Callable[[AutobahnSession], Awaitable[T]]) -> T:
    try:
        session = await connect(server.url, realm=server.realm, token=server.token)
        try:
            return await job(session)
        finally:
            await disconnect(session)
    except ClientError as error:
        raise command_error(error, server.url) from None


def _token_in(file: Path) -> str:
    try:
        token = file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise CommandError(f"cannot read the token file {str(file)!r}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CommandError(f"the token file {str(file)!r} holds no token") from None
    if not token:
        raise CommandError(f"the token file {str(file)!r} is empty")
    return token
