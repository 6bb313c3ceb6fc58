"""Autobahn|Python as a peer, on asyncio or on Twisted: does what the lines on its standard input ask for."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any
from urllib.parse import urlsplit

import lines
import txaio
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.types import CallOptions, CallResult, PublishOptions, RegisterOptions, SubscribeOptions

SETTINGS = json.loads(sys.argv[1])

if SETTINGS["framework"] == "twisted":
    from autobahn.twisted.component import Component
    from twisted.internet import reactor
    from twisted.internet.defer import ensureDeferred

    loop, start = reactor, ensureDeferred
    run, stop, in_loop = reactor.run, reactor.stop, reactor.callFromThread
else:
    from autobahn.asyncio.component import Component

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    start = loop.create_task
    run, stop, in_loop = loop.run_forever, loop.stop, loop.call_soon_threadsafe


class Peer:
    """The session, and what has been asked of it."""

    def __init__(self) -> None:
        self.session: Any = None
        self.subscriptions: dict[str, Any] = {}
        self.registrations: dict[str, Any] = {}
        self.calls: dict[int, Any] = {}
        self.running: set[Any] = set()

    def on_join(self, session: Any, details: Any) -> None:
        self.session = session
        lines.say("joined", authid=details.authid, authrole=details.authrole, authmethod=details.authmethod)

    def on_leave(self, _session: Any, details: Any) -> None:
        lines.say("left", reason=details.reason)

    def on_request(self, request: dict[str, Any]) -> None:
        """Keeps hold of what it starts: a task that nobody holds may be collected."""
        self.running.add(start(self._perform(request)))

    async def _perform(self, request: dict[str, Any]) -> None:
        try:
            lines.answer(request["id"], await getattr(self, request["do"])(request))
        except ApplicationError as error:
            lines.answer_error(request["id"], error.error, error.args, error.kwargs)
        except BaseException as error:  # noqa: BLE001 - CancelledError of either framework; the test shows the rest
            lines.answer_error(request["id"], f"python.{type(error).__name__}", [str(error)])

    async def subscribe(self, request: dict[str, Any]) -> None:
        topic = request["topic"]

        def on_event(*args: Any, details: Any, **kwargs: Any) -> None:
            lines.say("event", topic=details.topic, args=args, kwargs=kwargs, retained=bool(details.retained))

        options = SubscribeOptions(details=True, **request["options"])
        self.subscriptions[topic] = await self.session.subscribe(on_event, topic, options=options)

    async def unsubscribe(self, request: dict[str, Any]) -> None:
        await self.subscriptions.pop(request["topic"]).unsubscribe()

    async def publish(self, request: dict[str, Any]) -> None:
        options = PublishOptions(acknowledge=True, **request["options"])
        await self.session.publish(request["topic"], *request["args"], options=options, **request["kwargs"])

    async def register(self, request: dict[str, Any]) -> None:
        options = RegisterOptions(details=True, **request["options"])
        endpoint = getattr(self, "be_" + request["behaviour"])
        self.registrations[request["procedure"]] = await self.session.register(
            endpoint, request["procedure"], options=options
        )

    async def unregister(self, request: dict[str, Any]) -> None:
        await self.registrations.pop(request["procedure"]).unregister()

    async def call(self, request: dict[str, Any]) -> dict[str, Any]:
        def on_progress(*args: Any, **kwargs: Any) -> None:
            lines.say("progress", args=args, kwargs=kwargs)

        options = CallOptions(on_progress=on_progress) if request["progress"] else None
        call = self.calls[request["id"]] = self.session.call(
            request["procedure"], *request["args"], options=options, **request["kwargs"]
        )
        result = await call
        if isinstance(result, CallResult):
            return {"args": result.results, "kwargs": result.kwresults or {}}
        return {"args": [] if result is None else [result], "kwargs": {}}

    async def cancel(self, request: dict[str, Any]) -> None:
        self.calls[request["call"]].cancel()

    async def leave(self, _request: dict[str, Any]) -> None:
        self.session.leave()

    # ---- how procedures behave ----

    def be_echo(self, *args: Any, details: Any, **kwargs: Any) -> CallResult:
        return CallResult(*args, **kwargs)

    def be_fail(self, *args: Any, details: Any, **kwargs: Any) -> None:
        raise ApplicationError("com.example.failed", *args, **kwargs)

    def be_count(self, count: int, details: Any) -> int:
        for number in range(count):
            details.progress(number)
        return count

    async def be_wait(self, details: Any) -> None:
        lines.say("invoked")
        try:
            await txaio.create_future()
        except BaseException:
            lines.say("interrupted")
            raise


def authentication() -> dict[str, Any] | None:
    """Who we are, as a component wants it: each method has a name of its own for the secret."""
    auth = SETTINGS["auth"]
    if auth is None:
        return None
    names = {"ticket": "ticket", "wampcra": "secret", "cryptosign": "privkey", "scram": "password"}
    return {auth["method"]: {"authid": auth["authid"], names[auth["method"]]: auth["secret"]}}


def transport() -> dict[str, Any]:
    """The URL as a component wants it."""
    url = urlsplit(SETTINGS["url"])
    retries = {"max_retries": -1, "initial_retry_delay": 0.1, "max_retry_delay": 0.3}
    endpoint: dict[str, Any] = {"type": "tcp", "host": url.hostname, "port": url.port}
    if url.scheme in {"wss", "tcps"}:
        endpoint["tls"] = True
    if url.scheme in {"ws", "wss"}:
        return {
            "type": "websocket", "url": SETTINGS["url"], "endpoint": endpoint,
            "serializers": [SETTINGS["serializer"]], **retries,
        }  # fmt: skip
    if url.scheme == "unix":
        endpoint = {"type": "unix", "path": url.path}
    return {"type": "rawsocket", "endpoint": endpoint, "serializer": SETTINGS["serializer"], **retries}


def main() -> None:
    peer = Peer()
    component = Component(transports=[transport()], realm=SETTINGS["realm"], authentication=authentication())
    component.on("join", peer.on_join)
    component.on("leave", peer.on_leave)
    lines.read_requests(lambda request: in_loop(peer.on_request, request), lambda: in_loop(stop))
    component.start(loop)
    run()


main()
