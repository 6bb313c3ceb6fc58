"""Crossbar.io: one node with one router worker, in its default settings, an anonymous role that may do everything."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bench.environment import Environment
from bench.workloads.connects import SECRET

VERSION = "26.10.1"
WORTH_KNOWING = " (about 2 minutes, 380 MB)"


class Crossbar:
    """See Peer."""

    name = "crossbar"
    protocol = "wamp"
    url = "ws://127.0.0.1:{port}/"
    lacks: frozenset[str] = frozenset()
    only_for: frozenset[str] = frozenset()

    def prepare(self, environment: Environment) -> str:
        self._program = environment.venv("crossbar", [f"crossbar=={VERSION}"], WORTH_KNOWING) / "crossbar"
        return VERSION

    def command(self, port: int, directory: Path) -> list[str]:
        (directory / "config.json").write_bytes(msgspec.json.encode(config(port)))
        return [str(self._program), "start", "--cbdir", str(directory), "--loglevel", "warn"]


def config(port: int) -> dict[str, object]:
    """The node's configuration."""
    everything = {
        "uri": "",
        "match": "prefix",
        "allow": dict.fromkeys(("call", "register", "publish", "subscribe"), True),
        "cache": True,  # as in its own templates: an answer of the authorizer is kept
    }
    transport = {
        "type": "websocket",
        "endpoint": {"type": "tcp", "interface": "127.0.0.1", "port": port, "backlog": 1024},
        "auth": {
            "anonymous": {"type": "static", "role": "anonymous"},
            "wampcra": {"type": "static", "users": {"bench": {"secret": SECRET, "role": "anonymous"}}},
        },
        "serializers": ["json", "msgpack"],
    }
    worker = {
        "type": "router",
        "realms": [{"name": "realm1", "roles": [{"name": "anonymous", "permissions": [everything]}]}],
        "transports": [transport],
    }
    return {"version": 2, "workers": [worker]}
