"""Lists of the API over HTTP, page by page in the order of the UUIDs.

Each page asks for what comes behind the last UUID, so that what is made or deleted meanwhile makes no other record
be missed or come twice. What fails for a moment is tried again; the token goes to the API's host only and is in no
message.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any, Final, NoReturn, Self
from urllib.parse import urlsplit

import aiohttp
import msgspec

from fairlead_authz.arvados.errors import ArvadosError, BadSource, Denied, Unavailable
from fairlead_authz.arvados.records import Record, decode_listing, decode_records
from fairlead_authz.arvados.report import Report
from fairlead_authz.arvados.uuids import LISTS, ListKind
from fairlead_authz.arvados.verify import Row, decode_rows

PAGE: Final = 1_000
"""Records that are asked for at a time: Arvados' own limit."""

LOOKED_UP: Final = 100
"""UUIDs that are asked for at a time: their filter stays within what an URL may hold."""

MAX_PAGE_BYTES: Final = 64 * 1024 * 1024
"""Of an answer: a page has 1 000 records of a few hundred bytes, names included."""

MAX_ATTEMPTS: Final = 8
"""At a request: with the pauses below a minute, so a restart of the API server is waited for."""

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0

_TIMEOUT: Final = aiohttp.ClientTimeout(total=300, sock_connect=20)
_NOT_FOUND, _UNAUTHORIZED, _FORBIDDEN, _TOO_MANY, _SERVER_ERROR = 404, 401, 403, 429, 500


class Api:
    """An Arvados API server, as a source of records."""

    def __init__(self, url: str, token: str, *, first_pause_s: float = FIRST_PAUSE_S) -> None:
        """`url`: https://HOST, or http://HOST on this machine. Raises BadSource."""
        self._url = checked_base(url)
        self._headers = {"Authorization": f"Bearer {token}"}
        self._first_pause_s = first_pause_s
        self._http: aiohttp.ClientSession | None = None
        self.on_page: Callable[[str, int], None] = lambda _name, _count: None
        """Hears of each page: the list's name, and how many records it has brought so far."""
        self.on_pause: Callable[[str, float], None] = lambda _reason, _pause_s: None
        """Hears why a request is tried again, and in how many seconds."""

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(headers=self._headers, timeout=_TIMEOUT)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._http is not None:
            await self._http.close()

    async def types(self) -> frozenset[str]:
        """All lists but the log rows, which nobody keeps all of. Raises ArvadosError, Denied to who sees but a part."""
        await self._require_admin()
        return frozenset(LISTS) - {"57u5n"}

    async def records(self, kind: ListKind, report: Report) -> Iterable[Record]:
        """All records of a list. Raises ArvadosError."""
        records: list[Record] = []
        async for items in self._pages(kind):
            records.extend(decode_records(items, kind, report))
            self.on_page(kind.name, len(records))
        return records

    async def look_up(self, kind: ListKind, uuids: Sequence[str], report: Report) -> list[Record]:
        """The records of these UUIDs, of those that exist. Raises ArvadosError."""
        records: list[Record] = []
        for start in range(0, len(uuids), LOOKED_UP):
            records.extend(decode_records(await self._some(kind, uuids[start : start + LOOKED_UP]), kind, report))
        if len(records) < len(uuids):
            await self._require_admin()  # then they are gone, and not only out of sight
        return records

    async def computed_permissions(self) -> AsyncIterator[list[Row]]:
        """All of this list, page by page. It has no UUIDs: the next page begins behind the last user and target."""
        url = f"{self._url}/arvados/v1/computed_permissions"
        name = "the API's answer for computed_permissions"
        filters: list[list[Any]] = []
        while True:
            parameters = {"filters": json.dumps(filters), "limit": str(PAGE), "count": "none"}
            rows = decode_rows(name, await self._get(url, parameters))
            if rows:
                yield rows
                filters = [["user_uuid", "=", rows[-1].user_uuid], ["target_uuid", ">", rows[-1].target_uuid]]
            elif len(filters) == 2:
                filters = [["user_uuid", ">", filters[0][2]]]
            else:
                return

    async def websocket_url(self) -> str:
        """Where this cluster sends its events, by its discovery document. Raises ArvadosError."""
        text = await self._get(f"{self._url}/discovery/v1/apis/arvados/v1/rest", {})
        try:
            return msgspec.json.decode(text, type=_Discovery).websocket_url
        except msgspec.MsgspecError:
            raise BadSource("the API's discovery document names no websocketUrl") from None

    # --- requests -----------------------------------------------------------------------------

    async def _require_admin(self) -> None:
        """Raises Denied if lists show a part only: the rest would be taken for deleted."""
        text = await self._get(f"{self._url}/arvados/v1/users/current", {})
        try:
            is_admin = msgspec.json.decode(text, type=_Current).is_admin
        except msgspec.MsgspecError:
            raise BadSource("the API's answer for users/current is no user") from None
        if not is_admin:
            raise Denied(f"the token for {self._url} is of no administrator, who alone sees all")

    async def _some(self, kind: ListKind, uuids: Sequence[str]) -> list[msgspec.Raw]:
        """What exists of these, however few of them the API gives at a time."""
        items: list[msgspec.Raw] = []
        missing = sorted(uuids)
        while missing:
            page = await self._list(kind, [["uuid", "in", missing]], LOOKED_UP)
            if not page:
                break
            items += page
            last = _uuid(page[-1])
            missing = [each for each in missing if each > last]
        return items

    async def _pages(self, kind: ListKind) -> AsyncIterator[list[msgspec.Raw]]:
        last = ""
        while items := await self._list(kind, [["uuid", ">", last]] if last else [], PAGE):
            yield items
            before, last = last, _uuid(items[-1])
            if last <= before:
                raise BadSource(f"the list of {kind.name} is not in the order of its UUIDs at {last!r}")

    async def _list(self, kind: ListKind, filters: list[list[Any]], limit: int) -> list[msgspec.Raw]:
        if kind.name == "links":
            filters = [*filters, ["link_class", "=", "permission"]]
        parameters = {
            "filters": json.dumps(filters),
            "order": '["uuid"]',
            "select": json.dumps(["uuid", "owner_uuid", *kind.select]),
            "limit": str(limit),
            "count": "none",
        }
        if kind.has_trash:
            parameters["include_trash"] = "true"
        text = await self._get(f"{self._url}/arvados/v1/{kind.name}", parameters)
        return decode_listing(f"the API's answer for {kind.name}", text).items

    async def _get(self, url: str, parameters: dict[str, str]) -> bytes:
        """Raises Denied, BadSource, and Unavailable after the last attempt."""
        pause_s = self._first_pause_s
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                return await self._attempt(url, parameters)
            except Unavailable as error:
                if attempt == MAX_ATTEMPTS:
                    raise Unavailable(f"{error}, {attempt} times") from None
                self.on_pause(str(error), pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        raise AssertionError("the last attempt returns or raises")

    async def _attempt(self, url: str, parameters: dict[str, str]) -> bytes:
        assert self._http is not None, "to be entered first"
        try:
            # Not another host's: a redirect would take the token along.
            async with self._http.get(url, params=parameters, allow_redirects=False) as response:
                if response.status != 200:
                    _refuse(url, response.status)
                return await _bounded(url, response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(f"{url} does not answer: {str(error) or type(error).__name__}") from None


def checked_base(url: str) -> str:
    """The URL without what is behind the host. Raises BadSource."""
    parts = urlsplit(url)
    is_local = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_local):
        raise BadSource(f"{url!r} is no URL of an API: https://HOST (http only on this machine, for the token's sake)")
    if not parts.hostname or parts.path.strip("/") or parts.query or parts.username:
        raise BadSource(f"{url!r} must be https://HOST and nothing more")
    return f"{parts.scheme}://{parts.netloc}"


def _refuse(url: str, status: int) -> NoReturn:
    if status in (_UNAUTHORIZED, _FORBIDDEN):
        raise Denied(f"{url} does not take the token ({status}): it needs an administrator's")
    error: type[ArvadosError] = Unavailable if status == _TOO_MANY or status >= _SERVER_ERROR else BadSource
    raise error(f"{url} answers with status {status}")


async def _bounded(url: str, response: aiohttp.ClientResponse) -> bytes:
    text = bytearray()
    async for chunk in response.content.iter_any():
        text += chunk
        if len(text) > MAX_PAGE_BYTES:
            raise BadSource(f"{url} answers with more than {MAX_PAGE_BYTES} bytes")
    return bytes(text)


def _uuid(item: msgspec.Raw) -> str:
    """Raises BadSource: without it there is no next page."""
    try:
        return msgspec.json.decode(item, type=_Keyed).uuid
    except msgspec.MsgspecError:
        raise BadSource("a page of the API ends with a record without an UUID") from None


class _Keyed(msgspec.Struct):
    uuid: str


class _Current(msgspec.Struct):
    is_admin: bool = False


class _Discovery(msgspec.Struct):
    websocket_url: str = msgspec.field(name="websocketUrl")
