"""What a peer is: a router that the benchmark can start."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from bench.environment import Environment
from bench.workloads.base import Workload


class Peer(Protocol):
    """One router, in one configuration. `prepare` is called once, before `command`."""

    name: str
    """As on the command line, in the table and in results.json."""
    protocol: str
    """How to talk to it: `wamp`, in the serializer of the workload, or a key of bench.load.dialects.DIALECTS."""
    url: str
    """Of its realm, with `{port}` in it."""
    lacks: frozenset[str]
    """What it cannot do (workloads/base.py): workloads that need it are measured without it."""

    only_for: frozenset[str]
    """Of what it can do, that which it is measured in; empty: everything."""

    def prepare(self, environment: Environment) -> str:
        """Makes what it needs and returns its version. Raises Unavailable, with the reason."""
        ...

    def command(self, port: int, directory: Path) -> list[str]:
        """What serves realm `realm1` to anonymous clients on 127.0.0.1:port, for everything they ask for.

        `directory` is empty, its own, and removed afterwards.
        """
        ...


def takes(peer: Peer, workload: Workload) -> bool:
    """Whether the peer is measured in a workload: it can do what that needs, and is meant to."""
    return not peer.lacks & workload.needs and not (peer.only_for and not peer.only_for & workload.needs)


def dialect(peer: Peer, workload: Workload) -> str:
    """How the load generator talks to this peer in this workload: a key of bench.load.dialects.DIALECTS."""
    return f"wamp-{workload.serializer}" if peer.protocol == "wamp" else peer.protocol
