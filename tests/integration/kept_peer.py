"""A peer of fairlead_client on another host; a program as in support/programs.py.

The arguments are the router's URL and how long it waits for a PONG. It subscribes to com.kept and says each event as
`event` (its number), what it hears of its connection as `change` (null when there is a session again), and `resumed`
after a loss.
"""

from __future__ import annotations

import asyncio
import json
import sys

from fairlead_client import Event
from fairlead_client.asyncio import Peer, Subscription
from fairlead_client.autobahn_session import PROTOCOL_OPTIONS


def say(key: str, value: object) -> None:
    print(json.dumps({key: value}), flush=True)


def say_event(event: Event) -> None:
    say("event", event.args[0])


def say_resumed(subscription: Subscription) -> None:
    say("resumed", subscription.resumed)


async def main() -> None:
    PROTOCOL_OPTIONS.update({"autoPingInterval": 0.5, "autoPingTimeout": float(sys.argv[2])})
    async with Peer(sys.argv[1], on_change=lambda reason: say("change", reason)) as peer:
        await peer.subscribe(
            "com.kept", say_event, on_resumed=lambda subscription: say("resumed", subscription.resumed)
        )
        say("subscribed", True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
