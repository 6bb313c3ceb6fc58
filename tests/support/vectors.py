"""Conversations as data, played by any peers against any router.

    {"name": "...", "steps": [{"send": [32, 1, {}, "com.x"]}, {"receive": [33, 1, "$subscription"]}]}

tests/vectors/messages.json is about the Basic Profile, advanced.json about the Advanced Profile: there each
conversation names its `feature` (features.py, or a heading of the spec). `realm` says what a conversation needs of
its realm beside the defaults: see `Setting`. A step names its peer (`"peer": "b"`; without, it is `a`), and is one of

- `join`: the details of a HELLO that must be welcomed, with `ticket` its proof; a peer that is not joined before its
  first step joins with all roles and features, unless the step says `"raw": true`;
- `send`: a message; `receive`: the next message that must arrive; `ends`: the URI of the ABORT or GOODBYE that must
  come; `closes`: the router closes the connection, and nothing more arrives;
- `leave`: the connection breaks;
- `wait`: so many seconds pass (none need to where a clock runs by itself: what is due arrives when it is due).

In what must arrive `"*"` is anything, `"$name"` is bound where it first stands and the same from then on, and a dict
with the key `"*"` may have others beside those that it names. A string that begins with U+0000 is binary, as in
WAMP-JSON. When a conversation is over, nothing may have arrived that it does not mention.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, Protocol

import msgspec

from fairlead_router import AnonymousAuthenticator, Limits, MethodsAuthenticator, Principal, RealmOptions
from fairlead_router.auth import Authenticator, TicketAuthenticator
from fairlead_router.authorization import Authorizer
from fairlead_router.authorizers import ProcedureAuthorizer, Rule, StaticAuthorizer
from fairlead_router.transcode import Codec

VECTORS = Path(__file__).parents[1] / "vectors"
FILES = ("messages.json", "advanced.json")
ABORT, GOODBYE = 3, 6

ALL_FEATURES: dict[str, Any] = {
    "publisher": {"features": {"payload_passthru_mode": True}},
    "subscriber": {"features": {"subscription_revocation": True, "payload_passthru_mode": True}},
    "caller": {
        "features": {
            "call_canceling": True,
            "payload_passthru_mode": True,
            "progressive_call_invocations": True,
            "progressive_call_results": True,
        }
    },
    "callee": {
        "features": {
            "call_canceling": True,
            "payload_passthru_mode": True,
            "progressive_call_invocations": True,
            "progressive_call_results": True,
            "registration_revocation": True,
        }
    },
}


class Setting(msgspec.Struct, forbid_unknown_fields=True):
    """The realm of a conversation. Who has no ticket is anonymous; without rules and authorizer all is allowed."""

    options: RealmOptions = msgspec.field(default_factory=RealmOptions)
    limits: Limits = msgspec.field(default_factory=Limits)
    tickets: dict[str, Principal] = {}
    rules: list[Rule] = []
    authorizer: str | None = None
    """The procedure that judges what the rules leave open."""

    @classmethod
    def of(cls, vector: dict[str, Any]) -> Setting:
        """What the conversation says."""
        return msgspec.convert(vector.get("realm", {}), cls)

    def authenticator(self) -> Authenticator:
        """A new one."""
        return MethodsAuthenticator(
            {"anonymous": AnonymousAuthenticator(), "ticket": TicketAuthenticator(self.tickets)}
        )

    def judge(self) -> Authorizer | None:
        """A new authorizer."""
        if self.authorizer is not None:
            return ProcedureAuthorizer(self.authorizer, self.rules)
        return StaticAuthorizer(self.rules) if self.rules else None


class VectorPeer(Protocol):
    """One peer of a conversation."""

    async def send(self, message: list[Any]) -> None:
        """In the peer's serializer."""

    async def receive(self) -> list[Any]:
        """The next message; an AssertionError when none comes."""

    async def closed(self) -> None:
        """The router closes the connection; an AssertionError when a message comes instead."""

    async def leave(self) -> None:
        """Break the connection."""

    async def rest(self) -> list[list[Any]]:
        """What has arrived and was not received, once everything has come to rest."""


class VectorRouter(Protocol):
    """Where the peers of a conversation come from."""

    async def connect(self) -> VectorPeer:
        """A new connection, without a session."""

    async def wait(self, seconds: float) -> None:
        """Time passes."""


def load() -> list[dict[str, Any]]:
    """All conversations."""
    return [vector for name in FILES for vector in json.loads((VECTORS / name).read_text(encoding="utf-8"))]


def title(vector: dict[str, Any]) -> str:
    """What no other conversation is called."""
    return ": ".join(vector[key] for key in ("feature", "name") if key in vector)


async def play(vector: dict[str, Any], router: VectorRouter) -> None:
    """Raises AssertionError at the first step that goes another way."""
    bound: dict[str, Any] = {}
    peers: dict[str, VectorPeer] = {}
    for number, step in enumerate(vector["steps"]):
        try:
            await _play_step(step, peers, router, bound)
        except AssertionError as error:
            error.add_note(f"in step {number} of {title(vector)!r}: {step}")
            raise
    for peer in peers.values():  # what one still sends may reach another
        await peer.rest()
    for name, peer in peers.items():
        rest = await peer.rest()
        assert not rest, f"{name} also received {rest} in {title(vector)!r}"


async def _play_step(
    step: dict[str, Any], peers: dict[str, VectorPeer], router: VectorRouter, bound: dict[str, Any]
) -> None:
    if "wait" in step:
        await router.wait(step["wait"])
        return
    name = step.get("peer", "a")
    if name not in peers:
        peers[name] = await router.connect()
        if not step.get("raw"):
            await _join(peers[name], step, bound, name)
    await _talk(step, peers[name], bound)


async def _join(peer: VectorPeer, step: dict[str, Any], bound: dict[str, Any], name: str) -> None:
    details = {"roles": ALL_FEATURES, **step.get("join", {})}
    if "ticket" in step:
        await peer.send([1, "realm1", {**details, "authmethods": ["ticket"]}])
        _match([4, "ticket", {}], await peer.receive(), bound)
        await peer.send([5, step["ticket"], {}])
    else:
        await peer.send([1, "realm1", details])
    _match([2, f"${name}", {"*": "*"}], await peer.receive(), bound)


async def _talk(step: dict[str, Any], peer: VectorPeer, bound: dict[str, Any]) -> None:
    if "send" in step:
        await peer.send(_filled(step["send"], bound))
    if "receive" in step:
        _match(step["receive"], await peer.receive(), bound)
    if "ends" in step:
        message = await peer.receive()
        assert message[0] in {ABORT, GOODBYE}, message
        _match(step["ends"], message[2], bound)
    if "closes" in step:
        await peer.closed()
    if "leave" in step:
        await peer.leave()


def _filled(value: Any, bound: dict[str, Any]) -> Any:
    """What is sent, with the bound values in their places and binary as bytes."""
    if isinstance(value, str) and value.startswith("$"):
        return bound[value]
    if isinstance(value, str) and value.startswith("\0"):
        return base64.b64decode(value[1:])
    if isinstance(value, list):
        return [_filled(each, bound) for each in value]
    if isinstance(value, dict):
        return {key: _filled(each, bound) for key, each in value.items()}
    return value


def _match(expected: Any, received: Any, bound: dict[str, Any]) -> None:
    assert _fits(expected, received, bound), f"expected {expected}, received {received}"


def _fits(expected: Any, received: Any, bound: dict[str, Any]) -> bool:
    if expected == "*":
        return True
    if isinstance(expected, str) and expected.startswith("$"):
        return bool(bound.setdefault(expected, received) == received)
    if isinstance(expected, list):
        return (
            isinstance(received, list)
            and len(expected) == len(received)
            and all(_fits(*pair, bound) for pair in zip(expected, received, strict=True))
        )
    if isinstance(expected, dict):
        return isinstance(received, dict) and _fits_dict(expected, received, bound)
    if isinstance(expected, str) and expected.startswith("\0") and isinstance(received, bytes):
        return base64.b64decode(expected[1:]) == received
    return type(expected) is type(received) and bool(expected == received)


def _fits_dict(expected: dict[str, Any], received: dict[str, Any], bound: dict[str, Any]) -> bool:
    named = {key: each for key, each in expected.items() if key != "*"}
    if "*" not in expected and named.keys() != received.keys():
        return False
    return named.keys() <= received.keys() and all(_fits(each, received[key], bound) for key, each in named.items())


def binary_as_json(codec: Codec, value: Any) -> Any:
    """What is sent in JSON: bytes as a string of U+0000 and base64."""
    if codec != "json":
        return value
    if isinstance(value, bytes):
        return "\0" + base64.b64encode(value).decode()
    if isinstance(value, list):
        return [binary_as_json(codec, each) for each in value]
    if isinstance(value, dict):
        return {key: binary_as_json(codec, each) for key, each in value.items()}
    return value
