"""Where events come from: Arvados' websocket, or lines of JSON.

A feed is an asynchronous iterator of events, and of GAP where some may be missing: then everything has to be compared.
"""

import asyncio
import os
import stat
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from enum import Enum
from io import FileIO
from typing import Final, Literal
from urllib.parse import urlsplit

import aiohttp

from fairlead_authz.arvados.api import FIRST_PAUSE_S, LONGEST_PAUSE_S
from fairlead_authz.arvados.errors import BadSource
from fairlead_authz.arvados.events import CHANGES, MAX_LINE_BYTES, Event, decode_event

SILENCE_S: Final = 150.0
"""After which a connection is taken for dead: Arvados sends a keepalive each minute."""

CLOSE_S: Final = 1.0
"""How long the other side may take to close."""

GROWTH_S: Final = 0.5
"""How often a file is looked at for more lines."""


CHUNK_BYTES: Final = 64 * 1024

STDIN: Final = "-"


class Gap(Enum):
    """The type of GAP."""

    GAP = 0


GAP: Final = Gap.GAP
"""Events may be missing here."""

Feed = AsyncIterator[Event | Literal[Gap.GAP]]


async def websocket(
    url: str, token: str, on_down: Callable[[str], None], *, first_pause_s: float = FIRST_PAUSE_S
) -> Feed:
    """The events of Arvados' websocket, for ever: each new connection begins with a gap; `on_down` hears why one ended.

    It asks for what came after the last event, too, but Arvados forgets after ten minutes without saying so. The token
    is in the URL, as the protocol has it; so the URL is shown to nobody. Raises BadSource for a URL that is none.
    """
    parts = urlsplit(url)
    is_local = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if not parts.hostname or (parts.scheme != "wss" and not (parts.scheme == "ws" and is_local)):
        raise BadSource(f"{url!r} is no URL of a websocket: wss://HOST/websocket (ws only on this machine)")
    last_id, pause_s = 0, first_pause_s
    while True:
        try:
            async for item in _connection(url, token, last_id):
                if item is not GAP:
                    last_id, pause_s = max(last_id, item.id or 0), first_pause_s
                yield item
            on_down("it was closed")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            on_down(type(error).__name__)  # its text may hold the URL, and so the token
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


async def _connection(url: str, token: str, last_id: int) -> Feed:
    """What comes on one connection, until it is closed. Raises what aiohttp raises."""
    timeout = aiohttp.ClientWSTimeout(ws_receive=SILENCE_S, ws_close=CLOSE_S)
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(url, params={"api_token": token}, max_msg_size=MAX_LINE_BYTES, timeout=timeout) as socket,
    ):
        await socket.send_json(_subscription(last_id))
        yield GAP
        async for message in socket:
            event = decode_event(message.data) if message.type is aiohttp.WSMsgType.TEXT else None
            if event is not None:
                yield event


def _subscription(last_id: int) -> dict[str, object]:
    asked = {"method": "subscribe", "filters": [["event_type", "in", sorted(CHANGES)]]}
    return asked | ({"last_log_id": last_id} if last_id else {})


async def lines(file: str, *, grows: bool = True) -> Feed:
    """The events in a file, a line of JSON each, and as it `grows` for ever; `-`: of stdin, until that ends.

    A line that is no event is passed over. Raises BadSource for a file that cannot be read.
    """
    rest = b""
    async for chunk in _chunks(file, grows):
        if chunk is GAP:
            rest = b""
            yield GAP
            continue
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            event = decode_event(line)
            if event is not None:
                yield event
        if len(rest) > MAX_LINE_BYTES:
            rest = b""
            yield GAP


async def _chunks(file: str, grows: bool) -> AsyncIterator[bytes | Literal[Gap.GAP]]:
    with _opened(file) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            reader = asyncio.StreamReader()
            transport, _ = await asyncio.get_running_loop().connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(reader), stream
            )
            with closing(transport):
                while chunk := await reader.read(CHUNK_BYTES):
                    yield chunk
            return
        while True:
            while chunk := stream.read(CHUNK_BYTES):
                yield chunk
            if file == STDIN or not grows:
                return
            await asyncio.sleep(GROWTH_S)
            if os.fstat(stream.fileno()).st_size < stream.tell():
                stream.seek(0)
                yield GAP


def _opened(file: str) -> FileIO:
    try:
        return FileIO(os.dup(sys.stdin.fileno()) if file == STDIN else file)
    except OSError as error:
        raise BadSource(f"cannot read the events in {file!r}: {error.strerror}") from None
