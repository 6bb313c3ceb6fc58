"""Random WAMP messages: mostly right, so that they get far, and wrong in every way that a peer can think of.

The shapes are read from the router's own structs, so an option that is added there is fuzzed from that day on.
Everything comes from one `random.Random`: a case is its seed.
"""

from __future__ import annotations

import struct
from random import Random
from typing import Any, get_args

from msgspec import inspect

from fairlead_router import messages

URIS = ("com.a", "com.a.b", "obj.1.x", "obj.2.x")
"""Few, so that publishers and subscribers, callers and callees meet."""
ODD_URIS = (
    "com",
    "com.",
    "com..b",
    "obj..x",
    "",
    "com a",
    "wamp.session.count",
    "wamp.session.add_testament",
    "wamp.session.flush_testaments",
    "wamp.subscription.get_events",
    "wamp.x",
    "fairlead.stream.1",
    "a" * 2000,
)
META_URIS = (
    *(
        f"wamp.session.{name}"
        for name in ("list", "get", "kill", "kill_by_authid", "kill_all", "on_join", "on_leave", "add_testament")
    ),
    *(
        f"wamp.subscription.{name}"
        for name in ("list", "lookup", "match", "get", "list_subscribers", "remove_subscriber", "get_events")
    ),
    *(f"wamp.registration.{name}" for name in ("list", "lookup", "match", "get", "count_callees", "remove_callee")),
    *(f"wamp.subscription.on_{name}" for name in ("create", "subscribe", "unsubscribe", "delete")),
    *(f"wamp.registration.on_{name}" for name in ("create", "register", "unregister", "delete")),
    *(f"wamp.reflect.{name}" for name in ("define", "undefine", "describe", "on_define", "on_undefine")),
    *(f"wamp.reflection.{kind}.{name}" for kind in ("topic", "error") for name in ("list", "describe")),
)
WORDS = ("exact", "prefix", "wildcard", "roundrobin", "single", "kill", "skip", "alice", "bob", "user", "wamp.error.x")
HUGE = (0, -1, 1 << 31, 1 << 53, (1 << 53) + 1, 1 << 63, 1 << 64, 1 << 70)
STRINGS = ("", "x", "\0", "\0AAE=", "\0=", "é", "\ud800", "a" * 300, "2026-01-01T00:00:00Z")
MAX_DEPTH = 4
CLEAN = 0.98
"""How often a whole message is what the router expects: a malformed one ends the session with all that it had."""
RIGHT = 0.7
"""How often a field of the other messages is."""


class Ids:
    """Ids that the router has given, by what they are: what a peer sends is mostly about something that is there."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._known: dict[str, list[int]] = {}
        self._last = 0

    def learn(self, field: str, value: int) -> None:
        """The router has named this one."""
        known = self._known.setdefault(field, [])
        known.append(value)
        del known[:-8]

    def pick(self, field: str) -> int:
        """An id for this field of a message; a request's own is mostly the next one."""
        known = self._known.get(field)
        if known and self._random.random() < 0.9:
            return self._random.choice(known)
        if field == "request" and self._random.random() < 0.9:
            self._last += 1
            return self._last
        return self._random.choice((1, 2, self._last or 1, self._random.getrandbits(53) + 1))


class Generator:
    """Makes messages as plain lists, ready for any serializer."""

    def __init__(self, random: Random, ids: Ids) -> None:
        self._random = random
        self._ids = ids
        self._right = 1.0

    def message(self) -> list[Any]:
        """One message, of any type that a peer may send, or of none."""
        random = self._random
        self._right = 1.0 if random.random() < CLEAN else RIGHT
        shape = random.choices(_REQUESTS, _WEIGHTS)[0] if random.random() < CLEAN else random.choice(_SHAPES)
        fields: list[Any] = [shape.tag]
        for field in shape.fields:
            if not field.required and random.random() < 0.3:
                break
            fields.append(self._field(shape, field))
        return fields if self._right == 1.0 else self._spoiled(fields)

    def _spoiled(self, fields: list[Any]) -> list[Any]:
        """An array of the wrong length, or of an unknown type."""
        random = self._random
        match random.randrange(8):
            case 0:
                del fields[random.randrange(len(fields)) :]
            case 1:
                fields.append(self.value())
            case 2:
                fields[0] = random.choice((self.value(), random.randrange(-1, 80)))
        return fields

    def _field(self, shape: Any, field: Any) -> Any:
        if self._random.random() > self._right:
            return self.value()
        if field.name == "args":
            return [self._argument() for _ in range(self._random.randrange(3))]
        if field.name == "kwargs":
            return {self._key(): self.value() for _ in range(self._random.randrange(3))}
        if field.name in _INVOCATION_FIELDS.get(shape.cls.__name__, ()):
            return self._ids.pick("invocation")
        return self._of(field.type, field.name)

    def _argument(self) -> Any:
        """What a procedure of the router may take, or anything."""
        random = self._random
        match random.randrange(6):
            case 0 | 1:
                return self._ids.pick(random.choice(("session", "subscription", "registration")))
            case 2:
                return random.choice(URIS)
            case 3:
                return {"type": random.choice(("topic", "procedure", "error")), "x": self.value()}
            case _:
                return self.value()

    def _of(self, kind: Any, name: str) -> Any:
        """A value that the type takes."""
        random = self._random
        if isinstance(kind, inspect.IntType):
            return self._ids.pick(name) if random.random() <= self._right else random.choice(HUGE)
        if isinstance(kind, inspect.StrType):
            return random.choice(random.choices((URIS, META_URIS, ODD_URIS, WORDS), (80, 10, 5, 5))[0])
        if isinstance(kind, inspect.BoolType):
            return random.random() < 0.5
        if isinstance(kind, inspect.LiteralType):
            return random.choice(kind.values)
        if isinstance(kind, inspect.UnionType):
            return self._of(random.choice(kind.types), name)
        if isinstance(kind, inspect.ListType):
            return [self._of(kind.item_type, "session") for _ in range(random.randrange(3))]
        if isinstance(kind, inspect.StructType):
            return self._struct(kind)
        if isinstance(kind, inspect.DictType):
            return {self._key(): self.value()} if random.random() < 0.1 else {}
        return None if isinstance(kind, inspect.NoneType) else self.value()

    def _struct(self, kind: Any) -> dict[str, Any]:
        chosen = {
            field.encode_name: self._of(field.type, field.name)
            if self._random.random() <= self._right
            else self.value()
            for field in kind.fields
            if field.required or self._random.random() < 0.1
        }
        if self._random.random() < 0.05:
            chosen[self._key()] = self.value()
        return chosen

    def _key(self) -> str:
        return self._random.choice(("a", "x_custom", "match", "", "\0"))

    def value(self, depth: int = 0) -> Any:
        """Anything at all."""
        random = self._random
        kind = random.randrange(10 if depth < MAX_DEPTH else 8)
        match kind:
            case 0:
                return None
            case 1:
                return random.random() < 0.5
            case 2:
                return random.choice(HUGE)
            case 3:
                return random.uniform(-1e9, 1e9)
            case 4 | 5:
                return random.choice(STRINGS)
            case 6:
                return random.choice(ODD_URIS)
            case 7:
                return random.randbytes(random.randrange(6))
            case 8:
                return [self.value(depth + 1) for _ in range(random.randrange(4))]
            case _:
                return {self._key(): self.value(depth + 1) for _ in range(random.randrange(3))}


def mutate(random: Random, data: bytes) -> bytes:
    """The same bytes with something wrong: flipped, cut, doubled, or with a value in it that lengths are made of."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        if not changed:
            break
        place = random.randrange(len(changed))
        match random.randrange(6):
            case 0:
                changed[place] ^= 1 << random.randrange(8)
            case 1:
                changed[place] = random.randrange(256)
            case 2:
                del changed[place:]
            case 3:
                del changed[place : place + random.randrange(1, 9)]
            case 4:
                end = place + random.randrange(1, 17)
                changed[place:place] = changed[place:end] * random.choice((1, 1, 2, 200))
            case _:
                changed[place : place + 4] = struct.pack(
                    "!I", random.choice((0, 1, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF))
                )
    return bytes(changed)


_INVOCATION_FIELDS = {"Yield": ("request",), "ReceivedError": ("request",)}
_SHAPES: list[Any] = [inspect.type_info(each) for each in get_args(messages.Received)]
_REQUESTS = [shape for shape in _SHAPES if shape.tag >= messages.ReceivedError.__struct_config__.tag]
"""What comes in an open session; the others open and end one."""
_RARE = (messages.Unsubscribe, messages.Unregister, messages.Cancel)
_WEIGHTS = [1 if shape.cls in _RARE else 5 for shape in _REQUESTS]
"""What ends something is rarer than what begins it, else nothing is ever there."""
