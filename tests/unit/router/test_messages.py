"""What peers may send: every message, what is accepted and what is refused, in all three serializers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cbor2
import msgspec
import pytest

from fairlead_router import messages
from fairlead_router.errors import ProtocolViolation
from fairlead_router.messages import (
    Authenticate,
    CallMessage,
    Cancel,
    Hello,
    Publish,
    ReceivedAbort,
    ReceivedError,
    ReceivedGoodbye,
    Register,
    Subscribe,
    Unregister,
    Unsubscribe,
    Yield,
)
from fairlead_router.serializers import SERIALIZERS, Serializer
from fairlead_router.uris import MAX_ID

DUMPS: dict[str, Callable[[Any], bytes]] = {
    "json": msgspec.json.encode,
    "msgpack": msgspec.msgpack.encode,
    "cbor": cbor2.dumps,
}

ACCEPTED: list[tuple[list[Any], type]] = [
    ([1, "realm1", {"roles": {"caller": {}}}], Hello),
    ([1, "realm1", {"roles": {"caller": {"features": {"new": True}}}, "agent": "x", "authextra": {"a": [1]}}], Hello),
    ([3, {}, "wamp.close.normal"], ReceivedAbort),
    ([5, "signature", {}], Authenticate),
    ([5, "signature"], Authenticate),
    ([6, {}, "wamp.close.normal"], ReceivedGoodbye),
    ([6, {"message": "bye"}, "wamp.close.normal"], ReceivedGoodbye),
    ([8, 68, 1, {}, "com.error"], ReceivedError),
    ([8, 68, 1, {}, "com.error", ["why"]], ReceivedError),
    ([8, 68, 1, {}, "com.error", ["why"], {"k": 1}], ReceivedError),
    ([16, 1, {}, "com.x"], Publish),
    ([16, MAX_ID, {"acknowledge": True, "unknown": [1]}, "com.x", []], Publish),
    ([16, 1, {"exclude": [1], "eligible": []}, "com.x", [1], {"k": 1}], Publish),
    ([32, 1, {}, "com.x"], Subscribe),
    ([32, 1, {"match": "prefix", "get_retained": True, "_fairlead_start": 5}, "com.x"], Subscribe),
    ([34, 1, 2], Unsubscribe),
    ([48, 1, {}, "com.p"], CallMessage),
    ([48, 1, {"receive_progress": True, "timeout": 100}, "com.p", [1], {"k": 1}], CallMessage),
    ([49, 1, {}], Cancel),
    ([49, 1, {"mode": "kill"}], Cancel),
    ([64, 1, {}, "com.p"], Register),
    ([66, 1, 2], Unregister),
    ([70, 1, {}], Yield),
    ([70, 1, {"progress": True}, [1], {"k": 1}], Yield),
    ([3, {}, "wamp.close.normal", [1], {"k": 1}], ReceivedAbort),
]

REFUSED: list[list[Any]] = [
    [34, 1, 2, {}],
    [16, 1, {}, "com.x", [], {}, []],
    [],
    [99],
    ["16", 1, {}, "com.x"],
    [True, "realm1", {}],
    [2, 1, {}],
    [17, 1, 2],
    [36, 1, 2, {}],
    [1],
    [1, None, {}],
    [1, "realm1", []],
    [1, "realm1", {"roles": {"caller": []}}],
    [1, "realm1", {"roles": {}, "authmethods": "ticket"}],
    [3, {}],
    [5],
    [5, 1, {}],
    [6, "reason", {}],
    [8, 48, 1, {}, "com.error"],
    [8, 68, 0, {}, "com.error"],
    [8, 68, 1, {}],
    [16, 0, {}, "com.x"],
    [16, -1, {}, "com.x"],
    [16, MAX_ID + 1, {}, "com.x"],
    [16, 1.5, {}, "com.x"],
    [16, "1", {}, "com.x"],
    [16, None, {}, "com.x"],
    [16, True, {}, "com.x"],
    [16, 1, [], "com.x"],
    [16, 1, {"acknowledge": 1}, "com.x"],
    [16, 1, {"exclude": 5}, "com.x"],
    [16, 1, {"exclude": [0]}, "com.x"],
    [16, 1, {}],
    [16, 1, {}, 5],
    [32, 1, {"match": "regex"}, "com.x"],
    [32, 1, {"_fairlead_start": "0"}, "com.x"],
    [32, 1, {}],
    [34, 1],
    [34, 1, 0],
    [48, 1, {"receive_progress": "yes"}, "com.p"],
    [48, 1, {}],
    [49, 1],
    [49, 1, {"mode": "later"}],
    [64, 1, {}],
    [66, 1],
    [66, 1, MAX_ID + 1],
    [70, 1],
    [70, 1, {"progress": 1}],
]


@pytest.mark.parametrize("serializer", SERIALIZERS, ids=lambda each: each.codec)
@pytest.mark.parametrize(("message", "expected"), ACCEPTED, ids=str)
def test_message_is_accepted(serializer: Serializer, message: list[Any], expected: type) -> None:
    decoded: Any = serializer.decode(DUMPS[serializer.codec](message))
    assert type(decoded) is expected
    if isinstance(decoded, Publish | CallMessage | Yield | ReceivedError):
        payload = message[{Publish: 4, CallMessage: 4, Yield: 3, ReceivedError: 5}[type(decoded)] :][:2]
        raw = [bytes(part) for part in (decoded.args, decoded.kwargs)]
        assert raw == [DUMPS[serializer.codec](part) for part in payload] + [b""] * (2 - len(payload))


@pytest.mark.parametrize("serializer", SERIALIZERS, ids=lambda each: each.codec)
@pytest.mark.parametrize("message", REFUSED, ids=str)
def test_message_is_refused(serializer: Serializer, message: list[Any]) -> None:
    with pytest.raises(ProtocolViolation, match="malformed"):
        serializer.decode(DUMPS[serializer.codec](message))


@pytest.mark.parametrize("message", REFUSED, ids=str)
def test_refusal_says_where(message: list[Any]) -> None:
    with pytest.raises(ProtocolViolation) as caught:
        SERIALIZERS[0].decode(msgspec.json.encode(message))
    assert len(caught.value.text) < 300


def test_every_message_of_the_table_exists() -> None:
    """The table in the module's docstring is what is implemented."""
    rows = [line.split("|") for line in (messages.__doc__ or "").splitlines() if line.startswith("| ")][1:]
    received = {int(row[2]) for row in rows if row[3].strip()}
    sent = {int(row[2]) for row in rows if row[4].strip()}
    structs = [
        each for each in vars(messages).values() if isinstance(each, type) and issubclass(each, messages.Message)
    ]
    tags = {each: each.__struct_config__.tag for each in structs if each is not messages.Message}
    taken = set(messages.Received.__args__)
    assert {tag for each, tag in tags.items() if each in taken} == received
    assert {tag for each, tag in tags.items() if each not in taken} == sent
