"""What every Fairlead store shares: a database by URL, its writer thread, its schema and its errors.

Tables, queries and meaning belong to the packages that own the data; here is only
how a job reaches the database, when its result may be told, and how trouble is named.
"""

from fairlead_store.database import Database
from fairlead_store.errors import (
    Conflict,
    Corrupt,
    DatabaseClosed,
    DatabaseInUse,
    DiskFull,
    SchemaMismatch,
    StoreError,
    StoreUnavailable,
)
from fairlead_store.lease import LEASE_S, Lease, steady_us
from fairlead_store.listener import Listener
from fairlead_store.readers import Readers
from fairlead_store.schema import Schema
from fairlead_store.statements import execute_many

__all__ = [
    "LEASE_S",
    "Conflict",
    "Corrupt",
    "Database",
    "DatabaseClosed",
    "DatabaseInUse",
    "DiskFull",
    "Lease",
    "Listener",
    "Readers",
    "Schema",
    "SchemaMismatch",
    "StoreError",
    "StoreUnavailable",
    "execute_many",
    "steady_us",
]
