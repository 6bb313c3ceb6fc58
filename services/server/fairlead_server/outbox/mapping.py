"""How a row becomes a record: which columns are its state, who owns it, which object decides who may read it."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from fairlead_server.errors import CommandError

CURSOR_KIND = "outbox_cursor"


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The keys of a mapping file; the command's options have the same names, and come first."""

    kind: str = ""
    prefix: str = ""
    """What a record's id has before the row's key: for keys that are no ids of records, numbers say."""
    owner: str | None = None
    owner_column: str | None = None
    """Where it is null, `owner` counts."""
    object: str | None = None
    object_column: str | None = None
    columns: dict[str, str] = {}
    """The fields of the state, each with its column; without any, all columns are fields."""

    def id_of(self, key: str) -> str:
        """The record of a key."""
        return f"{self.prefix}{key}"

    def key_of(self, id_: str) -> str | None:
        """The key of a record; None if no row makes such a one."""
        return id_[len(self.prefix) :] if id_.startswith(self.prefix) else None

    @property
    def cursor_id(self) -> str:
        """The record in which the follower's cursor is."""
        return f"outbox-{self.kind}"

    def put(self, row: Fetched) -> dict[str, Any]:
        """The row as a change of `fairlead.record.batch`."""
        change: dict[str, Any] = {"op": "put", "id": self.id_of(row.key), "kind": self.kind, "state": row.state}
        owner, object_id = row.owner or self.owner, row.object_id or self.object
        if owner is not None:
            change["owner"] = owner
        if object_id is not None:
            change["object"] = object_id
        return change


class Fetched(msgspec.Struct, frozen=True):
    """A row of the table as it is now."""

    key: str
    state: dict[str, Any]
    owner: str | None = None
    object_id: str | None = None
    size: int = 0
    """Bytes of the state as JSON."""


def read_mapping(path: Path | None, given: dict[str, Any]) -> Mapping:
    """The mapping of a file, with what the options say over it. Raises CommandError, which names file and key."""
    values: dict[str, Any] = {}
    where = "the options" if path is None else str(path)
    try:
        if path is not None:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        mapping = msgspec.convert(values | given, Mapping)
    except OSError as error:
        raise CommandError(f"cannot read the mapping {str(path)!r}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CommandError(f"{path}: not TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise CommandError(f"{where}: {error}; keys are {', '.join(Mapping.__struct_fields__)}") from None
    if not mapping.kind:
        raise CommandError("--kind is missing: the kind of the records, arvados_container for instance")
    if mapping.kind == CURSOR_KIND:
        raise CommandError(f"--kind {CURSOR_KIND} is that of the followers' own records: choose another")
    return mapping


def columns_of(given: Sequence[str]) -> dict[str, str]:
    """Of `column` and `field=column`, each several of them between commas. Raises CommandError.

    >>> columns_of(["state,priority", "node=runtime_node"])
    {'state': 'state', 'priority': 'priority', 'node': 'runtime_node'}
    """
    columns: dict[str, str] = {}
    for each in (part.strip() for text in given for part in text.split(",")):
        field, _, column = each.rpartition("=")
        field = field or column
        if not column or field in columns:
            raise CommandError(f"--columns {each!r}: write COLUMN or FIELD=COLUMN, each field once, between commas")
        columns[field] = column
    return columns
