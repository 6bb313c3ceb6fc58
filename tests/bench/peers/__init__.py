"""The routers that are compared: one module (or package) here per peer, listed in PEERS."""

from __future__ import annotations

from bench.peers.base import Peer
from bench.peers.crossbar import Crossbar
from bench.peers.embedded import Embedded
from bench.peers.fairlead import Fairlead
from bench.peers.floor import Floor
from bench.peers.nats import Nats
from bench.peers.nexus import Nexus
from bench.peers.xconn import Xconn

PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Fairlead(),
        Embedded(),
        Crossbar(),
        Nexus(),
        Xconn(),
        Nats(),
        Floor(is_batched=False),
        Floor(is_batched=True),
    )
}
"""By name, in the order of the table. The first one that is there is what the others are compared with."""
