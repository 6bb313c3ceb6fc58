"""A realm with permissions on a protocol core: peers speak lists and come in with tokens, and the clock is the test's.

    async with a_realm_by_hand(tmp_path) as realm:
        bob = await realm.join("bob")
        bob.subscribe("com.app.x")
        realm.host.stall(10)                # the timers are late
        realm.publish("x", "secret")

alice owns project p with objects x and y, bob and carol are users, bob reads p; dora is an administrator.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fairlead_authz import Authz, Grant, Put, UriRule
from fairlead_router.authorization import Principal
from fairlead_router.gate import Gate
from fairlead_router.options import RealmOptions
from support.core import EVERY_FEATURE, HAND_HOST_START_US, Core, HandHost, Peer

RULE = UriRule("com.app.{object}", subscribe="read", publish="write", call="read", register="manage")
OFFER = UriRule("com.offer.{object}", register="read")
TOKEN_ENDED = "fairlead.close.token_ended"


def in_s(seconds: float) -> int:
    """So long after the start, on the wall clock."""
    return HAND_HOST_START_US + round(seconds * 1_000_000)


class RealmByHand:
    """`core.realm1`, whose rights are those of `authz`."""

    def __init__(self, core: Core, authz: Authz) -> None:
        self.core = core
        self.authz = authz
        self.publisher = core.realm1.join(Principal("publisher", "service"))

    @property
    def host(self) -> HandHost:
        """The clock, among others."""
        return self.core.host

    async def join(self, user: str, **terms: Any) -> Peer:
        """A session of the user, with a new token of these terms."""
        return self.join_with(await self.authz.create_token(user, **terms))

    def join_with(self, token: str) -> Peer:
        """A session that this token opens."""
        peer = Peer(self.core)
        [answer] = self.log_in(peer, token)
        assert answer[0] == 2, answer
        peer.session_id = answer[1]
        return peer

    def refused(self, token: str) -> str:
        """The text that the peer with this token is refused with."""
        [abort] = self.log_in(Peer(self.core), token)
        assert (abort[0], abort[2]) == (3, "wamp.error.authentication_failed"), abort
        text: str = abort[1]["message"]
        return text

    def log_in(self, peer: Peer, token: str) -> list[list[Any]]:
        """What the peer is answered after HELLO and AUTHENTICATE."""
        [challenge] = peer.ask([1, "realm1", {"roles": EVERY_FEATURE, "authmethods": ["ticket"]}])
        assert challenge[0] == 4, challenge
        return peer.ask([5, token, {}])

    def publish(self, object_id: str, text: str) -> None:
        """An event about this object, by a service."""
        self.publisher.publish(f"com.app.{object_id}", [text])


def texts(peer: Peer) -> list[Any]:
    """The first argument of every event that has arrived; other messages are left out."""
    return [message[4][0] for message in peer.take() if message[0] == 36]


def goodbye(peer: Peer) -> str:
    """Why the peer was told to go, by the last message that it got."""
    messages = peer.take()
    assert messages, "nothing has arrived"
    assert messages[-1][0] == 6, messages
    reason: str = messages[-1][2]
    return reason


@asynccontextmanager
async def a_realm_by_hand(
    directory: Path, *, gate: type[Gate] = Gate, options: RealmOptions | None = None
) -> AsyncIterator[RealmByHand]:
    authz = await Authz.open(f"sqlite:///{directory}/permissions.sqlite", rules=(RULE, OFFER))
    core = Core(authorizer=authz.authorizer, options=options, gate=gate)
    core.realm1.authenticator = authz.authenticator
    authz.bind(core.realm1)
    if "p" not in authz.graph.nodes:
        await authz.apply(
            [*(Put("user", user) for user in ("alice", "bob", "carol")), Put("user", "dora", is_admin=True)]
        )
        await authz.apply(
            [Put("project", "p", owner="alice"), Put("object", "x", owner="p"), Put("object", "y", owner="p")]
        )
        await authz.apply([Grant("bob", "read", "p")])
    yield RealmByHand(core, authz)
    await authz.close()
