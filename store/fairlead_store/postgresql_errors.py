"""What PostgreSQL and its driver say, in sentences: by SQLSTATE, and by words where a connection was refused."""

from __future__ import annotations

import sqlalchemy as sa

from fairlead_store.errors import Conflict, Corrupt, DiskFull, StoreError, StoreUnavailable

_FULL = "the disk of the database {place} is full: nothing was stored; it works again when there is room"
_DAMAGED = "the database {place} is damaged ({reason}): restore it from a backup"
_AWAY = "the database {place} cannot be reached ({reason}); a server that runs tries again with the next request"
_CROWDED = "the server of the database {place} takes no more connections ({reason}): raise max_connections there"
_PASSWORD = "the database {place} refuses user or password: check the URL and where the password comes from"
_MISSING = "the database {place} does not exist: make it with createdb"
_FORBIDDEN = "the database {place} does not allow it ({reason}): grant what is missing to the user of the URL"
_READ_ONLY = "the database {place} cannot be written ({reason}): use the primary server"
_LOCKED = "the database {place} is locked by another program ({reason}): nothing was stored"
_CONFLICT = "in the database {place} two changes were in each other's way ({reason}): this one was not stored"
_URL = "the URL of the database {place} is wrong: {reason}"

_BY_STATE: tuple[tuple[str, type[StoreError], str], ...] = (
    ("53100", DiskFull, _FULL),
    ("53", StoreUnavailable, _CROWDED),
    ("28", StoreUnavailable, _PASSWORD),
    ("3D000", StoreUnavailable, _MISSING),
    ("42501", StoreUnavailable, _FORBIDDEN),
    ("25006", StoreUnavailable, _READ_ONLY),
    ("55P03", StoreUnavailable, _LOCKED),
    ("40", Conflict, _CONFLICT),
    ("XX001", Corrupt, _DAMAGED),
    ("XX002", Corrupt, _DAMAGED),
    ("08", StoreUnavailable, _AWAY),
    ("57", StoreUnavailable, _AWAY),
    ("58", StoreUnavailable, _AWAY),
)
"""The beginning of a SQLSTATE, what it is, and the sentence; the first that fits."""

_BY_WORDS: tuple[tuple[str, str], ...] = (
    ("too many", _CROWDED),
    ("remaining connection slots", _CROWDED),
    ("password", _PASSWORD),
    ("authentication failed", _PASSWORD),
    ("no pg_hba.conf entry", _PASSWORD),
    ("invalid connection option", _URL),
)
"""A refused connection has no SQLSTATE, only the server's words; a server that speaks another language is away."""


def explain(error: Exception, place: str) -> StoreError | None:
    """The sentence for a driver's error, None where it is our own mistake. It holds no password."""
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    state = getattr(cause, "sqlstate", None)
    reason = " ".join(str(cause).split())
    for beginning, kind, sentence in _BY_STATE:
        if state is not None and state.startswith(beginning):
            return kind(sentence.format(place=place, reason=reason))
    if not _is_of_the_connection(error, state, reason):
        return None
    sentence = next((sentence for words, sentence in _BY_WORDS if words in reason), _AWAY)
    return StoreUnavailable(sentence.format(place=place, reason=reason))


def _is_of_the_connection(error: Exception, state: str | None, reason: str) -> bool:
    if not isinstance(error, sa.exc.DBAPIError):
        return False
    is_refused = isinstance(error, sa.exc.OperationalError) and state is None
    return error.connection_invalidated or is_refused or reason.startswith("invalid connection option")
