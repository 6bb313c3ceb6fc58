"""A router with one feature on: `python featured.py PORT DIRECTORY FEATURE`. Whoever names itself is believed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import uvloop

from fairlead_authz import Authz, Change, Grant, Put, UriRule
from fairlead_router import HistoryRule, Principal, RealmOptions, Router, TlsOptions
from fairlead_router.auth import HelloRequest
from support.certificates import Authority

USERS = 1_200
PAIRS = 100
RULES = (
    UriRule("bench.{object}", subscribe="read", publish="write", call="read", register="write"),
    UriRule("bench.pair.{object}", subscribe="read", publish="write"),
)
OBJECTS = ("fanout", "echo", *(f"{number:05}" for number in range(PAIRS)))


class ByName:
    """An Authenticator that believes."""

    def authenticate(self, hello: HelloRequest) -> Principal:
        return Principal(hello.authid or "anonymous", "user")


async def serve(port: int, directory: Path, feature: str) -> None:
    router = Router()
    endpoint, tls = f"tcp://127.0.0.1:{port}", None
    if feature == "permissions":
        authz = await Authz.open(f"sqlite:///{directory / 'permissions.db'}", rules=RULES)
        await authz.apply(_grants())
        authz.bind(router.add_realm("realm1", ByName(), authz.authorizer))
    else:
        rules = (HistoryRule("bench.", "prefix"),) if feature == "history" else ()
        router.add_realm("realm1", ByName(), options=RealmOptions(event_history=rules))
    if feature == "tls":
        endpoint, tls = (
            endpoint.replace("tcp", "tls"),
            TlsOptions(certificate=str(Authority(directory).issue("server"))),
        )
    await router.listen(endpoint, tls=tls)
    await asyncio.Event().wait()


def _grants() -> list[Change]:
    """A user for each connection, all in one role that may write the objects of all topics."""
    users = [f"user-{number}" for number in range(USERS)]
    return [
        Put("role", "writers"),
        *(Put("object", each) for each in OBJECTS),
        *(Grant("writers", "write", each) for each in OBJECTS),
        *(Put("user", each) for each in users),
        *(Grant(each, "write", "writers") for each in users),
    ]


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
