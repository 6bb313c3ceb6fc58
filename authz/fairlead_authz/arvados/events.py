"""Change events, as Arvados' `logs` rows and its websocket tell them.

    {id, object_uuid, event_type: create|update|delete, properties: {old_attributes, new_attributes}, ...}

An event is a hint and no more: the feed misses cases, repeats itself, and its attributes are cut to a few keys. What
counts is the UUID: the record is read anew. Only a load from files, where nobody can be asked, takes the attributes, if
they are the whole record (as rows of the list of logs have it, not the websocket).
"""

from typing import Any, Final

import msgspec

from fairlead_authz.arvados.records import Record, convert_record
from fairlead_authz.arvados.uuids import LISTS, UUID, type_of

CHANGES: Final = frozenset({"create", "update", "delete"})
"""Types of events that are about a record."""

MAX_LINE_BYTES: Final = 4 * 1024 * 1024
"""Of an event: Arvados' websocket sends at most 2 MiB."""


class Event(msgspec.Struct, frozen=True):
    """What is read of an event; all of it may be missing."""

    id: int | None = None
    object_uuid: str | None = None
    event_type: str | None = None
    properties: Any = None

    @property
    def touched(self) -> str | None:
        """The UUID whose record may be different, if that is one of a list that is imported."""
        uuid = self.object_uuid or ""
        if self.event_type not in CHANGES or UUID.fullmatch(uuid) is None:
            return None
        return uuid if type_of(uuid) in LISTS else None

    @property
    def record(self) -> Record | None:
        """The record as the event has it, None if it has not the whole."""
        attributes = self.properties.get("new_attributes") if isinstance(self.properties, dict) else None
        if not isinstance(attributes, dict) or self.touched is None or attributes.get("uuid") != self.object_uuid:
            return None
        is_whole = attributes.keys() >= {"owner_uuid", *LISTS[type_of(self.touched)].select}
        return convert_record(attributes) if is_whole else None


_EVENT: Final = msgspec.json.Decoder(Event)


def decode_event(text: bytes | str) -> Event | None:
    """The event of a line or a message; None for what is none: a keepalive, an answer, something broken."""
    try:
        event = _EVENT.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return None if event.event_type is None else event
