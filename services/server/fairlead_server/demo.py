"""`fairlead demo`: everything at once, to be tried: a server, two users, three commands with live logs.

It stays in the foreground, keeps its own data directory, starts its server again when that dies, and ends all that it
has started when it is stopped. The commands run through `fairlead run`, as anybody's would.
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
from typing import Annotated, NamedTuple

import typer

from fairlead_client import ClientError, Refused
from fairlead_client.asyncio import call, connect, disconnect
from fairlead_client.autobahn_session import AutobahnSession
from fairlead_server.address import Address, parse_listen
from fairlead_server.children import FAIRLEAD, PROGRAMS, Child, SupervisedServer, ended_how
from fairlead_server.connect import DEFAULT_URL, TOKEN_VARIABLE, command_error, hush_autobahn
from fairlead_server.datadir import DEMO_PATH, DataDirectory, read_token, write_private
from fairlead_server.errors import EXIT_ERROR, EXIT_INTERRUPTED

USERS = ("alice", "bob")
PROJECT = "demo-project"

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# Once we stop the server is there still: what it has not taken by then is lost with the demo.
LINGER_S = 5


class Container(NamedTuple):
    """A command of the demo: its program, the id of its log, and what is to be seen."""

    program: str
    name: str
    about: str


def demo(
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where the server listens.")] = "127.0.0.1:8080",
    data: Annotated[Path, typer.Option(metavar="DIR", help="The demo's own data directory.")] = DEMO_PATH,
) -> None:
    """Run a server, users alice and bob, and three commands with live logs, until Ctrl-C.

    Prints a page URL for each user, and what to type in other terminals: follow a log, revoke, kill the server.
    """
    address = parse_listen(listen, "--listen")
    hush_autobahn()
    asyncio.run(Demo(address, DataDirectory(data)).run())


class Demo:
    """One run of the demo."""

    def __init__(self, address: Address, directory: DataDirectory) -> None:
        suffix = secrets.token_hex(2)
        self._directory = directory
        self._server = SupervisedServer(address, directory.path, say)
        self._children: list[Child] = []
        self._reports: list[asyncio.Task[None]] = []
        self._tokens: dict[str, str] = {}
        self.containers = (
            Container("simulate", f"simulation-{suffix}", "goes on for ever, warns on stderr"),
            Container("train", f"training-{suffix}", "a progress bar on stderr, ten minutes"),
            Container("verify", f"verification-{suffix}", "ends with status 3 after 20 s"),
        )

    async def run(self) -> None:
        """Runs until a signal; then ends what it has started, in order."""
        self._take_signals()
        try:
            await self._server.start()
            await self._make_users()
            await self._run_containers()
            print(self._instructions(), flush=True)
            await self._server.supervise()
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
            for child in self._children:
                child.kill()
            os._exit(EXIT_INTERRUPTED)

        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, on_signal)

    async def _stop(self) -> None:
        """Commands first: their logs get their ends while the server is there."""
        for report in self._reports:
            report.cancel()
        await asyncio.gather(*[child.stop() for child in self._children])
        await self._server.stop()

    # ------------------------------------------------------------ users and commands

    async def _make_users(self) -> None:
        """Users with tokens; a project of alice with an object a command, which bob may read."""
        names = [container.name for container in self.containers]
        changes: list[dict[str, str]] = [{"op": "put", "kind": "user", "id": user} for user in USERS]
        changes += [{"op": "put", "kind": "project", "id": PROJECT, "owner": "alice", "name": "Demo"}]
        changes += [{"op": "put", "kind": "object", "id": name, "owner": PROJECT} for name in names]
        changes += [{"op": "grant", "user": "bob", "level": "read", "object": name} for name in names]
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

    async def _run_containers(self) -> None:
        """Starts the commands as alice, each with its own log; returns when the logs are there."""
        environment = {name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE}
        environment["XDG_STATE_HOME"] = str((self._directory.path / "state").absolute())
        options = ["--quiet", "--url", self._server.url, "--token-file", str(self._token_file("alice"))]
        options += ["--linger", str(LINGER_S)]
        for container in self.containers:
            command = (*FAIRLEAD, "run", *options, "--object", container.name, "--", *PROGRAMS, container.program)
            child = await Child.start(command, environment, keeps_stderr=True)
            self._children.append(child)
        for container, child in zip(self.containers, self._children, strict=True):
            await child.says(f"the log is {container.name}")
            self._reports.append(asyncio.create_task(_report_end(container, child)))

    # ------------------------------------------------------------ what is said

    def _instructions(self) -> str:
        """The page of each user, and what to type elsewhere."""
        fairlead, data, log = command_name(), self._directory.path, self.containers[0].name
        url = "" if self._server.url == DEFAULT_URL else f" --url {self._server.url}"
        as_admin = url if data == DEMO_PATH else f"{url} --token-file {shlex.quote(str(data / 'admin.token'))}"
        as_user = {user: f"{TOKEN_VARIABLE}=$(cat {shlex.quote(str(self._token_file(user)))}) " for user in USERS}
        tokens = {**self._tokens, "admin": self._directory.read_admin_token()}
        pages = [f"  {user:6} http://{self._server.address}/#user={user}&token={tokens[user]}" for user in tokens]
        logs = [f"  {container.name:20} {container.about}" for container in self.containers]
        return "\n".join(
            [
                "",
                "The demo runs: a server, users alice and bob, and three commands in a project of alice.",
                "",
                "Pages (admin sees everything):",
                *pages,
                "",
                "Logs:",
                *logs,
                "",
                "Type in other terminals, in this directory:",
                *[f"  {as_user[user]}{fairlead} logs -f{url} {log}" for user in USERS],
                f"  {fairlead} who{as_admin} read {log}    # each with the path that allows it",
                f"  {fairlead} revoke{as_admin} bob read {log}",
                f"  {fairlead} grant{as_admin} bob read {log}",
                f"  {as_user['alice']}{fairlead} run{url} -- sh -c 'while date; do sleep 1; done'",
                f"  kill -9 {self._server.pid}    # the server: it comes back, nothing is lost",
                "",
                f"Everything is in {data}/. Ctrl-C ends the demo and all that it has started.",
                "",
            ]
        )


async def _report_end(container: Container, child: Child) -> None:
    """Says how a command has ended, and why if it was our own failure."""
    status = await child.wait()
    say(f"{container.name} {ended_how(status)}" + (f": {child.last_line}" if status == EXIT_ERROR else ""))


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
