"""What can go wrong with a store, each in one sentence that a person can act on.

    StoreError
        StoreUnavailable    it cannot be opened or used: path, permissions, URL, locks
            DatabaseInUse   another process serves this database
            DatabaseClosed  we have closed it
            Conflict        another process changed the same in another order: once more, and it succeeds
        SchemaMismatch      another version of Fairlead, or another program, wrote it
        Corrupt             the file is damaged
        DiskFull            nothing was stored; it works again when there is room

A job's own exception is not a store's error and reaches its caller unchanged.
"""


class StoreError(Exception):
    """The store failed; the text is one sentence naming the place and what to do."""


class StoreUnavailable(StoreError):
    """The database cannot be opened, read or written as it stands."""


class DatabaseInUse(StoreUnavailable):
    """Another process serves this database: two would give the same sequence numbers."""


class DatabaseClosed(StoreUnavailable):
    """The database was closed by its owner."""


class Conflict(StoreUnavailable):
    """Two processes waited for each other, and the database ended this one's transaction: nothing was stored."""


class SchemaMismatch(StoreError):
    """The tables were made by another version of Fairlead or by another program."""


class Corrupt(StoreError):
    """The database file is damaged or is not a database."""


class DiskFull(StoreError):
    """There is no room: nothing of this transaction was stored."""
