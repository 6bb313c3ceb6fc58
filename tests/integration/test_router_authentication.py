"""Authentication on real sockets: TLS certificates and channel binding, authenticators that wait, hostile peers."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fairlead_router import (
    AnonymousAuthenticator,
    Limits,
    MethodsAuthenticator,
    Principal,
    Router,
    TicketAuthenticator,
)
from fairlead_router.auth.cryptosign import CryptosignAuthenticator
from fairlead_router.auth.dynamic import CallableAuthenticator, ProcedureAuthenticator
from fairlead_router.auth.scram import ScramAuthenticator
from fairlead_router.auth.tls import TlsAuthenticator
from fairlead_router.auth.wampcra import WampCraAuthenticator, WampCraUser
from fairlead_router.transports.tls import TlsOptions
from support.certificates import Authority, der_of
from support.waiting import eventually
from support.wamp import ROLES, TEXT, Client, ClosedError

KEY = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
PUBKEY = KEY.public_key().public_bytes_raw().hex()
ALICE = Principal("alice", "user")
FAILED = "wamp.error.authentication_failed"
VIOLATION = "wamp.error.protocol_violation"

METHODS = MethodsAuthenticator(
    {
        "ticket": TicketAuthenticator({"secret": ALICE}),
        "wampcra": WampCraAuthenticator([WampCraUser(principal=ALICE, secret="secret")]),
        "wamp-scram": ScramAuthenticator([]),
        "cryptosign": CryptosignAuthenticator({PUBKEY: ALICE}),
        "anonymous": AnonymousAuthenticator(),
    }
)


def hello(*authmethods: str, **details: Any) -> list[Any]:
    return [1, "realm1", {"roles": ROLES, "authmethods": list(authmethods), **details}]


@pytest.fixture
async def router() -> AsyncIterator[Router]:
    router = Router(Limits(close_timeout_s=1))
    yield router
    await router.close()


async def port_of(router: Router, authenticator: Any = METHODS) -> int:
    router.add_realm("realm1", authenticator)
    return (await router.listen("tcp://127.0.0.1:0")).port


# ---- TLS ----


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def tls_port(router: Router, authority: Authority, authenticator: Any) -> int:
    router.add_realm("realm1", authenticator)
    options = TlsOptions(
        certificate=str(authority.issue("localhost")),
        client_ca=str(authority.certificate),
        client_certificate="optional",
    )
    return (await router.listen("tls://127.0.0.1:0", tls=options)).port


@pytest.mark.parametrize("by", ["fingerprint", "common name"])
async def test_client_certificate_names_the_principal(router: Router, authority: Authority, by: str) -> None:
    certificate = authority.issue("sensor")
    fingerprint = hashlib.sha256(der_of(certificate)).hexdigest()
    tls = TlsAuthenticator({fingerprint: ALICE}) if by == "fingerprint" else TlsAuthenticator({}, {"sensor": ALICE})
    port = await tls_port(router, authority, MethodsAuthenticator({"tls": tls, "anonymous": AnonymousAuthenticator()}))
    async with await Client.connect(port, tls=authority.client_context(certificate)) as client:
        welcome = await client.ask(hello("tls"))
        assert (welcome[2]["authid"], welcome[2]["authmethod"]) == ("alice", "tls")
    async with await Client.connect(port, tls=authority.client_context(authority.issue("other"))) as client:
        assert (await client.ask(hello("tls")))[2] == FAILED
    async with await Client.connect(port, tls=authority.client_context()) as client:
        welcome = await client.ask(hello("tls", "anonymous"))
        assert welcome[2]["authmethod"] == "anonymous"


async def test_signature_is_bound_to_its_tls_connection(router: Router, authority: Authority) -> None:
    port = await tls_port(router, authority, METHODS)
    context = authority.client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    async def ask(client: Client) -> tuple[bytes, bytes]:
        """The challenge, and the connection's own id."""
        challenge = await client.ask(hello("cryptosign", authextra={"pubkey": PUBKEY, "channel_binding": "tls-unique"}))
        assert challenge[2]["channel_binding"] == "tls-unique"
        tls = client.writer.get_extra_info("ssl_object")
        return bytes.fromhex(challenge[2]["challenge"]), hashlib.sha256(tls.get_channel_binding("tls-unique")).digest()

    def sign(number: bytes, channel_id: bytes) -> list[Any]:
        message = bytes(a ^ b for a, b in zip(number, channel_id, strict=True))
        return [5, (KEY.sign(message) + message).hex(), {}]

    async with await Client.connect(port, tls=context) as client, await Client.connect(port, tls=context) as relay:
        number, channel_id = await ask(client)
        relayed, _ = await ask(relay)
        assert (await client.ask(sign(number, channel_id)))[0] == 2
        assert (await relay.ask(sign(relayed, channel_id)))[2] == FAILED


# ---- authenticators that wait ----


class Slow:
    """A program that answers when the test says so."""

    def __init__(self) -> None:
        self.asked = 0
        self.canceled = 0
        self.may_answer = asyncio.Event()

    async def __call__(self, realm: str, authid: str | None, details: dict[str, Any]) -> str:
        self.asked += 1
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            self.canceled += 1
            raise
        return "user"


@pytest.fixture
async def slow() -> Slow:
    return Slow()


async def test_peers_wait_for_the_program_and_not_for_each_other(router: Router, slow: Slow) -> None:
    dynamic = CallableAuthenticator(slow, ["anonymous"])
    port = await port_of(
        router, MethodsAuthenticator({"anonymous": dynamic, "ticket": TicketAuthenticator({"s": ALICE})})
    )
    async with await Client.connect(port) as waiting, await Client.connect(port) as other:
        waiting.send(hello())
        await eventually(lambda: slow.asked == 1)
        assert (await other.ask(hello("ticket")))[0] == 4
        assert (await other.ask([5, "s", {}]))[0] == 2
        slow.may_answer.set()
        assert (await waiting.receive())[2]["authrole"] == "user"


async def test_program_that_does_not_answer_in_time_is_canceled(slow: Slow) -> None:
    router = Router(Limits(authenticator_timeout_s=0.05))
    port = await port_of(router, CallableAuthenticator(slow, ["anonymous"]))
    async with await Client.connect(port) as client:
        assert (await client.ask(hello()))[1:] == [{"message": "the peer could not be authenticated"}, FAILED]
    assert slow.canceled == 1
    await router.close()


async def test_peer_that_leaves_is_not_waited_for(router: Router, slow: Slow) -> None:
    port = await port_of(router, CallableAuthenticator(slow, ["anonymous"]))
    async with await Client.connect(port) as client:
        client.send(hello())
        await eventually(lambda: slow.asked == 1)
    await eventually(lambda: slow.canceled == 1)


async def test_question_that_is_withdrawn_in_the_same_turn_leaves_nothing(router: Router, slow: Slow) -> None:
    port = await port_of(router, CallableAuthenticator(slow, ["anonymous"]))
    async with await Client.connect(port) as client:
        assert (await client.ask(hello(), hello()))[2] == VIOLATION
    await eventually(lambda: slow.canceled == slow.asked == 1)


async def test_question_of_one_too_many_leaves_nothing(slow: Slow) -> None:
    router = Router(Limits(authentications_waiting=1))
    port = await port_of(router, CallableAuthenticator(slow, ["anonymous"]))
    async with await Client.connect(port) as client, await Client.connect(port) as other:
        client.send(hello())
        await eventually(lambda: slow.asked == 1)
        assert (await other.ask(hello()))[2] == "fairlead.error.limit_reached"
        await eventually(lambda: slow.canceled == 1)
        slow.may_answer.set()
        assert (await client.receive())[0] == 2
    await router.close()


async def test_procedure_that_lets_peers_wait_does_not_keep_the_router_from_closing() -> None:
    router = Router(Limits(close_timeout_s=1))
    realm = router.add_realm("realm1")
    member = realm.join(Principal("service", "service"))
    never: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    called: list[Any] = []

    async def endpoint(call: Any) -> Any:
        called.append(call)
        return await never

    member.register("com.example.authenticate", endpoint)
    realm.authenticator = ProcedureAuthenticator(member, "com.example.authenticate", ["anonymous"])
    port = (await router.listen("tcp://127.0.0.1:0")).port
    async with await Client.connect(port) as client:
        client.send(hello())
        await eventually(lambda: bool(called))
        closing = asyncio.create_task(router.close())
        assert (await client.receive())[2] == "wamp.close.system_shutdown"
    await closing


# ---- hostile peers ----


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([[5, "secret", {}]], VIOLATION),
        ([hello("ticket"), hello("ticket")], VIOLATION),
        ([hello("ticket"), [5, "wrong", {}], [5, "secret", {}]], FAILED),
        ([hello("ticket"), [5, "", {}]], FAILED),
        ([hello("ticket"), [5, 5, {}]], VIOLATION),
        ([hello("wampcra", authid="alice"), [5, "x" * 10_000, {"x": ["y"] * 1000}]], FAILED),
        ([hello("wampcra")], FAILED),
        ([hello("wamp-scram", authid="alice", authextra={"nonce": {"a": 1}})], FAILED),
        ([hello("wamp-scram", authid="alice", authextra={"nonce": "YQ=="}), [5, "YQ==", {"nonce": 5}]], FAILED),
        ([hello("cryptosign", authextra={"pubkey": [PUBKEY]})], FAILED),
        ([hello("cryptosign", authextra={"pubkey": PUBKEY}), [5, "00" * 96, {}]], FAILED),
        ([hello("ticket", authextra={"x": "y" * 100_000})], "fairlead.error.limit_reached"),
        ([hello("ticket", authid="y" * 300)], "fairlead.error.limit_reached"),
        ([hello("kerberos")], "wamp.error.no_matching_auth_method"),
        ([hello(*["kerberos"] * 1000)], "wamp.error.no_matching_auth_method"),
    ],
)
async def test_hostile_peer_is_refused_and_nothing_else_happens(
    router: Router, messages: list[list[Any]], reason: str
) -> None:
    port = await port_of(router)
    async with await Client.connect(port) as client, await Client.connect(port) as other:
        client.send(*messages)
        abort = (await client.receive_until(3))[-1]
        assert (abort[0], abort[2]) == (3, reason)
        assert len(str(abort[1])) < 500, "what the peer sent is not sent back"
        with pytest.raises(ClosedError):
            await client.receive()
        assert (await other.ask(hello()))[0] == 2


@pytest.mark.parametrize(
    "field", ['"authid":"\\ud800x"', '"authmethods":["\\ud800x"]', '"authextra":{"nonce":"\\ud800x"}']
)
async def test_text_that_is_no_unicode_is_refused(router: Router, field: str) -> None:
    port = await port_of(router)
    async with await Client.connect(port) as client:
        client.send_frame(TEXT, b'[1,"realm1",{"roles":{"caller":{}},' + field.encode() + b"}]")
        assert (await client.receive())[2] in {VIOLATION, "wamp.error.no_matching_auth_method"}


async def test_recorded_answer_opens_no_other_session(router: Router) -> None:
    port = await port_of(router)
    async with await Client.connect(port) as first, await Client.connect(port) as second:
        challenges = [await client.ask(hello("cryptosign", authextra={"pubkey": PUBKEY})) for client in (first, second)]
        message = bytes.fromhex(challenges[0][2]["challenge"])
        recorded = [5, (KEY.sign(message) + message).hex(), {}]
        assert (await first.ask(recorded))[0] == 2
        assert (await second.ask(recorded))[2] == FAILED
