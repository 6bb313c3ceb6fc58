"""Every client over each transport that it has, by each method of authentication, and with what some topics keep."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from fairlead_router import (
    Limits,
    MemberEvent,
    MethodsAuthenticator,
    Principal,
    Router,
    TicketAuthenticator,
    TlsOptions,
)
from fairlead_router.auth.cryptosign import CryptosignAuthenticator
from fairlead_router.auth.scram import ScramAuthenticator
from fairlead_router.auth.scram_keys import derive
from fairlead_router.auth.wampcra import WampCraAuthenticator, WampCraUser, derive_key
from fairlead_router.messages import PublishOptions
from support.certificates import Authority
from support.peers import BUILT_ONES, QUICK, Kind, Peer
from support.waiting import eventually

pytestmark = pytest.mark.limit_s(60)

ALICE = Principal("alice", "user")
SEED = bytes(range(32)).hex()
PUBLIC_KEY = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
AUTHENTICATOR = MethodsAuthenticator({
    "ticket": TicketAuthenticator({"secret": Principal("alice", "user", "ticket")}),
    "wampcra": WampCraAuthenticator([
        WampCraUser(principal=ALICE, secret=derive_key("secret", "salt"), salt="salt"),
    ]),
    "cryptosign": CryptosignAuthenticator({PUBLIC_KEY: ALICE}),
    "scram": ScramAuthenticator(
        [derive(ALICE, "secret", kdf="argon2id-13", iterations=2, memory=1024)], "scram"
    ),
})  # fmt: skip


def ways(of: Callable[[Kind], tuple[str, ...]]) -> pytest.MarkDecorator:
    """Each client with each of its ways."""
    quick = [pytest.param(kind, way, id=f"{kind.name}-{way}") for kind in QUICK for way in of(kind)]
    built = [
        pytest.param(kind, way, id=f"{kind.name}-{way}", marks=pytest.mark.interop)
        for kind in BUILT_ONES
        for way in of(kind)
    ]
    return pytest.mark.parametrize(("kind", "way"), quick + built)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
async def router() -> AsyncIterator[Router]:
    router = Router(Limits(close_timeout_s=0.2))
    yield router
    await router.close()


async def url_of(scheme: str, router: Router, authority: Authority, directory: Path) -> str:
    if scheme == "unix":
        await router.listen(f"unix://{directory}/wamp.sock")
        return f"unix://{directory}/wamp.sock"
    if scheme in {"wss", "tcps"}:
        tls = TlsOptions(certificate=str(authority.issue("server")))
        port = (await router.listen("tls://127.0.0.1:0", tls=tls)).port
    else:
        port = (await router.listen("tcp://127.0.0.1:0")).port
    return f"{scheme}://localhost:{port}" + ("/ws" if scheme.startswith("ws") else "")


@ways(lambda kind: kind.schemes)
async def test_every_transport_carries_events_and_calls(
    kind: Kind, way: str, router: Router, authority: Authority, tmp_path: Path
) -> None:
    member = router.add_realm("realm1").join(Principal("member", "service"))
    url = await url_of(way, router, authority, tmp_path)
    big = ["x" * 900_000]
    for serializer in kind.serializers if way in {"ws", "wss"} else kind.raw_serializers:
        async with Peer(kind, url=url, serializer=serializer, authority=authority.certificate) as peer:
            await peer.said("joined")
            await peer.do("subscribe", topic="com.example.x")
            member.publish("com.example.x", big)
            assert (await peer.said("event"))["args"] == big
            await peer.do("register", procedure="com.example.echo", behaviour="echo")
            assert (await member.call("com.example.echo", big)).args == big
            assert (await peer.do("call", procedure="com.example.echo", args=big))["args"] == big
            await peer.do("unregister", procedure="com.example.echo")


def credentials(method: str, *, is_right: bool) -> dict[str, Any]:
    secret = SEED if method == "cryptosign" else "secret"
    wrong = "ff" * 32 if method == "cryptosign" else "wrong"
    public_key = {"public_key": PUBLIC_KEY} if method == "cryptosign" else {}
    return {"method": method, "authid": "alice", "secret": secret if is_right else wrong, **public_key}


@ways(lambda kind: kind.auth)
async def test_every_method_of_authentication_names_the_principal(kind: Kind, way: str, router: Router) -> None:
    router.add_realm("realm1", AUTHENTICATOR)
    port = (await router.listen("tcp://127.0.0.1:0")).port
    url = f"ws://127.0.0.1:{port}/ws"
    async with Peer(kind, url=url, auth=credentials(way, is_right=True)) as peer:
        joined = await peer.said("joined")
        assert (joined["authid"], joined["authrole"]) == ("alice", "user")
    async with Peer(kind, url=url, auth=credentials(way, is_right=False)) as peer:
        await peer.said("left")
        assert peer.unheard("joined") == 0


@ways(lambda kind: ("wildcard",))
async def test_wildcards_match_one_component(kind: Kind, way: str, router: Router) -> None:
    member = router.add_realm("realm1").join(Principal("member", "service"))
    port = (await router.listen("tcp://127.0.0.1:0")).port
    async with Peer(kind, url=f"ws://127.0.0.1:{port}/ws") as peer:
        await peer.said("joined")
        await peer.do("subscribe", topic="com..x", options={"match": way})
        for topic in ("com.a.x", "com.a.y", "com.b.x"):
            member.publish(topic)
        assert [(await peer.said("event"))["topic"] for _ in range(2)] == ["com.a.x", "com.b.x"]


@ways(lambda kind: ("retain",) if kind.retains else ())
async def test_a_retained_event_comes_with_the_subscription(kind: Kind, way: str, router: Router) -> None:
    member = router.add_realm("realm1").join(Principal("member", "service"))
    port = (await router.listen("tcp://127.0.0.1:0")).port
    seen: list[MemberEvent] = []
    await member.publish("com.example.down", ["kept"], options=PublishOptions(retain=True), acknowledge=True)
    async with Peer(kind, url=f"ws://127.0.0.1:{port}/ws") as peer:
        await peer.said("joined")
        await peer.do("subscribe", topic="com.example.down", options={"get_retained": True})
        event = await peer.said("event")
        assert (event["args"], event["retained"]) == (["kept"], True)
        await peer.do("publish", topic="com.example.up", args=["kept"], options={way: True})
        await member.subscribe("com.example.up", seen.append, get_retained=True)
        await eventually(lambda: [event.args for event in seen] == [["kept"]])
