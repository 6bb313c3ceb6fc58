"""Everything live, or answered, that shows something of an object: what a session sends to have it, and what it gets.

In the messages the place of the request's id is 0. What is said of an object is a word, `x.secret`: it is in
the payload of an event, a result or an invocation, or in the URI that a meta event or procedure shows.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, get_args

from msgspec.structs import replace

from fairlead_authz import UriRule
from fairlead_router.authorization import Action, Level

Message = list[Any]

ABORT, GOODBYE, ERROR, PUBLISH, PUBLISHED, SUBSCRIBE, UNSUBSCRIBE, UNSUBSCRIBED, EVENT = 3, 6, 8, 16, 17, 32, 34, 35, 36
CALL, RESULT, REGISTER, UNREGISTERED, INVOCATION = 48, 50, 64, 67, 68

WORDS = ("permitted", "queued", "racing", "secret", "anew")
USERS = ("bob", "carol", "dave")

RULES = (
    UriRule("com.app.{object}", subscribe="read", publish="write", call="read"),
    UriRule("com.edit.{object}", subscribe="write"),
    UriRule("com.said.{object}", publish="write"),
    UriRule("com.do.{object}", call="write"),
    *(UriRule(f"com.{user}.{{object}}", register="write") for user in USERS),
    *(UriRule(f"com.seen.{{object}}.{word}", subscribe="read", call="read") for word in WORDS),
    UriRule("wamp.{object}.on_create", subscribe="read"),
    UriRule("wamp.{object}.get", call="read"),
)
"""Whoever reads the objects `subscription` and `registration` uses the meta API, which judges what it shows."""

STRICT_RULES = (
    *(replace(rule, **{action: "manage" for action in get_args(Action) if rule.level(action)}) for rule in RULES[:-2]),
    *RULES[-2:],
)
"""What is not about the meta API takes manage."""


class Place(Protocol):
    """Whose surface, on which object, and what the stage knows of it."""

    user: str
    object: str

    @property
    def word(self) -> str:
        """What was said last of the object."""

    @property
    def log(self) -> str:
        """The stream of the object."""

    @property
    def record(self) -> str:
        """A record of the object."""

    @property
    def subscription(self) -> int:
        """The id of the subscription whose topic has the word."""

    @property
    def registration(self) -> int:
        """The id of the registration whose procedure has the word."""

    def topic(self, pattern: str) -> int:
        """The id of the subscription to a topic, or to a prefix."""


Messages = Callable[[Place], list[Message]]


def nothing(place: Place) -> list[Message]:
    """Sends nothing."""
    return []


@dataclass(frozen=True)
class Surface:
    """One way to get something of an object."""

    name: str
    opens: Messages = nothing
    """Sent once."""

    waits: Messages = nothing
    """Sent before each word."""

    probes: Messages = nothing
    """Sent when it has been said."""

    level: Level = "read"
    told: tuple[int, ...] = ()
    """The types of the messages that tell of its end."""

    shows: tuple[int, ...] = (EVENT, RESULT, INVOCATION)
    """The types of the messages that have the word."""

    is_pattern: bool = False
    """Whether it shows other objects too, and goes on when this one is lost."""

    catches_up: bool = False
    """Whether it begins with what was said before it was opened."""

    conflates: bool = False
    """Whether it may leave out what something newer has replaced."""

    @property
    def is_live(self) -> bool:
        """Whether it gets everything that is said without asking."""
        return self.opens is not nothing

    @property
    def gets_all(self) -> bool:
        """Whether it gets each word."""
        return self.is_live and not self.conflates

    @property
    def gets(self) -> bool:
        """Whether it gets something without asking again."""
        return self.probes is nothing

    def words(self, messages: list[Message], place: Place) -> list[str]:
        """What the messages show, in their order."""
        if self.shows == (PUBLISHED,):
            return [place.word] if any(message[0] == PUBLISHED for message in messages) else []
        return [word for message in messages if message[0] in self.shows for word in found(message)]


_WORD = re.compile(rf"\b\w+\.(?:{'|'.join(WORDS)})\b")


def found(message: Message) -> list[str]:
    """The words in the message, in their order."""
    return _WORD.findall(repr(message))


def _of(place: Place, topic: str) -> str:
    return topic.format(object=place.object, log=place.log, record=place.record)


def _subscribe(topic: str, **options: Any) -> Messages:
    return lambda place: [[SUBSCRIBE, 0, options, _of(place, topic)]]


def _call(procedure: str, *args: str, **kwargs: Any) -> Messages:
    """An argument is the name of something of the place."""
    options = {"receive_progress": True}
    return lambda place: [
        [CALL, 0, options, procedure.format(object=place.object), [getattr(place, name) for name in args], kwargs]
    ]


def _unsubscribe(topic: str) -> Messages:
    return lambda place: [[UNSUBSCRIBE, 0, place.topic(_of(place, topic))]]


def _history(topic: str) -> Messages:
    return lambda place: [[CALL, 0, {}, "wamp.subscription.get_events", [place.topic(_of(place, topic))]]]


SURFACES = (
    Surface("exact", _subscribe("com.app.{object}"), told=(UNSUBSCRIBED,)),
    Surface("exact, for writers", _subscribe("com.edit.{object}"), level="write", told=(UNSUBSCRIBED,)),
    Surface("prefix", _subscribe("com.app.", match="prefix"), is_pattern=True),
    Surface("wildcard", _subscribe("com.app.", match="wildcard"), is_pattern=True),
    Surface(
        "retained",
        waits=_unsubscribe("com.app.{object}"),
        probes=_subscribe("com.app.{object}", get_retained=True),
    ),
    Surface(
        "retained, of a prefix",
        waits=_unsubscribe("com.app."),
        probes=_subscribe("com.app.", match="prefix", get_retained=True),
        is_pattern=True,
    ),
    Surface("history", probes=_history("com.app.{object}")),
    Surface("history of a prefix", probes=_history("com.app."), is_pattern=True),
    Surface(
        "stream", _subscribe("fairlead.stream.{log}", get_retained=True), told=(EVENT, UNSUBSCRIBED), catches_up=True
    ),
    Surface("follow", _call("fairlead.log.follow", "log"), told=(ERROR,), catches_up=True),
    Surface(
        "follow of a source", _call("fairlead.log.follow", "log", sources=["stdout"]), told=(ERROR,), catches_up=True
    ),
    Surface("waiting read", waits=_call("fairlead.log.read", "log", tail=0, wait_s=60)),
    Surface("waiting read of a source", waits=_call("fairlead.log.read", "log", tail=0, wait_s=60, sources=["stdout"])),
    Surface("read", probes=_call("fairlead.log.read", "log")),
    Surface("search", probes=_call("fairlead.log.search", "log")),
    Surface("history of a stream", probes=_history("fairlead.stream.{log}")),
    Surface("directory of a stream", _subscribe("fairlead.directory.{log}"), told=(EVENT, UNSUBSCRIBED)),
    Surface("directory", _subscribe("fairlead.directory.", match="prefix"), is_pattern=True),
    Surface("list", probes=_call("fairlead.log.list"), is_pattern=True),
    Surface("record topic", _subscribe("fairlead.record.{record}"), told=(EVENT, UNSUBSCRIBED)),
    Surface("watch", _call("fairlead.record.watch", kind="word"), is_pattern=True, conflates=True),
    Surface("record", probes=_call("fairlead.record.get", "record")),
    Surface("records", probes=_call("fairlead.record.list"), is_pattern=True),
    Surface(
        "publish",
        probes=lambda place: [[PUBLISH, 0, {"acknowledge": True}, f"com.said.{place.object}"]],
        level="write",
        shows=(PUBLISHED,),
    ),
    Surface(
        "registration",
        lambda place: [[REGISTER, 0, {}, f"com.{place.user}.{place.object}"]],
        level="write",
        told=(UNREGISTERED,),
    ),
    Surface("call in progress", _call("com.app.{object}"), told=(ERROR,)),
    Surface("call in progress, for writers", _call("com.do.{object}"), level="write", told=(ERROR,)),
    Surface("subscription meta event", _subscribe("wamp.subscription.on_create"), is_pattern=True),
    Surface("registration meta event", _subscribe("wamp.registration.on_create"), is_pattern=True),
    Surface("subscription meta procedure", probes=_call("wamp.subscription.get", "subscription")),
    Surface("registration meta procedure", probes=_call("wamp.registration.get", "registration")),
)
BY_SURFACE = {surface.name: surface for surface in SURFACES}
