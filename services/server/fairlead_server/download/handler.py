"""GET /logs/<stream>: a log as plain text or NDJSON, to a file or, with `follow`, to whoever waits for each line.

Behind each request is an in-process session of the realm with the token's principal. It reads page by page, as fast as
the peer takes it, so every check is the log service's and a right that goes ends the body: without its last chunk, so
that the peer sees that it is cut. A token comes in the header `Authorization: Bearer`, never in the URL, which ends in
histories and access logs; without one the request is anonymous.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import AsyncIterator, Awaitable
from typing import Any

from aiohttp import web

from fairlead_router import ANONYMOUS, AuthenticationFailed, CallError, Member, Principal, Realm, SessionError
from fairlead_router.auth import ChallengeRequest, HelloRequest
from fairlead_server.download.formats import FORMATS, Format
from fairlead_server.download.query import Query, parse_query

PATH = "/logs/{stream}"

PAGE_BYTES = 64 << 10
"""What is read at once: what a revocation cannot take back is one write of as much."""

WAIT_S = 30.0
"""How long one read waits at the head of a log that is followed."""

DOWNLOADS_LIMIT = 500
"""At once: half of the connections of HTTP, so that who follows logs keeps nobody from the page and the probes."""

STALLED_S = 60.0
"""How long a peer may take nothing before its connection is reset: others need the place."""

_ANSWERS: dict[str, type[web.HTTPException]] = {
    "wamp.error.invalid_argument": web.HTTPBadRequest,
    "wamp.error.not_authorized": web.HTTPForbidden,
    "fairlead.error.no_such_stream": web.HTTPNotFound,
    "fairlead.error.no_such_attempt": web.HTTPNotFound,
}
"""To the errors of `read`; all others pass. A stream that may not be read and one that is not there are one answer."""


class Downloads:
    """The handler of one realm's logs."""

    def __init__(self, realm: Realm) -> None:
        self._realm = realm
        self._count = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a request."""
        query = parse_query(request.query)
        principal = await self._principal(request)
        member = self._join(principal)
        self._count += 1
        try:
            return await self._body(request, query, Pages(member, request.match_info["stream"], query))
        finally:
            self._count -= 1
            member.leave()

    def _join(self, principal: Principal) -> Member:
        if self._count >= DOWNLOADS_LIMIT:
            raise _unavailable(f"{DOWNLOADS_LIMIT} logs are being read over HTTP already")
        try:
            return self._realm.join(principal)
        except SessionError as error:
            raise _unavailable(str(error)) from None

    async def _body(self, request: web.Request, query: Query, pages: Pages) -> web.StreamResponse:
        try:
            first = await pages.first()
        except CallError as error:
            raise _refusal(error, is_anonymous=pages.is_anonymous) from None
        written = FORMATS[query.format]()
        response = web.StreamResponse(headers=_headers(request.match_info["stream"], written))
        await response.prepare(request)
        try:
            await _write(response, written.page(first, query.until))
            async for page in pages.rest():
                await _write(response, written.page(page, query.until))
                if query.follow and pages.is_at_the_head:
                    await _write(response, written.rest())
            await _write(response, written.rest())
        except (CallError, TimeoutError, OtherLog):
            if request.transport is not None:
                request.transport.abort()
        return response

    async def _principal(self, request: web.Request) -> Principal:
        """Whose token it is, as if it came in as the ticket of HELLO."""
        header = request.headers.get("Authorization")
        if header is None:
            return await self._authenticated("anonymous", "")
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise _unauthorized("Authorization must be 'Bearer TOKEN'")
        return await self._authenticated("ticket", token.strip())

    async def _authenticated(self, method: str, token: str) -> Principal:
        hello = HelloRequest(self._realm.name, None, (method,))
        try:
            decision = await _settled(self._realm.authenticator.authenticate(hello))
            if isinstance(decision, ChallengeRequest):
                decision = await _settled(decision.verify(token, {}))
        except (AuthenticationFailed, SessionError) as error:
            raise _unauthorized(str(error)) from None
        if not isinstance(decision, Principal):
            raise _unauthorized("a token is needed")
        return decision


class OtherLog(Exception):
    """The stream was deleted meanwhile, and another has its name: what we have written is no part of that."""


class Pages:
    """The pages of one log, or of one attempt of it, read one after the other."""

    def __init__(self, member: Member, stream: str, query: Query) -> None:
        self._member = member
        self._stream = stream
        self._query = query
        self._page: dict[str, Any] = {}
        self._end = 0
        self._next_attempt: int | None = None

    @property
    def is_anonymous(self) -> bool:
        """Whether it is read without a token."""
        return self._member.principal.authrole == ANONYMOUS.authrole

    @property
    def is_at_the_head(self) -> bool:
        """Whether the last page has come to the end of what there is."""
        return bool(self._page["next"] >= self._page["head"])

    async def first(self) -> dict[str, Any]:
        """The page at the beginning. Raises CallError."""
        page = await self._read(**self._query.begin)
        self._end = page["head"]
        return page

    async def rest(self) -> AsyncIterator[dict[str, Any]]:
        """The others, to the head of the beginning, or, where the log is followed, to its seal or the next attempt.

        Raises CallError, OtherLog.
        """
        while not self._is_done():
            cursor = {"start": self._page["next"], "epoch": self._page["epoch"]}
            page = await self._read(**cursor, wait_s=WAIT_S if self._query.follow else 0)
            if "reset" in page:
                raise OtherLog
            yield page

    def _is_done(self) -> bool:
        if self._next_attempt is not None and self._page["next"] >= self._next_attempt:
            return True
        if self._query.follow:
            return self._page["sealed"] is not None and self.is_at_the_head
        return bool(self._page["next"] >= self._end)

    async def _read(self, **about: Any) -> dict[str, Any]:
        if self._query.sources:
            about["sources"] = self._query.sources
        about["max_bytes"] = PAGE_BYTES
        about["limit"] = 10_000
        self._page = await self._call(**about)
        if "attempt" in self._query.begin:
            await self._cut(self._query.begin["attempt"])
        return self._page

    async def _cut(self, attempt: int) -> None:
        """Take the next attempt out of the page; where that begins is known before its first record is read."""
        if self._next_attempt is None:
            self._next_attempt = (await self._call(attempt=attempt, limit=1))["attempt"]["next"]
        if self._next_attempt is not None:
            self._page = _before(self._next_attempt, self._page)

    async def _call(self, **about: Any) -> dict[str, Any]:
        page: dict[str, Any] = (await self._member.call("fairlead.log.read", [self._stream], about)).args[0]
        return page


def _before(end: int, page: dict[str, Any]) -> dict[str, Any]:
    """The page without the records from `end` on."""
    seqs = page.get("seqs", range(page["first"], page["next"]))
    count = bisect_left(seqs, end)
    return {**page, "records": page["records"][:count], "seqs": seqs[:count]}


async def _settled(answer: Any) -> Any:
    return await answer if isinstance(answer, Awaitable) else answer


async def _write(response: web.StreamResponse, data: bytes) -> None:
    """Raises TimeoutError for a peer that takes nothing."""
    if data:
        async with asyncio.timeout(STALLED_S):
            await response.write(data)


def _headers(stream: str, written: Format) -> dict[str, str]:
    return {
        "Content-Type": written.content_type,
        "Content-Disposition": f'attachment; filename="{stream}.{written.suffix}"',
    }


def _refusal(error: CallError, *, is_anonymous: bool) -> web.HTTPException:
    text = str(error.error_args[0]) if error.error_args else error.uri
    answer = _ANSWERS.get(error.uri, web.HTTPServiceUnavailable)
    if answer is web.HTTPForbidden and is_anonymous:
        return _unauthorized(text)
    return answer(text=f"{text}\n")


def _unavailable(text: str) -> web.HTTPException:
    return web.HTTPServiceUnavailable(text=f"{text}\n", headers={"Retry-After": "1"})


def _unauthorized(text: str) -> web.HTTPException:
    return web.HTTPUnauthorized(text=f"{text}\n", headers={"WWW-Authenticate": 'Bearer realm="fairlead"'})
