"""Who may do what to which record: judged by its object. What the caller may not read is as if it were not there."""

from __future__ import annotations

from fairlead_records.errors import no_such_record
from fairlead_records.model.record import Record
from fairlead_router import Call, Level, NotAuthorized


def require(call: Call, level: Level, id_: str, record: Record | None) -> Record:
    """The record, if the caller has this level on it. Raises NoSuchRecord, NotAuthorized."""
    if record is not None and call.caller.can(level, record.object_id):
        return record
    if record is None and call.caller.can(level, id_):
        raise no_such_record(id_)
    raise not_authorized(call, level, id_)


def own_id(call: Call) -> str:
    """The caller's authid, where it is to be stored. Raises NotAuthorized for one that not every database can hold."""
    authid = call.caller.principal.authid
    if "\0" in authid:
        raise NotAuthorized(f"the authid {authid[:40]!r} has U+0000: nothing can be stored for it")
    return authid


def not_authorized(call: Call, level: Level, id_: str) -> NotAuthorized:
    """The error that does not tell whether there is such a record."""
    who = call.caller.principal.authid
    return NotAuthorized(f"'{who}' may not {level} record '{id_}', or there is no such record")
