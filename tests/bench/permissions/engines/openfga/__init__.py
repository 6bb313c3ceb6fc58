"""OpenFGA, the authorization server in Go: with SQLite, over HTTP, without its cache (as it comes) and with it.

Its memory datastore looks through all tuples for each question, so that it is none for a graph of this size.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from bench.environment import Environment
from bench.permissions.dataset import Dataset
from bench.permissions.engines.openfga.model import Names, Tuple, authorization_model
from bench.processes import LAST_BYTES, MeasuringFailed, await_port, end, free_port, start
from bench.procfs import cpu_s, rss_bytes
from fairlead_authz.model.levels import READ
from fairlead_router.authorization import Level

SOURCE = Path(__file__).parent / "server"
TUPLES_PER_WRITE = 1_000
OPTIONS = (
    *("--playground-enabled=false", "--metrics-enabled=false", "--log-level=error"),
    f"--max-tuples-per-write={TUPLES_PER_WRITE}",
    *("--listUsers-max-results=0", "--listUsers-deadline=60s", "--request-timeout=60s"),
)
"""All users are wanted, however long it takes; everything else is as it comes."""
TIMEOUT_S = 90.0


class OpenFga:
    """See Engine."""

    def __init__(self, has_cache: bool) -> None:
        self.name = "OpenFGA, with its cache" if has_cache else "OpenFGA"
        self._options = (*OPTIONS, "--check-query-cache-enabled=true") if has_cache else OPTIONS

    def prepare(self, environment: Environment) -> str:
        self._program = str(environment.go_program(SOURCE, "openfga"))
        versions: list[str] = re.findall(r"openfga/openfga v(\S+)", (SOURCE / "go.mod").read_text(encoding="ascii"))
        return versions[0]

    @contextlib.contextmanager
    def load(self, dataset: Dataset, directory: Path) -> Iterator[_Client]:
        store = ("--datastore-engine=sqlite", f"--datastore-uri=file:{directory / 'openfga.sqlite'}")
        migrated = subprocess.run([self._program, "migrate", *store], capture_output=True, check=False)
        if migrated.returncode:
            raise MeasuringFailed(migrated.stderr.decode(errors="replace")[-LAST_BYTES:])
        port = free_port()
        addresses = (f"--http-addr=127.0.0.1:{port}", f"--grpc-addr=127.0.0.1:{free_port()}")
        output = directory / "output.txt"
        with output.open("wb") as stream:
            process = start([self._program, "run", *store, *addresses, *self._options], directory, stream.fileno())
        try:
            await_port(port, process, output)
            with contextlib.closing(_Client(port, process.pid)) as client:
                client.load(dataset)
                yield client
        finally:
            end(process)


class _Client:
    """See Client: one connection that is kept."""

    def __init__(self, port: int, pid: int) -> None:
        self._pid = pid
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)

    def close(self) -> None:
        self._http.close()

    def load(self, dataset: Dataset) -> None:
        self._names = names = Names(dataset.nodes())
        self._path = f"/stores/{self._post('/stores', {'name': 'bench'})['id']}"
        self._model = self._post(f"{self._path}/authorization-models", authorization_model())["authorization_model_id"]
        tuples = itertools.chain(names.owners(dataset.nodes()), *map(names.link, dataset.links()))
        while batch := list(itertools.islice(tuples, TUPLES_PER_WRITE)):
            self._write("writes", batch)

    def cpu_s(self) -> float:
        return cpu_s(self._pid)

    def rss_bytes(self) -> int:
        return rss_bytes(self._pid)

    def ask_nothing(self) -> None:
        self._ask("GET", "/healthz", b"")

    def check(self, user: str, level: Level, object_id: str) -> bool:
        key = {"user": self._names[user], "relation": f"can_{level}", "object": self._names[object_id]}
        return bool(self._post(f"{self._path}/check", self._of_model(tuple_key=key))["allowed"])

    def who(self, object_id: str) -> set[str]:
        kind, _, name = self._names[object_id].partition(":")
        asked = self._of_model(object={"type": kind, "id": name}, relation="can_read", user_filters=[{"type": "user"}])
        return {found["object"]["id"] for found in self._post(f"{self._path}/list-users", asked)["users"]}

    def grant(self, tail: str, head: str) -> None:
        self._write("writes", self._names.link((tail, head, READ)))

    def revoke(self, tail: str, head: str) -> None:
        self._write("deletes", self._names.link((tail, head, READ)))

    def _write(self, what: str, tuples: Iterable[Tuple]) -> None:
        self._post(f"{self._path}/write", self._of_model(**{what: {"tuple_keys": list(tuples)}}))

    def _of_model(self, **asked: Any) -> dict[str, Any]:
        return {"authorization_model_id": self._model, **asked}

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        return msgspec.json.decode(self._ask("POST", path, msgspec.json.encode(body)))

    def _ask(self, method: str, path: str, body: bytes) -> bytes:
        self._http.request(method, path, body, {"Content-Type": "application/json"})
        response = self._http.getresponse()
        answer = response.read()
        if response.status >= http.client.BAD_REQUEST:
            raise MeasuringFailed(f"OpenFGA answered {response.status} to {path}: {answer[:LAST_BYTES]!r}")
        return answer
