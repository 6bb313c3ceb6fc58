"""The program that is measured: a router with the permissions of a store, or without any.

    python -m bench.permissions.server PORT [STORE [--unasked]]

It prints what it measured of itself, a JSON object in one line, and serves until it is ended; with `--unasked` nothing
was asked before, so that what others ask first is cold. Whoever names itself
in HELLO is believed: it is not authentication that is measured.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import statistics
import sys
import time

import msgspec
import uvloop

from bench.permissions.dataset import SEED, STAFF_PROJECT
from bench.procfs import rss_bytes
from fairlead_authz import Authz, UriRule
from fairlead_router import Principal, Router
from fairlead_router.auth import HelloRequest

RULES = (UriRule("bench.{object}", subscribe="read", publish="write"),)
ADMIN = "admin"
SAMPLES = 2_000
SWITCH_INTERVAL_S = 0.0001
"""As `fairlead serve` has it, and so is what `serve` does with the garbage collector."""


class Itself(msgspec.Struct, frozen=True):
    """What the program measured of itself."""

    load_s: float = 0.0
    rss_bytes: int = 0
    nodes: int = 0
    cold_us: float = 0.0
    warm_us: float = 0.0


class ByName:
    """An Authenticator that believes."""

    def authenticate(self, hello: HelloRequest) -> Principal:
        authid = hello.authid or "anonymous"
        return Principal(authid, "admin" if authid == ADMIN else "user")


async def serve(port: int, store: str | None, is_unasked: bool) -> None:
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    router = Router()
    if store is None:
        router.add_realm("realm1", ByName())
        itself = Itself()
    else:
        before_s = time.perf_counter()
        authz = await Authz.open(f"sqlite:///{store}", rules=RULES)
        load_s = time.perf_counter() - before_s
        itself = Itself(load_s, _own_rss_bytes()) if is_unasked else _measured(authz, load_s)
        authz.bind(router.add_realm("realm1", ByName(), authz.authorizer))
    gc.collect()
    gc.freeze()
    await router.listen(f"tcp://127.0.0.1:{port}")
    print(msgspec.json.encode(itself).decode(), flush=True)
    await asyncio.Event().wait()


def _measured(authz: Authz, load_s: float) -> Itself:
    choose = random.Random(SEED)
    rss = _own_rss_bytes()
    users = choose.sample([node_id for node_id, node in authz.graph.nodes.items() if node.kind == "user"], SAMPLES)
    objects = choose.sample(list(authz.graph.owned(STAFF_PROJECT)), SAMPLES)
    asked = list(zip(users, objects, strict=True))
    cold, warm = (statistics.median(_times_us(authz, asked)) for _ in range(2))
    return Itself(load_s, rss, len(authz.graph.nodes), cold, warm)


def _times_us(authz: Authz, asked: list[tuple[str, str]]) -> list[float]:
    times: list[float] = []
    for user, object_id in asked:
        before_s = time.perf_counter()
        authz.can(user, "read", object_id)
        times.append((time.perf_counter() - before_s) * 1e6)
    return times


def _own_rss_bytes() -> int:
    """Resident memory of this process."""
    return rss_bytes(os.getpid())


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None, "--unasked" in sys.argv))
