"""`fairlead apply`: makes the changes of a file.

The file is a JSON list, or one JSON document a line. The server takes a list as a whole or not at all, and a list has
its bounds; what is longer is only taken in batches, each of which is all or none.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from fairlead_server.commands._asking import Asking, Change, DryRunOption, asking, kept, would_end
from fairlead_server.commands._notes import plural
from fairlead_server.errors import CommandError

LIST_BYTES = 900_000
"""Of one list as JSON: the server's largest message is 1 MiB by default."""

LIST_CHANGES = 10_000
"""In one list: what the server takes."""


@asking("fairlead apply changes.json --dry-run", 'echo \'{"op": "delete", "id": "job-1"}\' | fairlead apply -')
def apply(
    ask: Asking,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file, or - for stdin.", show_default=False)],
    dry_run: DryRunOption = False,
    batch: Annotated[
        int | None,
        typer.Option(
            "--batch", metavar="N", min=1, max=LIST_CHANGES, help="Make N changes at a time.", show_default=False
        ),
    ] = None,
) -> None:
    """Make the changes in FILE (a JSON list, or a JSON document a line): all of them or none.

    With --batch N each N changes are all or none: for files of more than 10,000 changes. If one batch is refused those
    before it are made.
    """
    changes = _read(file)
    if dry_run:
        if batch is not None:
            raise CommandError("--dry-run and --batch exclude each other: a batch would end what those before it leave")
        rehearsed = ask.call("apply", _one_list(file, changes), dry_run=True)
        ask.answer("\n".join([*kept(rehearsed), would_end(rehearsed)]), rehearsed)
        return
    lists = [_one_list(file, changes)] if batch is None else list(_batches(changes, batch))
    applied = _apply(ask, lists)
    still = [each for answer in applied for each in answer["still"]]
    done = {"changes": len(changes), "revision": applied[-1]["revision"] if applied else None, "still": still}
    ask.answer("\n".join([*kept(done), f"{plural(len(changes), 'change')} made"]), done)


def _apply(ask: Asking, lists: list[list[Change]]) -> list[dict[str, Any]]:
    """Each list in its turn, with a bar on a terminal."""
    calls = [((changes,), dict[str, Any]()) for changes in lists]
    if len(lists) <= 1 or not sys.stderr.isatty():
        return ask.calls("apply", calls)
    with typer.progressbar(length=len(lists), label="fairlead: changes", file=sys.stderr) as bar:
        return ask.calls("apply", calls, on_answer=lambda answer: bar.update(1))


def _one_list(file: str, changes: list[Change]) -> list[Change]:
    """The same. Raises CommandError if it is too long for one list."""
    if len(changes) > LIST_CHANGES:
        raise CommandError(f"{file} has {len(changes)} changes; one list has at most {LIST_CHANGES}: use --batch N")
    if _size(changes) > LIST_BYTES:
        raise CommandError(
            f"{file} has {_size(changes)} bytes of changes; one list has at most {LIST_BYTES}: use --batch N"
        )
    return changes


def _batches(changes: list[Change], count: int) -> Iterator[list[Change]]:
    for start in range(0, len(changes), count):
        part = changes[start : start + count]
        if _size(part) > LIST_BYTES:
            raise CommandError(f"{count} of these changes have {_size(part)} bytes; at most {LIST_BYTES}: take fewer")
        yield part


def _size(changes: list[Change]) -> int:
    return len(json.dumps(changes))


# ---------------------------------------------------------------- reading


def _read(file: str) -> list[Change]:
    """The changes of a file. Raises CommandError, which names the line."""
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot read {file!r}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CommandError(f"{file!r} is not UTF-8") from None
    if text.lstrip().startswith("["):
        return list(_json(text, file))
    lines = enumerate(text.splitlines(), 1)
    return [_json(line, f"{file}, line {number}") for number, line in lines if line.strip()]


def _json(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise CommandError(f"{place}: this is not JSON: {error}") from None
