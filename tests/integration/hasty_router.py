"""A router with short limits, for tests that stop it or cut it off; a program as in support/programs.py.

The arguments are the address to listen on and `ping_timeout_s`. It says `port`, `joined` (session id) and `left`
(reason), and publishes the numbers that it is told to, {"publish": [first, last]}, on com.kept, a topic whose history
it keeps.
"""

from __future__ import annotations

import asyncio
import json
import sys

import msgspec
import uvloop

from fairlead_router import HistoryRule, Limits, Principal, RealmObserver, RealmOptions, Router

LIMITS = Limits(ping_interval_s=0.5, hello_timeout_s=1.0, close_timeout_s=0.2)


class Teller(RealmObserver):
    def joined(self, session_id: int, principal: Principal) -> None:
        say("joined", session_id)

    def left(self, session_id: int, principal: Principal, reason: str) -> None:
        say("left", reason)


def say(key: str, value: object) -> None:
    print(json.dumps({key: value}), flush=True)


async def main() -> None:
    host = sys.argv[1]
    router = Router(msgspec.structs.replace(LIMITS, ping_timeout_s=float(sys.argv[2])))
    realm = router.add_realm("realm1", options=RealmOptions(event_history=(HistoryRule("com.kept"),)))
    member = realm.join(Principal("publisher", "service"))
    realm.observe(Teller())
    say("port", (await router.listen(f"tcp://{host}:0", hosts=[host])).port)
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        first, last = json.loads(line)["publish"]
        for number in range(first, last + 1):
            member.publish("com.kept", [number])
    await router.close()


if __name__ == "__main__":
    uvloop.run(main())
