"""`fairlead arvados ...`: takes over the permissions of an Arvados cluster, follows them, and compares.

All of it is done from here, as a client of the server: what it revokes ends at once what is live, and the audit log
shows it as what it is, ordinary changes of the administrator whose token this is.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fairlead_authz.arvados.errors import BadSource
from fairlead_authz.arvados.events import Event
from fairlead_authz.arvados.feed import GAP, lines
from fairlead_authz.arvados.files import Directory
from fairlead_authz.arvados.loading import Source, load, take_told
from fairlead_authz.arvados.report import Report
from fairlead_authz.arvados.sync import Sync
from fairlead_authz.arvados.verify import Row, decode_rows, graph_of, verify
from fairlead_authz.model.graph import Graph
from fairlead_server.commands._arvados import (
    ArvadosTokenFileOption,
    ClusterOption,
    Making,
    api_url,
    arvados_errors,
    arvados_token,
    cluster_id,
    facts_of,
    is_url,
    opened_api,
    text_of,
)
from fairlead_server.commands._asking import Asking, asking, would_end
from fairlead_server.commands._following import Following
from fairlead_server.commands._nodes import application_of
from fairlead_server.commands._notes import plural
from fairlead_server.commands._remote import Remote

if TYPE_CHECKING:
    from fairlead_client.autobahn_session import AutobahnSession

EXIT_DIFFERENT = 1
SHOWN_DIFFERENCES = 100

SourceArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[DIR|URL]",
        help="A directory with the lists, or https://HOST; else ARVADOS_API_HOST.",
        show_default=False,
    ),
]


def now_us() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1_000


@asking("fairlead arvados load lists/ --dry-run", "fairlead arvados load https://arvados.example.com")
def load_cluster(
    ask: Asking,
    source: SourceArgument = None,
    events: Annotated[
        str | None,
        typer.Option("--events", metavar="FILE", help="Rows of Arvados' logs since DIR was listed, a line each."),
    ] = None,
    cluster: ClusterOption = None,
    arvados_token_file: ArvadosTokenFileOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
) -> None:
    """Take over an Arvados cluster: its users, groups, things, links.

    What is local stays. DIR holds users.json, groups.json and links.json, as Arvados' API lists them, and more lists
    that are wanted. Doing it again applies what is different since.
    """
    cluster = cluster_id(cluster)
    token = arvados_token(arvados_token_file) if source is None or is_url(source) else None

    async def job(session: AutobahnSession) -> None:
        with arvados_errors():
            if token is None:
                await _load(ask, session, Directory(Path(source or "")), cluster, events, dry_run)
                return
            if events is not None:
                raise BadSource("--events is for a directory: the API is asked for what is")
            async with opened_api(api_url(source), token) as api:
                await _load(ask, session, api, cluster, None, dry_run)

    ask.work(job)


async def _load(
    ask: Asking, session: AutobahnSession, source: Source, cluster: str | None, events: str | None, dry_run: bool
) -> None:
    report = Report()
    placement = await load(source, cluster, now_us, report)
    if events is not None:
        take_told(placement, await _told(events), report)
    remote = Remote(ask, session)
    sync = Sync(remote, placement)
    await sync.read()
    plan = sync.plan_all(report)
    facts, text = facts_of(plan, report), text_of(plan, report)
    if dry_run and len(plan.batches) == 1:
        rehearsed = await remote.would_end(plan.batches[0])
        facts["would_end"] = rehearsed["would_end"]
        text += f"\n{would_end(rehearsed)}"
    elif not dry_run:
        making = Making()
        try:
            await sync.make(plan, making)
        finally:
            making.end()
    ask.answer(f"cluster {placement.domain.cluster}: {text}", {"cluster": placement.domain.cluster, **facts})


async def _told(file: str) -> list[Event]:
    return [event async for event in lines(file, grows=False) if event is not GAP]


@asking("fairlead arvados follow https://arvados.example.com", "fairlead arvados follow --events - --resync 60")
def follow(  # noqa: PLR0913 (one parameter an option)
    ask: Asking,
    source: Annotated[
        str | None, typer.Argument(metavar="[URL]", help="https://HOST; else ARVADOS_API_HOST.", show_default=False)
    ] = None,
    events: Annotated[
        str | None,
        typer.Option(
            "--events",
            metavar="FILE",
            help="Events a line each: a file that grows, or - for stdin; else the websocket.",
        ),
    ] = None,
    websocket_url: Annotated[
        str | None, typer.Option("--websocket", metavar="URL", help="wss://HOST/websocket; else the API says.")
    ] = None,
    resync_s: Annotated[
        int, typer.Option("--resync", metavar="SECONDS", min=1, help="How often everything is compared.")
    ] = 300,
    cluster: ClusterOption = None,
    arvados_token_file: ArvadosTokenFileOption = None,
) -> None:
    """Take over what changes in an Arvados cluster, as it changes.

    It goes on until Ctrl-C, or the end of stdin. Events tell at once what to look at; every --resync seconds, and after
    a gap in the events, everything is compared.
    """
    url, token = api_url(source), arvados_token(arvados_token_file)
    following = Following(ask, cluster_id(cluster), resync_s, now_us)

    async def job() -> None:
        with arvados_errors():
            async with opened_api(url, token) as api:
                await following.run(api, events, websocket_url, token)

    asyncio.run(job())


@asking("fairlead arvados verify computed_permissions.json", "fairlead arvados verify https://arvados.example.com")
def verify_cluster(
    ask: Asking,
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE|URL]", help="Arvados' computed permissions; else of ARVADOS_API_HOST.", show_default=False
        ),
    ] = None,
    arvados_token_file: ArvadosTokenFileOption = None,
) -> None:
    """Compare what users reach here with Arvados' own list of it.

    The status is 1 if anything differs.
    """
    token = arvados_token(arvados_token_file) if source is None or is_url(source) else None

    async def job(session: AutobahnSession) -> bool:
        with arvados_errors():
            rows = _rows(Path(source or "")) if token is None else await _asked_rows(api_url(source), token)
            return _tell_differences(ask, graph_of([page async for page in Remote(ask, session).export("")]), rows)

    if not ask.work(job):
        raise typer.Exit(EXIT_DIFFERENT)


def _rows(file: Path) -> list[Row]:
    try:
        return decode_rows(repr(str(file)), file.read_bytes())
    except OSError as error:
        raise BadSource(f"cannot read {str(file)!r}: {error.strerror}") from None


async def _asked_rows(url: str, token: str) -> list[Row]:
    async with opened_api(url, token) as api:
        return [row async for rows in api.computed_permissions() for row in rows]


def _tell_differences(ask: Asking, graph: Graph, rows: list[Row]) -> bool:
    """Whether there is none."""
    verdict = verify(graph, rows)
    first = (
        f"{plural(verdict.compared, 'row')} compared, {plural(len(verdict.differences), 'difference')}; "
        f"{verdict.not_here} about what is not here"
    )
    more = len(verdict.differences) - SHOWN_DIFFERENCES
    told = [each.line() for each in verdict.differences[:SHOWN_DIFFERENCES]]
    text = "\n".join([first, *told, *([f"and {more} more: --json has all"] if more > 0 else [])])
    ask.answer(text, {**verdict._asdict(), "differences": [each._asdict() for each in verdict.differences]})
    return not verdict.differences


application = application_of(
    "Take over the permissions of an Arvados cluster, follow them, compare.",
    {"load": load_cluster, "follow": follow, "verify": verify_cluster},
)
