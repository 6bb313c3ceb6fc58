"""The page in a real browser: the server as a child process, and what a person sees of the page."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from playwright.async_api import Browser, ConsoleMessage, Page

from fairlead_client.asyncio import call, connect, disconnect
from fairlead_client.autobahn_session import AutobahnSession
from support.waiting import eventually

START_LIMIT_S = 10.0
SHOWN_LIMIT_S = 10.0
DESKTOP = (1100, 760)

READ_ROWS = """() => [...document.querySelectorAll('#chunks .row:not(.notice)')].map(row => ({
    seq: Number(row.dataset.seq),
    time: row.querySelector('time').dateTime,
    source: row.querySelector('.source').textContent,
    text: row.querySelector('.text').firstChild?.textContent ?? '',
}))"""

READ_CONTAINERS = """items => items.map(item =>
    `${item.querySelector('.name').textContent} ${item.querySelector('.badge').textContent}`)"""


class Row(NamedTuple):
    """A line as the page shows it; `time` is the ISO form that the machine-readable attribute has."""

    seq: int
    time: str
    source: str
    text: str


class ServerProcess:
    """`fairlead serve` on a free port, which it keeps over a restart."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._output = directory / "serve.log"
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}/"

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._port}/ws"

    @property
    def admin_token(self) -> str:
        return (self._directory / "data" / "admin.token").read_text().strip()

    async def start(self) -> None:
        command = [sys.executable, "-m", "fairlead_server", "serve", "--listen", f"127.0.0.1:{self._port}"]
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - it returns at once
                [*command, "--data", str(self._directory / "data")], stdout=output, stderr=subprocess.STDOUT
            )
        await eventually(self._is_listening, START_LIMIT_S, "listening")

    def kill(self) -> None:
        """As a power loss would end it."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def _is_listening(self) -> bool:
        assert self._process is not None
        said = self._output.read_text()
        assert self._process.poll() is None or "listening" in said, f"the server has ended: {said}"
        _, _, rest = said.partition("http://127.0.0.1:")
        if not rest:
            return False
        self._port = int(rest.partition("/")[0])
        return True


class Admin:
    """What the administrator does while somebody looks at the page."""

    def __init__(self, session: AutobahnSession) -> None:
        self._session = session

    async def call(self, procedure: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return dict(await call(self._session, procedure, *args, **kwargs))

    async def user(self, name: str) -> str:
        """Makes the user; returns a token."""
        return str((await self.call("fairlead.authz.token", name, create=True))["token"])

    async def grant(self, user: str, stream: str, level: str = "read") -> None:
        await self._apply("grant", user, stream, level)

    async def revoke(self, user: str, stream: str) -> None:
        await self._apply("revoke", user, stream)

    async def create(self, stream: str, readers: tuple[str, ...] = (), **about: Any) -> None:
        """Makes a log that these users may read."""
        await self.call("fairlead.log.create", stream, **about)
        for user in readers:
            await self.grant(user, stream)

    async def append(self, stream: str, *records: list[Any]) -> None:
        await self.call("fairlead.log.append", stream, list(records))

    async def seal(self, stream: str, exit_code: int) -> None:
        await self.call("fairlead.log.seal", stream, exit_code=exit_code)

    async def container(self, id_: str, readers: tuple[str, ...] = (), **about: Any) -> None:
        """Makes a container that these users may see."""
        await self.call("fairlead.container.create", ["true"], id=id_, **about)
        for user in readers:
            await self.grant(user, id_)

    async def take(self, id_: str, dispatcher: str) -> dict[str, Any]:
        """Locks a container; the arguments with which it is held."""
        locked = await self.call("fairlead.container.lock", id_, dispatcher, lease_s=60)
        return {"id": id_, "term": locked["container"]["state"]["term"]}

    async def _apply(self, op: str, user: str, stream: str, level: str = "read") -> None:
        change = {"op": op, "user": user, "level": level, "object": stream}
        await self.call("fairlead.authz.apply", [change])


@asynccontextmanager
async def administration(server: ServerProcess) -> AsyncIterator[Admin]:
    """A session of the administrator."""
    session = await connect(server.url, token=server.admin_token)
    try:
        yield Admin(session)
    finally:
        await disconnect(session)


class Viewer:
    """One person's page."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.complaints: list[str] = []
        page.set_default_timeout(SHOWN_LIMIT_S * 1_000)
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    async def open(self, user: str = "", token: str = "", log: str = "") -> None:
        """Loads the page with this fragment."""
        given = {"user": user, "token": token, "log": log}
        fragment = "&".join(f"{name}={quote(value)}" for name, value in given.items() if value)
        await self.page.goto(f"{self.address}#{fragment}")

    async def rows(self) -> list[Row]:
        """The lines that are on the page now (those near what is in sight)."""
        return [Row(**row) for row in await self.page.evaluate(READ_ROWS)]

    async def shows(self, *texts: str) -> list[Row]:
        """Waits until exactly these lines are shown, in this order."""

        async def seen() -> list[Row]:
            rows = await self.rows()
            shown = [row.text for row in rows]
            assert shown == list(texts), f"the page shows {[text[:80] for text in shown]}"
            return rows

        return await eventually(seen, SHOWN_LIMIT_S)

    async def says(self, selector: str, *words: str) -> str:
        """Waits until this part of the page is in sight and has these words in it."""

        async def said() -> str:
            text: str = await self.page.locator(selector).inner_text() if await self._is_visible(selector) else ""
            for word in words:
                assert word in text, f"{selector} says {text!r}, not {word!r}"
            return text or " "

        return await eventually(said, SHOWN_LIMIT_S)

    async def lists(self, *names: str, looks_again: bool = True) -> None:
        """Waits until the list holds exactly these logs, in this order, when it is looked at again."""

        async def seen() -> bool:
            if looks_again:
                await self.page.evaluate("() => dispatchEvent(new Event('focus'))")
            listed = await self.page.locator("#list .name").all_inner_texts()
            assert listed == list(names), f"the list holds {listed}"
            return True

        await eventually(seen, SHOWN_LIMIT_S)

    async def contains(self, *rows: str) -> None:
        """Waits until these are the containers, each with its badge, in this order."""

        async def seen() -> bool:
            listed = await self.page.locator("#containers li").evaluate_all(READ_CONTAINERS)
            assert listed == list(rows), f"the containers are {listed}"
            return True

        await eventually(seen, SHOWN_LIMIT_S)

    async def focused(self) -> str:
        """What has the focus: its id, or its text."""
        script = "() => document.activeElement.id || document.activeElement.textContent"
        return str(await self.page.evaluate(script))

    async def _is_visible(self, selector: str) -> bool:
        return await self.page.locator(selector).is_visible()

    def _on_console(self, message: ConsoleMessage) -> None:
        # Where the server is away the browser itself writes of each attempt to connect.
        if message.type in ("error", "warning") and "WebSocket connection to" not in message.text:
            self.complaints.append(message.text)


@asynccontextmanager
async def viewing(browser: Browser, server: ServerProcess, size: tuple[int, int] = DESKTOP) -> AsyncIterator[Viewer]:
    """A fresh browser profile. Fails if the page complained: a script's error, or what its policy forbids."""
    context = await browser.new_context(viewport={"width": size[0], "height": size[1]}, timezone_id="UTC")
    try:
        viewer = Viewer(await context.new_page(), server.address)
        yield viewer
        assert viewer.complaints == [], f"the page complains: {viewer.complaints}"
    finally:
        await context.close()
