"""Sequences of messages against the protocol core: a few peers do anything, break off, stop reading, lose rights.

Nothing may raise, nothing may be sent that is no message, no EVENT may come for a subscription that its peer does not
have; and once all peers have gone, nothing of them is left: no session, no hold, no timer.
"""

from __future__ import annotations

import gc
from collections import Counter
from random import Random
from typing import Any

from fairlead_router.gate import Hold
from fairlead_router.limits import Limits
from fairlead_router.session import Session
from fairlead_router.transcode import Codec
from fuzz.codecs import CODECS, encoded
from fuzz.generate import Generator, Ids, mutate
from support.core import EVERY_FEATURE, Core, Peer, Rights

PEERS = 4
STEPS = 120
AUTHIDS = ("alice", "bob")
OBJECTS = ("1", "2")
LIMITS = Limits(outbox_bytes=20_000, catch_up_bytes=5_000, subscriptions_per_session=20, registrations_per_session=20)
"""Small enough to be reached within a case."""
LOOK_FOR_LEAKS_EVERY = 50
"""Walking over all objects is slow."""


class CoreTarget:
    """One case: a core, its peers, and some hundred steps."""

    name = "core"

    def __init__(self) -> None:
        self._cases = 0
        self._before = _alive()

    def run(self, random: Random) -> int:
        """Returns the number of messages that were sent."""
        self._cases += 1
        scene = _Scene(random)
        for _ in range(STEPS):
            scene.step()
        scene.end()
        if self._cases % LOOK_FOR_LEAKS_EVERY == 0:
            del scene
            self.finish()
        return STEPS

    def finish(self) -> None:
        """Nothing that a session brought may still be there."""
        left = _alive() - self._before
        assert not left, f"left behind: {dict(left)}"


def _alive() -> Counter[str]:
    gc.collect()
    return Counter(type(each).__name__ for each in gc.get_objects() if isinstance(each, (Session, Hold)))


class _Scene:
    def __init__(self, random: Random) -> None:
        self.random = random
        self.rights = Rights()
        for authid in AUTHIDS:
            self.rights.grant(authid, *OBJECTS)
        self.core = Core(LIMITS, authorizer=self.rights)
        self.ids = Ids(random)
        self.generator = Generator(random, self.ids)
        self.actions = (self.lose_a_right, self.gain_a_right, self.stop_reading, self.read_on, self.vanish, self.wait)
        self.peers = [self.join() for _ in range(PEERS)]

    def join(self) -> Peer:
        codec: Codec = self.random.choice(CODECS)
        peer = Peer(self.core, codec)
        details = {"roles": EVERY_FEATURE, "authid": self.random.choice(AUTHIDS)}
        peer.send([1, "realm1", details])
        self.core.host.run()
        return peer

    def step(self) -> None:
        random = self.random
        index = random.randrange(PEERS)
        if self.peers[index].network.is_closed or self.peers[index].network.is_reset:
            self.peers[index] = self.join()
        if random.random() < 0.15:
            random.choice(self.actions)(self.peers[index])
        else:
            self.send(self.peers[index])
        if random.random() < 0.7:
            self.core.host.run()
            self.read()

    def send(self, peer: Peer) -> None:
        data = encoded(peer.codec, self.generator.message())
        if data is None:
            return
        peer.send_bytes(mutate(self.random, data) if self.random.random() < 0.02 else data)

    def read(self) -> None:
        for peer in self.peers:
            for message in peer.take():
                self.learn(message)

    def learn(self, message: list[Any]) -> None:
        match message:
            case [33, _, subscription, *_]:
                self.ids.learn("subscription", subscription)
            case [65, _, registration, *_]:
                self.ids.learn("registration", registration)
            case [68, invocation, *_]:
                self.ids.learn("invocation", invocation)
            case [2, session, *_]:
                self.ids.learn("session", session)
            case [36, _, publication, *_]:
                self.ids.learn("publication", publication)

    # ---- what else happens ----

    def lose_a_right(self, _peer: Peer) -> None:
        authid, name = self.random.choice(AUTHIDS), self.random.choice(OBJECTS)
        self.rights.take_away(authid, name)
        self.core.realm1.gate.revoke([authid], [name])

    def gain_a_right(self, _peer: Peer) -> None:
        self.rights.is_asynchronous = self.random.random() < 0.3
        for authid in AUTHIDS:
            self.rights.grant(authid, *OBJECTS)
        self.core.realm1.gate.grant()

    def stop_reading(self, peer: Peer) -> None:
        peer.stop_reading()

    def read_on(self, peer: Peer) -> None:
        peer.read_on()
        self.rights.answer()

    def vanish(self, peer: Peer) -> None:
        if self.random.random() < 0.3:
            peer.vanish()
            peer.network.is_reset = True

    def wait(self, _peer: Peer) -> None:
        self.core.host.advance(self.random.choice((0.1, 1.0, 30.0)))

    # ---- the end ----

    def end(self) -> None:
        """Everybody goes, and all timers come to their end."""
        self.rights.is_asynchronous = False
        while self.rights.answer():
            self.core.host.run()
        for peer in self.peers:
            peer.vanish()
        self.core.host.advance(3600.0)
        assert not list(self.core.realm1.sessions()), "a session stays"
        assert not self.core.host.pending_timers, "a timer stays"
