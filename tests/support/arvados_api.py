"""A small Arvados API server on 127.0.0.1: lists with filters and pages, a websocket, and faults on demand.

async with FakeArvados(records) as arvados:
arvados.remove(uuid)     # and the websocket tells it
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any, Self

from aiohttp import WSMsgType, web

from support.arvados_records import FIRST, Listed

TOKEN = "v2/zzzzz-gj3su-000000000000000/arvados-secret"
TYPES = {
    "users": "tpzed",
    "groups": "j7d0g",
    "links": "o0j2j",
    "collections": "4zz18",
    "container_requests": "xvhdp",
    "containers": "dz642",
    "workflows": "7fd4e",
    "virtual_machines": "2x53u",
    "logs": "57u5n",
}
MAX_PAGE = 7
"""So that a few records are several pages; Arvados' own limit is larger."""


class FakeArvados:
    """The server. What is asked without TOKEN is refused."""

    def __init__(self, records: Iterable[Listed] = ()) -> None:
        self.records: dict[str, Listed] = {each["uuid"]: each for each in [*FIRST, *records]}
        self.computed: list[Listed] = []
        self.requests: list[str] = []
        self.is_admin = True
        self.faults: list[str] = []
        """What becomes of the next requests for lists: a status, or `reset`."""
        self.subscriptions: list[Any] = []
        self._sockets: set[web.WebSocketResponse] = set()
        self._last_id = 0
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_get("/discovery/v1/apis/arvados/v1/rest", self._discovery)
        application.router.add_get("/arvados/v1/computed_permissions", self._computed)
        application.router.add_get("/arvados/v1/users/current", self._current)
        application.router.add_get("/arvados/v1/{list}", self._list)
        application.router.add_get("/websocket", self._websocket)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.drop_sockets()
        assert self._runner is not None
        await self._runner.cleanup()

    # --- what happens at Arvados --------------------------------------------------------------

    async def put(self, record: Listed, *, silently: bool = False) -> None:
        """Make or change a record; the websocket tells it, unless it is one of the cases that bypass it."""
        event_type = "update" if record["uuid"] in self.records else "create"
        self.records[record["uuid"]] = record
        if not silently:
            await self.tell(record["uuid"], event_type)

    async def remove(self, uuid: str, *, silently: bool = False) -> None:
        """Delete a record."""
        del self.records[uuid]
        if not silently:
            await self.tell(uuid, "delete")

    async def tell(self, uuid: str, event_type: str) -> None:
        """An event, with the few attributes that the websocket has."""
        self._last_id += 1
        event = {
            "id": self._last_id,
            "object_uuid": uuid,
            "event_type": event_type,
            "properties": {"new_attributes": {}},
        }
        for socket in self._sockets:
            await socket.send_json(event)

    async def drop_sockets(self) -> None:
        """The websocket server stops, as it does when its database is away."""
        await asyncio.gather(*[socket.close() for socket in list(self._sockets)])

    @property
    def is_listened_to(self) -> bool:
        """Whether a websocket has subscribed."""
        return bool(self._sockets)

    # --- answers ------------------------------------------------------------------------------

    async def _list(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["list"]
        self.requests.append(name)
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"errors": ["Not logged in"]}, status=401)
        fault = self.faults.pop(0) if self.faults else None
        if fault == "reset":
            assert request.transport is not None
            request.transport.abort()
        if fault is not None:
            return web.Response(status=503 if fault == "reset" else int(fault))
        query = request.query
        assert json.loads(query["order"]) == ["uuid"]
        assert query["count"] == "none"
        found = sorted(
            (each for uuid, each in self.records.items() if uuid[6:11] == TYPES[name]), key=lambda each: each["uuid"]
        )
        for attribute, operator, operand in json.loads(query["filters"]):
            found = [each for each in found if _fits(each[attribute], operator, operand)]
        if query.get("include_trash") != "true":
            found = [each for each in found if not each.get("is_trashed")]
        select = json.loads(query["select"])
        page = [{key: each.get(key) for key in select} for each in found[: min(MAX_PAGE, int(query["limit"]))]]
        return web.json_response({"kind": f"arvados#{name[:-1]}List", "items": page})

    async def _current(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"errors": ["Not logged in"]}, status=401)
        return web.json_response({"is_admin": self.is_admin})

    async def _computed(self, request: web.Request) -> web.Response:
        found = sorted(self.computed, key=lambda row: (row["user_uuid"], row["target_uuid"]))
        for attribute, operator, operand in json.loads(request.query["filters"]):
            found = [each for each in found if _fits(each[attribute], operator, operand)]
        return web.json_response({"items": found[:MAX_PAGE]})

    async def _discovery(self, _: web.Request) -> web.Response:
        return web.json_response({"websocketUrl": f"{self.url.replace('http', 'ws')}/websocket"})

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                self.subscriptions.append(json.loads(message.data))
                await socket.send_json({"status": 200})
                if request.query["api_token"] == TOKEN:
                    self._sockets.add(socket)
        self._sockets.discard(socket)
        return socket


def _fits(value: Any, operator: str, operand: Any) -> bool:
    if operator == "in":
        return value in operand
    return bool(value == operand if operator == "=" else value > operand)
