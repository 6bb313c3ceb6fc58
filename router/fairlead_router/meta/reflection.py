"""Reflection: descriptions of topics, procedures and errors, for documentation and discovery.

The spec names the procedures and leaves open what they say (Advanced Profile, Interface Reflection, a sketch). Here a
definition is a dict that the definer chooses; its `type` is topic, procedure or error, all else is passed on as it is.
A URI has one definition, which stays until it is undefined. Who defines or undefines it must be allowed to publish to
the topic, or to register the procedure (or the URI of the error); it is seen by who may use it or provide it.
"""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import msgspec

from fairlead_router import transcode
from fairlead_router.authorization import Action
from fairlead_router.errors import InvalidArgument, LimitExceeded, NotAuthorized
from fairlead_router.meta.events import MetaEvents
from fairlead_router.meta.shown import any_of
from fairlead_router.payload import Payload
from fairlead_router.questions import Questions
from fairlead_router.rpc.arguments import NoArguments, bind
from fairlead_router.rpc.own_procedures import OwnProcedure
from fairlead_router.rpc.shown_results import Shown
from fairlead_router.transcode import OutsideCommonModel
from fairlead_router.uris import check_uri, is_reserved

if TYPE_CHECKING:
    from fairlead_router.realm import Realm
    from fairlead_router.session import Session

DEFINE = "wamp.reflect.define"
UNDEFINE = "wamp.reflect.undefine"
DESCRIBE = "wamp.reflect.describe"
ON_DEFINE = "wamp.reflect.on_define"
ON_UNDEFINE = "wamp.reflect.on_undefine"

Kind = Literal["topic", "procedure", "error"]

PROVIDES: dict[Kind, Action] = {"topic": "publish", "procedure": "register", "error": "register"}
"""What the definer must be allowed to do with the URI."""

USES: dict[Kind, Action] = {"topic": "subscribe", "procedure": "call", "error": "call"}
"""What else lets a session see a definition."""


class _Define(msgspec.Struct):
    positional: ClassVar[tuple[str, ...]] = ("uri", "definition")
    uri: str
    definition: dict[str, Any] | None = None


class _OfUri(msgspec.Struct):
    positional: ClassVar[tuple[str, ...]] = ("uri",)
    uri: str


class _OfOneOrAll(msgspec.Struct):
    positional: ClassVar[tuple[str, ...]] = ("uri",)
    uri: str | None = None


class _Definition(msgspec.Struct, frozen=True):
    kind: Kind
    content: dict[str, Any]
    size: int


class Reflection:
    """The definitions of one realm."""

    def __init__(self, realm: "Realm", events: MetaEvents) -> None:
        self._realm = realm
        self._events = events
        self._definitions: dict[str, _Definition] = {}
        self._size = 0
        self.procedures: dict[str, OwnProcedure] = {
            DEFINE: self._define,
            UNDEFINE: self._undefine,
            DESCRIBE: self._describe,
        }
        for kind in PROVIDES:
            self.procedures |= self._procedures_of(kind)

    # --- what changes definitions -------------------------------------------------------------

    def _define(self, caller: "Session", payload: Payload) -> Payload:
        """True: the URI has a definition now; False: another one than before; None: the same. Without one: undefine."""
        arguments = bind(DEFINE, payload, _Define)
        uri, content = arguments.uri, arguments.definition
        if content is None:
            return Payload.of(self._remove(caller, uri))
        definition = self._checked(caller, uri, content)
        known = self._definitions.get(uri)
        if known is not None:
            if known.kind != definition.kind:
                self._require_provider(caller, uri, known.kind)
            if known == definition:
                return Payload.of(None)
        self._store(uri, definition)
        self._events.publish(ON_DEFINE, uri, content, known is None, seen_by=self._seen_by(uri, definition.kind))
        return Payload.of(known is None)

    def _undefine(self, caller: "Session", payload: Payload) -> Payload:
        """Whether there was a definition."""
        return Payload.of(self._remove(caller, bind(UNDEFINE, payload, _OfUri).uri))

    def _checked(self, caller: "Session", uri: str, content: dict[str, Any]) -> _Definition:
        check_uri(uri, "exact", self._realm.limits.uri_length)
        kind = next((each for each in PROVIDES if each == content.get("type")), None)
        if kind is None:
            raise InvalidArgument(f"{DEFINE}: the `type` of a definition is one of {', '.join(PROVIDES)}")
        self._require_provider(caller, uri, kind)
        try:
            size = len(uri) + len(transcode.encode("json", content))
        except OutsideCommonModel as error:
            raise InvalidArgument(f"{DEFINE}: {error}") from error
        return _Definition(kind, content, size)

    def _require_provider(self, caller: "Session", uri: str, kind: Kind) -> None:
        action = PROVIDES[kind]
        if not caller.is_service and is_reserved(uri):
            raise NotAuthorized(f"{uri!r} is reserved for services inside the router")
        if not caller.sees(any_of(self._realm, (action,), uri)):
            raise NotAuthorized(f"who may not {action} {uri!r} may not define it")

    def _store(self, uri: str, definition: _Definition) -> None:
        known = self._definitions.get(uri)
        size = self._size + definition.size - (0 if known is None else known.size)
        limit = self._realm.limits.definitions_bytes
        if size > limit:
            text = f"no room for a definition of {definition.size} bytes; all have {limit}"
            raise LimitExceeded(text, limit="definitions_bytes")
        self._definitions[uri] = definition
        self._size = size

    def _remove(self, caller: "Session", uri: str) -> bool:
        """A definition that the caller may not see is none; one that it sees but does not provide is not its own."""
        definition = self._definitions.get(uri)
        if definition is None or not self._sees(caller, uri, definition):
            return False
        self._require_provider(caller, uri, definition.kind)
        del self._definitions[uri]
        self._size -= definition.size
        self._events.publish(ON_UNDEFINE, uri, seen_by=self._seen_by(uri, definition.kind))
        return True

    # --- what shows them ----------------------------------------------------------------------

    def _describe(self, caller: "Session", payload: Payload) -> Shown:
        """The definition of a URI, or None; without a URI all of them: URI -> definition."""
        uri = bind(DESCRIBE, payload, _OfOneOrAll).uri
        if uri is not None:
            return self._content(caller, uri, tuple(PROVIDES))
        visible = self._visible(caller)
        return self._shown(caller, {uri: definition.content for uri, definition in visible.items()}, visible)

    def _procedures_of(self, kind: Kind) -> dict[str, OwnProcedure]:
        """`list`: the URIs that are defined as this kind; `describe`: the definition of one of them, or None."""
        list_uri, describe_uri = f"wamp.reflection.{kind}.list", f"wamp.reflection.{kind}.describe"

        def list_(caller: "Session", payload: Payload) -> Shown:
            bind(list_uri, payload, NoArguments)
            found = {uri: each for uri, each in self._visible(caller).items() if each.kind == kind}
            return self._shown(caller, list(found), found)

        def describe(caller: "Session", payload: Payload) -> Shown:
            return self._content(caller, bind(describe_uri, payload, _OfUri).uri, (kind,))

        return {list_uri: list_, describe_uri: describe}

    def _content(self, caller: "Session", uri: str, kinds: tuple[Kind, ...]) -> Shown:
        definition = self._definitions.get(uri)
        if definition is None or definition.kind not in kinds or not self._sees(caller, uri, definition):
            return self._shown(caller, None, {})
        return self._shown(caller, definition.content, {uri: definition})

    def _shown(self, caller: "Session", value: Any, definitions: dict[str, _Definition]) -> Shown:
        """A result about these: it is not written once one of them may not be seen any more (G2)."""
        return Shown(Payload.of(value), lambda: all(self._sees(caller, *each) for each in definitions.items()))

    def _sees(self, caller: "Session", uri: str, definition: _Definition) -> bool:
        return caller.sees(self._seen_by(uri, definition.kind))

    def _visible(self, caller: "Session") -> dict[str, _Definition]:
        return {uri: definition for uri, definition in self._definitions.items() if self._sees(caller, uri, definition)}

    def _seen_by(self, uri: str, kind: Kind) -> Questions:
        return any_of(self._realm, (USES[kind], PROVIDES[kind]), uri)
