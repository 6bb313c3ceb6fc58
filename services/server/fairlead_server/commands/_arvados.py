"""What the commands of `fairlead arvados` share: where they read from, with which token, and what they tell."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from fairlead_authz.arvados.api import Api
from fairlead_authz.arvados.errors import ArvadosError
from fairlead_authz.arvados.loading import checked_cluster
from fairlead_authz.arvados.report import Report
from fairlead_authz.arvados.sync import Plan
from fairlead_server.commands._notes import note, plural
from fairlead_server.commands._progress import Progress
from fairlead_server.errors import CommandError

HOST_VARIABLE = "ARVADOS_API_HOST"
TOKEN_VARIABLE = "ARVADOS_API_TOKEN"

ClusterOption = Annotated[
    str | None,
    typer.Option("--cluster", metavar="ID", help="The cluster, as its UUIDs begin; else the lists tell."),
]
ArvadosTokenFileOption = Annotated[
    Path | None,
    typer.Option(
        "--arvados-token-file", metavar="FILE", help=f"A file with Arvados' token, unless {TOKEN_VARIABLE} has it."
    ),
]


def is_url(source: str) -> bool:
    """Whether it is an API rather than a file or directory."""
    return "://" in source


def api_url(given: str | None) -> str:
    """The API that is meant: the URL, or that of ARVADOS_API_HOST. Raises CommandError."""
    host = os.environ.get(HOST_VARIABLE, "").strip()
    if given is None and not host:
        raise CommandError(f"say which API: a URL, https://HOST, or {HOST_VARIABLE}")
    return given or f"https://{host}"


def arvados_token(file: Path | None) -> str:
    """ARVADOS_API_TOKEN, else the file's: never an argument, which the process list would show. Raises CommandError."""
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not token and file is not None:
        try:
            token = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"cannot read Arvados' token from {str(file)!r}: {type(error).__name__}") from None
    if not token:
        raise CommandError(f"there is no token for Arvados: {TOKEN_VARIABLE}, or --arvados-token-file")
    return token


def cluster_id(given: str | None) -> str | None:
    """The same. Raises CommandError for what is none."""
    with arvados_errors():
        return None if given is None else checked_cluster(given)


@contextmanager
def arvados_errors() -> Iterator[None]:
    """Within it an ArvadosError becomes the line that the user reads."""
    try:
        yield
    except ArvadosError as error:
        raise CommandError(str(error)) from None


@asynccontextmanager
async def opened_api(url: str, token: str) -> AsyncIterator[Api]:
    """The API, with its progress shown on a terminal."""
    progress = Progress()

    def pause(reason: str, pause_s: float) -> None:
        progress.end()
        note(f"{reason}; trying again in {pause_s:g} s")

    async with Api(url, token) as api:
        api.on_pause = pause
        api.on_page = lambda name, count: progress.show(f"reading {name}: {count}")
        try:
            yield api
        finally:
            progress.end()


class Making:
    """Shows how far a plan is made; `on_progress` of Sync."""

    def __init__(self) -> None:
        self._progress = Progress()
        self._count = 0

    def __call__(self, changes: int) -> None:
        """So many changes more are made."""
        self._count += changes
        self._progress.show(f"{plural(self._count, 'change')} made")

    def end(self) -> None:
        """It is over."""
        self._progress.end()


def facts_of(plan: Plan, report: Report) -> dict[str, Any]:
    """What a plan changes and what was wrong, as JSON."""
    return {"changes": plan.counts, "lists": len(plan.batches), "problems": report.facts()}


def text_of(plan: Plan, report: Report) -> str:
    """The same for people."""
    total = sum(plan.counts.values())
    by_op = ", ".join(f"{count} {op}" for op, count in sorted(plan.counts.items()))
    first = f"{plural(total, 'change')} in {plural(len(plan.batches), 'list')}: {by_op}" if total else "no change"
    return "\n".join([first, *report.lines()])
