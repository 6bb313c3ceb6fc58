"""What every Fairlead store shares: a database by URL, its writer thread and its errors.

Tables, queries and meaning belong to the packages that own the data; here is only
how a job reaches the database, when its result may be told, and how trouble is named.
"""

from fairlead_store.database import Database
from fairlead_store.errors import (
    Corrupt,
    DatabaseClosed,
    DatabaseInUse,
    DiskFull,
    SchemaMismatch,
    StoreError,
    StoreUnavailable,
)

__all__ = [
    "Corrupt",
    "Database",
    "DatabaseClosed",
    "DatabaseInUse",
    "DiskFull",
    "SchemaMismatch",
    "StoreError",
    "StoreUnavailable",
]
