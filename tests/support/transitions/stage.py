"""A realm with permissions and logs, sessions on surfaces, and the play of a transition.

What a stage is made of is said by who opens it: the protocol core (core_stage.py) or a router on sockets
(wire_stage.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any, NamedTuple, Protocol, TypeVar

from msgspec.structs import replace

from fairlead_authz import Authz, Grant, Put, Revoke
from fairlead_authz.changes import Change
from fairlead_logstream import LogService, MemoryStreamStore
from fairlead_records import MemoryRecordStore, Permissions, RecordService
from fairlead_router import Call, Member, Principal, Realm
from fairlead_router.messages import PublishOptions
from fairlead_router.rpc.call import PENDING
from support.transitions.surfaces import (
    ABORT,
    CALL,
    ERROR,
    EVENT,
    GOODBYE,
    RULES,
    STRICT_RULES,
    UNREGISTERED,
    UNSUBSCRIBED,
    USERS,
    Message,
    Surface,
)
from support.transitions.table import EndToken, Pass, Rescope, Reword, Step, Switch, Transition

T = TypeVar("T")

OTHER = "y"


class Link(Protocol):
    """The connection of a session that has been joined."""

    def send(self, *messages: Message) -> None:
        """All at once."""

    async def take(self) -> list[Message]:
        """What has arrived, once all has come to rest."""


class Attendant:
    """A user's session on one surface, about one object."""

    def __init__(self, stage: Stage, user: str, object_id: str, surface: Surface, door: str) -> None:
        self.stage = stage
        self.user = user
        self.object = object_id
        self.surface = surface
        self.door = door
        self.link: Link
        self.arrived: list[Message] = []
        self._requests = 100

    async def open(self) -> None:
        """Have the surface, in the session that there is."""
        self.send(*self.surface.opens(self))
        await self.stage.rest()

    def wait(self) -> None:
        if not self.is_gone:
            self.send(*self.surface.waits(self))

    async def probe(self) -> None:
        """Ask, and look at what has arrived."""
        await self.look()
        if not self.is_gone:
            self.send(*self.surface.probes(self))
            await self.look()

    async def look(self) -> None:
        self.arrived += await self.link.take()

    def forget(self) -> None:
        """What has arrived was looked at."""
        self.arrived.clear()

    @property
    def is_gone(self) -> bool:
        """Whether the router has ended the session."""
        return any(message[0] in (ABORT, GOODBYE) for message in self.arrived)

    @property
    def words(self) -> list[str]:
        """What was shown."""
        return self.surface.words(self.arrived, self)

    @property
    def notices(self) -> list[Message]:
        """What was told of an end."""
        return [message for message in self.arrived if _is_notice(message)]

    def send(self, *messages: Message) -> None:
        """Each with a request id of its own."""
        for message in messages:
            self._requests += 1
            self.link.send([message[0], self._requests, *message[2:]])

    # --- a Place ------------------------------------------------------------------------------

    @property
    def word(self) -> str:
        return f"{self.object}.{self.stage.said}"

    @property
    def log(self) -> str:
        return log_of(self.object)

    @property
    def record(self) -> str:
        return record_of(self.object)

    @property
    def subscription(self) -> int:
        return self.topic(f"com.seen.{self.word}")

    @property
    def registration(self) -> int:
        registration = self.stage.realm.dealer.lookup(f"com.seen.{self.word}", "exact")
        return 0 if registration is None else registration.id

    def topic(self, pattern: str) -> int:
        subscription = self.stage.realm.broker.lookup(pattern, "prefix" if pattern.endswith(".") else "exact")
        return 0 if subscription is None else subscription.id


def _is_notice(message: Message) -> bool:
    """Of the end of a session, subscription, registration or call."""
    kind, request = message[0], message[1]
    if kind in (UNSUBSCRIBED, UNREGISTERED):
        return bool(request == 0)
    if kind == EVENT:
        return "revoked" in str(message[4:])
    return kind in (ABORT, GOODBYE) or (kind == ERROR and request == CALL)


def log_of(object_id: str) -> str:
    """The stream of an object: not named like it, so that the right is not looked for by the name."""
    return f"log-of-{object_id}"


def record_of(object_id: str) -> str:
    """A record of an object: not named like it, too."""
    return f"record-of-{object_id}"


class Services(NamedTuple):
    """That a realm has, but for permissions."""

    logs: LogService
    records: RecordService


class Stage:
    """The realm. Subclasses say what it runs on."""

    def __init__(self, realm: Realm, authz: Authz, services: Services) -> None:
        self.realm = realm
        self.authz = authz
        self.services = services
        self.said = ""
        self.attendants: list[Attendant] = []
        self.service: Member
        self._calls: list[Call] = []
        self._objects: tuple[str, ...] = ()
        self._tokens: dict[str, str] = {}

    # --- what a subclass says -----------------------------------------------------------------

    async def rest(self) -> None:
        """Let everything that has begun come to rest."""
        raise NotImplementedError

    async def link(self, token: str, door: str) -> Link:
        """A new session, through this door: a transport and a serializer, where there are any."""
        raise NotImplementedError

    def pass_time(self, seconds: float) -> None:
        """Without any timer."""
        raise NotImplementedError

    def clog(self, attendants: Iterable[Attendant]) -> bool:
        """Let everything wait in the router that is for these. False: here it goes out at once."""
        return False

    def read_on(self, attendants: Iterable[Attendant]) -> None:
        """Let them have what waits."""

    # --- before -------------------------------------------------------------------------------

    async def set(self, transition: Transition) -> None:
        """The world before."""
        self._objects = tuple(dict.fromkeys((transition.target, OTHER)))
        await self.authz.apply([Put("user", user) for user in ("alice", *USERS)])
        await self.authz.apply(_world())
        await self.authz.apply([*transition.before, *map(_carols, filter(_is_bobs, transition.before))])
        await self.authz.apply([Grant("keepers", "write", transition.keeps_by)])
        self._tokens["bob"] = await self.authz.create_token("bob", **transition.token)
        for user in USERS[1:]:
            self._tokens[user] = await self.authz.create_token(user)
        self.service = self.realm.join(Principal("service", "service"))
        for procedures in ("com.app.", "com.do."):
            self.service.register(procedures, self._answer, "prefix")
        self.service.subscribe("com.app.", _ignore, "prefix")
        for object_id in self._objects:
            self.service.subscribe(f"com.app.{object_id}", _ignore)
            await self.ask("fairlead.log.create", log_of(object_id), object=object_id)
            await self.put(object_id, "")

    async def attend(self, user: str, object_id: str, surface: Surface, door: str = "") -> Attendant:
        """A session of the user on the surface."""
        attendant = Attendant(self, user, object_id, surface, door)
        self.attendants.append(attendant)
        await self.enter(attendant)
        return attendant

    async def enter(self, attendant: Attendant) -> None:
        """A new session for it."""
        attendant.link = await self.link(self._tokens[attendant.user], attendant.door)
        await attendant.open()

    async def close(self) -> None:
        """End everything."""
        self.service.leave()
        for service in self.services:
            await service.close()
        await self.authz.close()

    async def renew_token(self) -> None:
        """A new one for bob, without terms."""
        self._tokens["bob"] = await self.authz.create_token("bob")

    def _answer(self, call: Call) -> Any:
        self._calls.append(call)
        return PENDING

    # --- what happens -------------------------------------------------------------------------

    async def say(self, word: str) -> None:
        """A word of each object, on every surface."""
        self.said = word
        for attendant in self.attendants:
            attendant.wait()
        await self.rest()
        for object_id in self._objects:
            self._say(object_id, f"{object_id}.{word}")
            await self.ask("fairlead.log.append", log_of(object_id), [[0, "stdout", f"{object_id}.{word}", 0]])
            await self.ask("fairlead.log.update", log_of(object_id), metadata={"said": f"{object_id}.{word}"})
            await self.put(object_id, f"{object_id}.{word}")
        await self.rest()

    async def put(self, object_id: str, text: str) -> None:
        """It is in the object's record."""
        about = {"kind": "word", "object": object_id, "owner": "alice"}
        await self.ask("fairlead.record.put", record_of(object_id), {"said": text}, **about)

    def _say(self, object_id: str, text: str) -> None:
        self.service.publish(f"com.app.{object_id}", [text], options=PublishOptions(retain=True))
        self.service.publish(f"com.edit.{object_id}", [text])
        self.service.subscribe(f"com.seen.{text}", _ignore)
        self.service.register(f"com.seen.{text}", self._answer)
        for call in self._calls:
            if call.procedure in (f"com.app.{object_id}", f"com.do.{object_id}"):
                call.send({"said": text})
        for user in USERS:
            asyncio.ensure_future(self.service.call(f"com.{user}.{object_id}", [text])).add_done_callback(_heard)

    async def change(self, transition: Transition) -> None:
        """Make the change; events go on."""
        steps = [asyncio.ensure_future(self.play(step)) for step in self.steps(transition)]
        await asyncio.sleep(0)
        await self.say("racing")
        await asyncio.gather(*steps)

    def steps(self, transition: Transition) -> list[Step]:
        """The change, made to carol as well."""
        return [
            [*step, *map(_carols, filter(_is_bobs, step))] if isinstance(step, list) else step
            for step in transition.change
        ]

    async def play(self, step: Step) -> None:
        """One step."""
        match step:
            case list():
                await self.authz.apply(step)
            case Pass(seconds):
                self.pass_time(seconds)
            case EndToken():
                await self.authz.delete_token(self.token_id)
            case Rescope(scopes):
                await self.authz.change_token(self.token_id, scopes=scopes)
            case Switch(roles_visible, users_visible):
                self.authz.set_policy(roles_visible=roles_visible, users_visible=users_visible)
            case Reword(is_strict):
                self.authz.replace_rules(STRICT_RULES if is_strict else RULES)

    @property
    def token_id(self) -> str:
        """Of bob's token."""
        return self._tokens["bob"].split("/")[1]

    async def ask(self, procedure: str, *args: Any, **kwargs: Any) -> Any:
        """What the service gets."""
        return await self.until(self.service.call(procedure, list(args), kwargs))

    async def until(self, awaitable: Awaitable[T]) -> T:
        """The answer, which comes while everything goes on."""
        future = asyncio.ensure_future(awaitable)
        while not future.done():
            await self.rest()
        return await future


async def open_services(realm: Realm, authz: Authz) -> Services:
    """Those of a realm."""
    authz.bind(realm)
    logs = await LogService.over(MemoryStreamStore())
    logs.bind(realm)
    records = await RecordService.over(MemoryRecordStore(), Permissions(rights_mark=authz.rights_mark))
    records.bind(realm)
    return Services(logs, records)


def _world() -> list[Change]:
    return [
        Put("project", "p", owner="alice"),
        Put("project", "q", owner="alice"),
        Put("object", "x", owner="p"),
        Put("object", OTHER, owner="q"),
        Put("role", "keepers"),
        Grant("carol", "write", "keepers"),
        Grant("bob", "write", OTHER),
        Grant("dave", "write", OTHER),
        *(Put("object", noun, owner="alice") for noun in ("subscription", "registration")),
        *(Grant("all-users", "read", noun) for noun in ("subscription", "registration")),
    ]


def _is_bobs(change: Change) -> bool:
    """Whether it is a link of bob's, or makes him an administrator or none."""
    if isinstance(change, Grant | Revoke):
        return change.user == "bob"
    return isinstance(change, Put) and change.id == "bob" and change.is_admin is not None


def _carols(change: Change) -> Change:
    return replace(change, **{"id" if isinstance(change, Put) else "user": "carol"})


def _ignore(event: object) -> None:
    """What the service is subscribed to is for others."""


def _heard(call: asyncio.Future[Any]) -> None:
    """The callee has gone, or there is none."""
    if not call.cancelled():
        call.exception()
