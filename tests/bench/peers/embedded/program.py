"""A router in a program of one's own: `python program.py PORT SECRET`; the secret is that of the user `bench`."""

import asyncio
import sys

import uvloop

from fairlead_router import AnonymousAuthenticator, Authenticator, MethodsAuthenticator, Principal, Router
from fairlead_router.auth.wampcra import WampCraAuthenticator, WampCraUser


async def serve(port: int, secret: str) -> None:
    user = WampCraUser(principal=Principal("bench", "user"), secret=secret)
    methods: dict[str, Authenticator] = {"anonymous": AnonymousAuthenticator(), "wampcra": WampCraAuthenticator([user])}
    router = Router()
    router.add_realm("realm1", MethodsAuthenticator(methods))
    await router.listen(f"tcp://127.0.0.1:{port}")
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), sys.argv[2]))
