"""The section of docs/benchmarks/permissions.md that has the engines beside each other, with what that leaves out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from bench.permissions.comparison import Compared, Latency, Missing, Outcomes, Plan
from bench.report import table

ENDS = "ends in the same turn"
STAYS = "stays: whoever follows has to ask again"

LIMITS = Path(__file__).with_name("comparison_limits.md")
"""What must be known about it whatever was measured."""

Row = tuple[str, Callable[[Compared], str]]

LOADING: tuple[Row, ...] = (
    ("version", lambda found: found.version),
    ("loaded within", lambda found: f"{found.load_s:.1f} s"),
    ("memory then", lambda found: f"{found.rss_bytes / 1e6:.0f} MB" if found.rss_bytes else "as below"),
)
CHECKING: tuple[Row, ...] = (
    ("nothing asked (p50)", lambda found: _ms(found.nothing.p50)),
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
    ("a live subscription", lambda found: ENDS if found.name.startswith("Fairlead") else STAYS),
)


def comparison(plan: Plan, outcomes: Outcomes) -> list[str]:
    """The paragraphs and tables."""
    found = [outcome for outcome in outcomes if isinstance(outcome, Compared)]
    missing = [outcome for outcome in outcomes if isinstance(outcome, Missing)]
    size = plan.size
    return [
        "## The same graph elsewhere",
        (
            f"In the same run, with a smaller graph that all of them load: {size.users} users, {size.projects + 1}"
            f" projects, {size.objects} objects, {size.roles + 1} roles, one with {size.staff} members, and a team for"
            f" each {size.team_members} of {size.connected} users; without the links by which all users see each other,"
            " for a materialized table has a row for each pair of them. Every engine answered every question as"
            " Fairlead did in process, or the run would have failed."
        ),
        *[f"Not measured: {outcome.name} ({outcome.reason})." for outcome in missing],
        _table("", LOADING, found),
        f"### A check, {plan.checks} different ones",
        _table("check", CHECKING, found),
        "### Who may read an object",
        _table(f"readers: {found[0].many} and {found[0].few}", LOOKING, found),
        "### A revocation",
        _table("revoked", REVOKING, found),
        LIMITS.read_text(encoding="utf-8").strip(),
    ]


def _table(first: str, rows: Iterable[Row], found: list[Compared]) -> str:
    header, *lines = zip(*[(what, *map(show, found)) for what, show in rows], strict=True)
    return table([first, *header], [[each.name, *line] for each, line in zip(found, lines, strict=True)])


def _latency(latency: Latency) -> str:
    return f"{_ms(latency.p50)}, {_ms(latency.p99)}"


def _ms(value: float) -> str:
    """With the unit that makes it short."""
    if value < 1:
        return f"{value * 1e3:.0f} us" if value >= 0.01 else f"{value * 1e3:.1f} us"
    return f"{value:.1f} ms" if value < 1e3 else f"{value / 1e3:.1f} s"
