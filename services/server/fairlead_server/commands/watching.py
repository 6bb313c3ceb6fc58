"""`fairlead sessions` and `fairlead audit`: who is connected, and who changed what."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fairlead_server.commands._asking import Asking, asking
from fairlead_server.commands._nodes import shown
from fairlead_server.commands._notes import plural
from fairlead_server.commands._times import utc


@asking("fairlead sessions", "fairlead sessions bob --json")
def sessions(
    ask: Asking,
    user: Annotated[str | None, typer.Argument(metavar="[USER]", help="Only this user's.", show_default=False)] = None,
) -> None:
    """List the sessions: administrators see all, others their own."""
    found = ask.pages("sessions", "sessions", user=user)
    ask.listing("sessions", found, map(_session, found))


def _session(session: dict[str, Any]) -> tuple[str, ...]:
    kinds = ("subscription", "registration", "call")
    held = [plural(session[f"{kind}s"], kind) for kind in kinds if session[f"{kind}s"]]
    where = f"{session['transport']} {session['address'] or ''}"
    return str(session["session"]), session["user"], utc(session["since_us"]), where, ", ".join(held)


@asking("fairlead audit", "fairlead audit --object project-1", "fairlead audit --user alice --json")
def audit(
    ask: Asking,
    object_id: Annotated[
        str | None, typer.Option("--object", metavar="ID", help="Changes of this.", show_default=False)
    ] = None,
    user: Annotated[
        str | None, typer.Option("--user", metavar="USER", help="Changes by this user.", show_default=False)
    ] = None,
    after: Annotated[int, typer.Option("--after", metavar="REVISION", help="Changes after this.")] = 0,
) -> None:
    """List who changed what, and when, the oldest first. It is for administrators.

    Whoever manages an object sees its newest changes with --object.
    """
    changes = ask.pages("audit", "changes", object=object_id, user=user, after=after)
    rows = [(utc(entry["at_us"]), entry["actor"] or "", said) for entry in changes for said in _said(entry)]
    ask.listing("changes", changes, rows)


def _said(entry: dict[str, Any]) -> list[str]:
    """A line for each change: its op, and what is given with it."""
    said = []
    for change in entry["asked"]:
        given = (f"{key}={shown(key, value)}" for key, value in change.items() if key != "op" and value is not None)
        said.append(f"{change['op']} {' '.join(given)}")
    omitted = entry.get("omitted", 0)
    return [*said, f"and {plural(omitted, 'change')} more"] if omitted else said
