"""The section of docs/benchmarks/permissions.md in which the engines are beside each other, with what that leaves out."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bench.permissions.comparison import Compared, Latency, Missing, Outcomes, Plan, Revocation
from bench.report import table

UNCHANGED = "Nothing: who follows it has to ask again, and whoever asks each time pays for a check each time."
ENDS = {"Fairlead": "Subscriptions, registrations, calls and sessions that rest on it end in the same turn."}
"""What else happens when a right goes, by the beginning of an engine's name."""

LIMITS = (
    "What this comparison is not:",
    "\n".join((
        "- One connection asks and waits: these are latencies, not throughputs, and the client, which is the same for all,"
        " shares the cores. Warm, the CPU of the engine's processes is what can be compared; it has steps of 10 ms over"
        " some thousand checks.",
        "- The ways differ. In process is a Python call. Fairlead over WAMP is RawSocket with JSON; its answer says why, and"
        " its `who` comes in pages, with the path that allows each user, which is most of what it costs; so it does in"
        " process. OpenFGA is asked over HTTP with JSON, in front of its own gRPC; a gRPC client saves a part of what is"
        " asked for nothing. PostgreSQL is asked over a Unix socket in its binary protocol, with statements prepared once.",
        "- Loading includes what each has for a bulk: rows past the funnel into SQLite, then read (Fairlead); writes of 1000"
        " tuples in its API (OpenFGA, on SQLite); COPY, and the table filled by one statement (PostgreSQL). Memory is resident"
        " memory; PostgreSQL's counts shared pages in each of its processes, and neither its nor OpenFGA's has the pages"
        " that the system caches.",
        "- Fairlead waits for the disk when it acknowledges, and tells who is connected. PostgreSQL does not wait here"
        " (`fsync` is off), which flatters its changes.",
        "- Fairlead judges by more: acting as another user, trash, frost, containers and roles that all may see. The others"
        " were given users, nested roles, projects within projects, objects and three levels, and SQL that was written for"
        " this benchmark: it looks a link's ends up beforehand, so a deployment's would rather be slower.",
        "- OpenFGA's cache is off as it comes. With it, an answer is as old as its time to live at most, 10 s by default;"
        " its API can ask past the cache, at the price of the row above.",
    )),
)

Row = tuple[str, Callable[[Compared], str]]

LOADING: tuple[Row, ...] = (
    ("version", lambda found: found.version),
    ("loaded within", lambda found: f"{found.load_s:.1f} s"),
    ("memory then", lambda found: f"{found.rss_bytes / 1e6:.0f} MB" if found.rss_bytes else "as below"),
)
CHECKING: tuple[Row, ...] = (
    ("nothing asked (p50)", lambda found: f"{_ms(found.nothing.p50)}"),
    ("cold (p50, p99)", lambda found: _latency(found.cold)),
    ("warm (p50, p99)", lambda found: _latency(found.warm)),
    ("CPU of a warm one", lambda found: _ms(found.warm_cpu_ms)),
)
LOOKING: tuple[Row, ...] = (
    ("many", lambda found: _ms(found.many_ms)),
    ("few", lambda found: _ms(found.few_ms)),
)
REVOKING: tuple[Row, ...] = (
    ("a grant, acknowledged", lambda found: _ms(found.direct.acknowledged)),
    ("then refused after (worst)", lambda found: _ms(found.direct.refused)),
    ("the big role's, acknowledged", lambda found: _ms(found.group.acknowledged)),
    ("then refused after (worst)", lambda found: _ms(found.group.refused)),
    ("what is live", lambda found: next((ENDS[name] for name in ENDS if found.name.startswith(name)), UNCHANGED)),
)


def comparison(plan: Plan, outcomes: Outcomes) -> list[str]:
    """The paragraphs and tables."""
    found = [outcome for outcome in outcomes if isinstance(outcome, Compared)]
    missing = [outcome for outcome in outcomes if isinstance(outcome, Missing)]
    size = plan.size
    return [
        "## The same graph elsewhere",
        (
            f"In the same run, with a smaller graph that all of them load: {size.users} users, {size.roles + 1} roles and"
            f" a team for each {size.team_members} of {size.connected} users, {size.projects + 1} projects,"
            f" {size.objects} objects, the big role with {size.staff} members; without the links by which all users see"
            " each other, for a materialized table has a row for each pair of them. Every engine answered every question"
            " as Fairlead did, or the run would have failed."
        ),
        *[f"Not measured: {outcome.name} ({outcome.reason})." for outcome in missing],
        _table("", LOADING, found),
        f"### A check, {plan.checks} different ones",
        _table("check", CHECKING, found),
        "### Who may read an object",
        _table(f"users: {found[0].many} and {found[0].few}", LOOKING, found),
        "### A revocation",
        _table("revoked", REVOKING, found),
        *LIMITS,
    ]


def _table(first: str, rows: Iterable[Row], found: list[Compared]) -> str:
    header, *lines = zip(*[(what, *map(show, found)) for what, show in rows], strict=True)
    return table([first, *header], [[each.name, *line] for each, line in zip(found, lines, strict=True)])


def _latency(latency: Latency) -> str:
    return f"{_ms(latency.p50)}, {_ms(latency.p99)}"


def _ms(value: float) -> str:
    """With the unit that makes it short."""
    if value < 1:
        return f"{value * 1e3:.0f} us" if value >= 0.01 else f"{value * 1e3:.1f} us"  # noqa: PLR2004
    return f"{value:.1f} ms" if value < 1e3 else f"{value / 1e3:.1f} s"  # noqa: PLR2004
