"""xconn-python as a peer: does what the lines on its standard input ask for."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import lines
from xconn import (
    AnonymousAuthenticator,
    AsyncClient,
    CBORSerializer,
    CryptoSignAuthenticator,
    JSONSerializer,
    MsgPackSerializer,
    TicketAuthenticator,
    WAMPCRAAuthenticator,
)
from xconn.exception import ApplicationError
from xconn.types import Event, Invocation, Result

SETTINGS = json.loads(sys.argv[1])
SERIALIZERS = {"json": JSONSerializer, "msgpack": MsgPackSerializer, "cbor": CBORSerializer}
AUTHENTICATORS = {
    "ticket": TicketAuthenticator,
    "wampcra": WAMPCRAAuthenticator,
    "cryptosign": CryptoSignAuthenticator,
}
RETRY_S = 0.1


def authenticator() -> Any:
    auth = SETTINGS["auth"]
    return AUTHENTICATORS[auth["method"]](auth["authid"], auth["secret"]) if auth else AnonymousAuthenticator("")


class Peer:
    """The session, and what has been asked of it. The client does not reconnect: this does."""

    def __init__(self) -> None:
        self.session: Any = None
        self.subscriptions: dict[str, Any] = {}
        self.registrations: dict[str, Any] = {}
        self.running: set[asyncio.Task[None]] = set()
        self.has_left = False

    async def stay_joined(self) -> None:
        client = AsyncClient(authenticator(), SERIALIZERS[SETTINGS["serializer"]]())
        while not self.has_left:
            lost = asyncio.Event()

            async def on_end(lost: asyncio.Event = lost) -> None:
                lost.set()

            try:
                self.session = await client.connect(SETTINGS["url"], SETTINGS["realm"], disconnect_callback=on_end)
            except OSError:
                await asyncio.sleep(RETRY_S)
                continue
            except Exception as error:  # noqa: BLE001 - ABORT has no class of its own
                lines.say("left", reason=str(error))
                return
            details = self.session._base_session.session_details
            lines.say("joined", authid=details.authid, authrole=details.authrole)
            await lost.wait()
            lines.say("left", reason="lost")

    def on_request(self, request: dict[str, Any]) -> None:
        """Keeps hold of what it starts: a task that nobody holds may be collected."""
        self.running.add(asyncio.get_running_loop().create_task(self._perform(request)))

    async def _perform(self, request: dict[str, Any]) -> None:
        try:
            lines.answer(request["id"], await getattr(self, request["do"])(request))
        except ApplicationError as error:
            lines.answer_error(request["id"], error.message, error.args, error.kwargs)
        except Exception as error:  # noqa: BLE001 - the test shows it
            lines.answer_error(request["id"], f"python.{type(error).__name__}", [str(error)])

    async def subscribe(self, request: dict[str, Any]) -> None:
        topic = request["topic"]

        async def on_event(event: Event) -> None:
            details = event.details or {}
            lines.say(
                "event",
                topic=details.get("topic", topic),
                args=event.args or [],
                kwargs=event.kwargs or {},
                retained=details.get("retained", False),
            )

        self.subscriptions[topic] = await self.session.subscribe(topic, on_event, request["options"])

    async def unsubscribe(self, request: dict[str, Any]) -> None:
        await self.subscriptions.pop(request["topic"]).unsubscribe()

    async def publish(self, request: dict[str, Any]) -> None:
        options = {"acknowledge": True, **request["options"]}
        await self.session.publish(request["topic"], request["args"], request["kwargs"], options)

    async def register(self, request: dict[str, Any]) -> None:
        endpoint = ENDPOINTS[request["behaviour"]]
        self.registrations[request["procedure"]] = await self.session.register(
            request["procedure"], endpoint, request["options"]
        )

    async def unregister(self, request: dict[str, Any]) -> None:
        await self.registrations.pop(request["procedure"]).unregister()

    async def call(self, request: dict[str, Any]) -> dict[str, Any]:
        result = await self.session.call(request["procedure"], request["args"], request["kwargs"])
        return {"args": result.args or [], "kwargs": result.kwargs or {}}

    async def leave(self, _request: dict[str, Any]) -> None:
        self.has_left = True
        await self.session.leave()
        lines.say("left", reason="wamp.close.goodbye_and_out")


async def echo(invocation: Invocation) -> Result:
    return Result(invocation.args, invocation.kwargs)


async def fail(invocation: Invocation) -> Result:
    raise ApplicationError("com.example.failed", *(invocation.args or []), **(invocation.kwargs or {}))


ENDPOINTS = {"echo": echo, "fail": fail}


async def main() -> None:
    peer = Peer()
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    lines.read_requests(
        lambda request: loop.call_soon_threadsafe(peer.on_request, request),
        lambda: loop.call_soon_threadsafe(ended.set),
    )
    joining = loop.create_task(peer.stay_joined())
    await ended.wait()
    joining.cancel()


asyncio.run(main())
