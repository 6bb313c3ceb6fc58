"""Lists of the API in files: `users.json`, `groups.json` and so on in a directory, each as the API answers.

A long list may be in several files, `links.1.json`, `links.2.json`, ... Whether all of a list is there is checked
where the list says how long it is: what is missing would otherwise be taken for deleted.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from fairlead_authz.arvados.errors import BadSource
from fairlead_authz.arvados.records import Record, decode_listing, decode_records
from fairlead_authz.arvados.report import Report
from fairlead_authz.arvados.uuids import LISTS, NOT_IMPORTED, ListKind

_FILE = re.compile(r"([a-z_]+)(\..+)?\.json")


class Directory:
    """A directory with lists, as a source of records."""

    def __init__(self, path: Path) -> None:
        """Raises BadSource for what cannot be read, a required list that is not there and a file of no list."""
        self._path = path
        self._files: dict[str, list[Path]] = {}
        try:
            files = sorted(each for each in path.iterdir() if each.suffix == ".json")
        except OSError as error:
            raise BadSource(f"cannot read the directory {str(path)!r}: {error.strerror}") from None
        known = {kind.name for kind in LISTS.values()}
        for file in files:
            match = _FILE.fullmatch(file.name)
            name = "" if match is None else match.group(1)
            if name not in known | NOT_IMPORTED:
                raise BadSource(f"{str(file)!r} is named like no list: {', '.join(sorted(known))}")
            self._files.setdefault(name, []).append(file)
        missing = [kind.name for kind in LISTS.values() if kind.is_required and kind.name not in self._files]
        if missing:
            raise BadSource(f"the directory {str(path)!r} has no {missing[0]}.json")

    async def types(self) -> frozenset[str]:
        """The types of the lists that are there."""
        return frozenset(type_ for type_, kind in LISTS.items() if kind.name in self._files)

    async def records(self, kind: ListKind, report: Report) -> Iterable[Record]:
        """The records of a list. Raises BadSource."""
        records: list[Record] = []
        given, available = 0, 0
        for file in self._files[kind.name]:
            listing = decode_listing(repr(str(file)), _read(file))
            given += len(listing.items)
            available = max(available, listing.items_available or 0)
            records.extend(decode_records(listing.items, kind, report))
        if given < available:
            raise BadSource(
                f"{kind.name} are not whole: {given} of {available} are in {str(self._path)!r}; "
                "what is missing would be taken for deleted"
            )
        return records


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise BadSource(f"cannot read the file {str(file)!r}: {error.strerror}") from None
