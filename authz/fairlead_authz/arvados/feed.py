"""Where events come from: Arvados' websocket, or lines of JSON.

A feed is an asynchronous iterator of events, and of GAP where some may be missing: then everything has to be compared.
"""

import asyncio
import os
import stat
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, closing
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

Feed = AsyncGenerator[Event | Literal[Gap.GAP], None]


def websocket(url: str, token: str, on_down: Callable[[str], None], *, first_pause_s: float = FIRST_PAUSE_S) -> Feed:
    """The events of Arvados' websocket, for ever: each new connection begins with a gap; `on_down` hears why one ended.

    It asks for what came after the last event, too, but Arvados forgets after ten minutes without saying so. The token
    is in the URL, as the protocol has it; so the URL is shown to nobody. Raises BadSource for a URL that is none.
    """
    parts = urlsplit(url)
    is_local = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if not parts.hostname or (parts.scheme != "wss" and not (parts.scheme == "ws" and is_local)):
        raise BadSource(f"{url!r} is no URL of a websocket: wss://HOST/websocket (ws only on this machine)")
    return _Websocket(url, token, first_pause_s).events(on_down)


class _Websocket:
    """Connections one after the other."""

    def __init__(self, url: str, token: str, first_pause_s: float) -> None:
        self._url = url
        self._token = token
        self._first_pause_s = self._pause_s = first_pause_s
        self._last_id = 0

    async def events(self, on_down: Callable[[str], None]) -> Feed:
        while True:
            try:
                async with aclosing(self._connection()) as items:
                    async for item in items:
                        yield item
                on_down("it was closed")
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                on_down(type(error).__name__)  # its text may hold the URL, and so the token
            await asyncio.sleep(self._pause_s)
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)

    async def _connection(self) -> Feed:
        """What comes on one connection, until it is closed. Raises what aiohttp raises."""
        timeout = aiohttp.ClientWSTimeout(ws_receive=SILENCE_S, ws_close=CLOSE_S)
        parameters = {"api_token": self._token}
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(self._url, params=parameters, max_msg_size=MAX_LINE_BYTES, timeout=timeout) as socket,
        ):
            await socket.send_json(_subscription(self._last_id))
            yield GAP
            async for message in socket:
                event = decode_event(message.data) if message.type is aiohttp.WSMsgType.TEXT else None
                if event is not None:
                    self._last_id, self._pause_s = max(self._last_id, event.id or 0), self._first_pause_s
                    yield event


def _subscription(last_id: int) -> dict[str, object]:
    asked = {"method": "subscribe", "filters": [["event_type", "in", sorted(CHANGES)]]}
    return asked | ({"last_log_id": last_id} if last_id else {})


async def lines(file: str, *, grows: bool = True) -> Feed:
    """The events in a file, a line of JSON each, and as it `grows` for ever; `-`: of stdin, until that ends.

    A line that is no event is passed over. Raises BadSource for a file that cannot be read.
    """
    rest = b""
    async with aclosing(_chunks(file, grows)) as chunks:
        async for chunk in chunks:
            text = rest + (chunk or b"")
            *whole, rest = text.split(b"\n")
            for event in filter(None, map(decode_event, whole)):
                yield event
            if chunk is None or len(rest) > MAX_LINE_BYTES:
                rest = b""
                yield GAP


async def _chunks(file: str, grows: bool) -> AsyncGenerator[bytes | None, None]:
    """What is read; None where the file has been written anew."""
    with _opened(file) as stream:
        if _is_waited_for(stream):
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
                yield None


def _is_waited_for(stream: FileIO) -> bool:
    """Whether reading may block: a file's never does, nor that of /dev/null."""
    mode = os.fstat(stream.fileno()).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stream.isatty()


def _opened(file: str) -> FileIO:
    try:
        return FileIO(os.dup(sys.stdin.fileno()) if file == STDIN else file)
    except OSError as error:
        raise BadSource(f"cannot read the events in {file!r}: {error.strerror}") from None
