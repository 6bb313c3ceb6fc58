"""`fairlead demo`: everything at once, to be tried: a server, two users, three dispatchers that compete for work.

It stays in the foreground, keeps its own data directory, starts its server and dispatchers again when they die, and
ends all that it has started when it is stopped. The work is submitted and dispatched as anybody's would be.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shlex
import shutil
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from fairlead_client import ClientError, Refused
from fairlead_client.asyncio import Connection, call, connect, disconnect
from fairlead_client.autobahn_session import AutobahnSession
from fairlead_server.address import Address, parse_listen
from fairlead_server.children import SupervisedDispatcher, SupervisedServer
from fairlead_server.connect import DEFAULT_URL, TOKEN_VARIABLE, command_error, hush_autobahn
from fairlead_server.datadir import DEMO_PATH, DataDirectory, read_token, write_private
from fairlead_server.demo_work import Work
from fairlead_server.errors import EXIT_INTERRUPTED

USERS = ("alice", "bob")
DISPATCHERS = 3
SLOTS = 2

# A dispatcher that is killed and does not come back is noticed after this; what ends has so long to do it by itself.
LEASE_S = 10
GRACE_S = 2

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def demo(
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where the server listens.")] = "127.0.0.1:8080",
    data: Annotated[Path, typer.Option(metavar="DIR", help="The demo's own data directory.")] = DEMO_PATH,
) -> None:
    """Run a server, users alice and bob, and three dispatchers with work to do, until Ctrl-C.

    Prints a page URL for each user, and what to type in other terminals: follow a log, cancel, revoke, kill the server.
    """
    address = parse_listen(listen, "--listen")
    hush_autobahn()
    asyncio.run(Demo(address, DataDirectory(data)).run())


class Demo:
    """One run of the demo."""

    def __init__(self, address: Address, directory: DataDirectory) -> None:
        self._directory = directory
        self._server = SupervisedServer(address, directory.path, say)
        self._dispatchers: list[SupervisedDispatcher] = []
        self._tokens: dict[str, str] = {}
        self._work = Work(secrets.token_hex(2))

    async def run(self) -> None:
        """Runs until a signal; then ends what it has started, in order."""
        self._take_signals()
        try:
            await self._server.start()
            await self._make_users()
            await self._dispatch()
            async with Connection(self._server.url, token=self._tokens["alice"]) as connection:
                await self._work.begin(connection)
                print(self._instructions(), flush=True)
                await self._go_on(connection)
        except asyncio.CancelledError:
            say("stopping")
        except ClientError as error:
            raise command_error(error, self._server.url) from None
        finally:
            await self._stop()

    # ------------------------------------------------------------ its end

    def _take_signals(self) -> None:
        """The first one ends us in order, the second one at once."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None

        def on_signal() -> None:
            if not task.cancelling():
                task.cancel()
                return
            self._server.kill()
            for dispatcher in self._dispatchers:
                dispatcher.kill()
            os._exit(EXIT_INTERRUPTED)

        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, on_signal)

    async def _stop(self) -> None:
        """Dispatchers first: what they run and its logs get their ends while the server is there."""
        await asyncio.gather(*[dispatcher.stop() for dispatcher in self._dispatchers])
        await self._server.stop()

    # ------------------------------------------------------------ users and work

    async def _make_users(self) -> None:
        """Users with tokens; a project of alice, of which bob may read some."""
        changes: list[dict[str, str]] = [{"op": "put", "kind": "user", "id": user} for user in USERS]
        changes += self._work.permissions()
        # What a plain `fairlead run` makes belongs to the administrator: so that alice's page shows it too.
        changes += [{"op": "grant", "user": "alice", "level": "manage", "object": "admin"}]
        session = await connect(self._server.url, token=self._directory.read_admin_token())
        try:
            await call(session, "fairlead.authz.apply", changes)
            for user in USERS:
                self._tokens[user] = await self._token(session, user)
        finally:
            await disconnect(session)

    async def _token(self, admin: AutobahnSession, user: str) -> str:
        """The user's token of an earlier demo if there is one, so that pages left open go on; else a new one."""
        known = read_token(self._token_file(user))
        if known is not None and await self._is_valid(known):
            return known
        token = str((await call(admin, "fairlead.authz.token", user))["token"])
        write_private(self._token_file(user), token + "\n")
        return token

    async def _is_valid(self, token: str) -> bool:
        try:
            await disconnect(await connect(self._server.url, token=token))
        except Refused:
            return False
        return True

    def _token_file(self, user: str) -> Path:
        return self._directory.path / f"{user}.token"

    async def _dispatch(self) -> None:
        """Starts the dispatchers, as alice."""
        environment = {name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE}
        environment["XDG_STATE_HOME"] = str((self._directory.path / "state").absolute())
        options = ["--url", self._server.url, "--token-file", str(self._token_file("alice"))]
        options += ["--slots", str(SLOTS), "--lease", str(LEASE_S), "--grace", str(GRACE_S)]
        for number in range(1, DISPATCHERS + 1):
            dispatcher = SupervisedDispatcher(f"dispatcher-{number}", options, environment, say)
            self._dispatchers.append(dispatcher)
            await dispatcher.start()

    async def _go_on(self, connection: Connection) -> None:
        """Until one of them fails, which is raised."""
        endless = [self._server.supervise(), *(each.supervise() for each in self._dispatchers)]
        tasks = [asyncio.ensure_future(each) for each in (*endless, self._work.go_on(connection))]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # ------------------------------------------------------------ what is said

    def _instructions(self) -> str:
        """The page of each user, and what to type elsewhere."""
        fairlead, data, program = command_name(), self._directory.path, self._work.programs[0]
        url = "" if self._server.url == DEFAULT_URL else f" --url {self._server.url}"
        as_admin = url if data == DEMO_PATH else f"{url} --token-file {shlex.quote(str(data / 'admin.token'))}"
        as_user = {user: f"{TOKEN_VARIABLE}=$(cat {shlex.quote(str(self._token_file(user)))}) " for user in USERS}
        as_alice = as_user["alice"] + fairlead
        tokens = {**self._tokens, "admin": self._directory.read_admin_token()}
        page = f"http://{self._server.address}/#containers&user="
        return "\n".join(
            [
                "",
                f"The demo runs: a server, users alice and bob, and {DISPATCHERS} dispatchers that compete for work.",
                "",
                "Pages (admin sees everything, bob some of it):",
                *[f"  {user:6} {page}{user}&token={tokens[user]}" for user in tokens],
                "",
                "Work in a project of alice, beside a short job every few seconds:",
                *[f"  {each.container:20} {each.about}" for each in self._work.programs],
                "",
                "Type in other terminals, in this directory:",
                f"  {as_alice} ps --watch{url}    # what runs and what waits",
                *[f"  {as_user[user]}{fairlead} logs -f{url} {program.container}" for user in USERS],
                f"  {as_alice} submit{url} --priority 9 -- sh -c 'date; sleep 60'    # prints an id",
                f"  {as_alice} cancel{url} {program.container}",
                f"  {fairlead} who{as_admin} read {program.request}    # each with the path that allows it",
                f"  {fairlead} revoke{as_admin} bob read {program.request}    # or {self._work.shared}: short jobs",
                f"  {fairlead} grant{as_admin} bob read {program.request}",
                f"  kill -9 {self._server.pid}    # the server: it comes back, nothing is lost",
                *[f"  kill -9 {each.pid}    # {each.name}: what it ran is run again" for each in self._dispatchers[:1]],
                "",
                f"Everything is in {data}/. Ctrl-C ends the demo and all that it has started.",
                "",
            ]
        )


def say(text: str) -> None:
    """What happens, for who watches the demo."""
    print(f"demo: {text}", flush=True)


def command_name() -> str:
    """How to call the command from here: by name where the shell finds this one, else by its path."""
    called = Path(sys.argv[0]).absolute()
    found = shutil.which("fairlead")
    if found is not None and Path(found).resolve() == called.resolve():
        return "fairlead"
    if called.name != "fairlead":
        return f"{shlex.quote(sys.executable)} -m fairlead_server"
    is_below = called.is_relative_to(Path.cwd())
    return shlex.quote(str(called.relative_to(Path.cwd()) if is_below else called))
