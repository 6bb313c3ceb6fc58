"""`fairlead sessions`: who is connected."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fairlead_server.commands._asking import Asking, aligned, asking
from fairlead_server.commands._notes import plural
from fairlead_server.commands._times import utc


@asking("fairlead sessions", "fairlead sessions bob --json")
def sessions(
    ask: Asking,
    user: Annotated[str | None, typer.Argument(metavar="[USER]", help="Only this user's.", show_default=False)] = None,
) -> None:
    """List the sessions: administrators see all, others their own."""
    found = ask.pages("sessions", "sessions", user=user)
    ask.answer(aligned(map(_session, found)), {"sessions": found})


def _session(session: dict[str, Any]) -> tuple[str, ...]:
    kinds = ("subscription", "registration", "call")
    held = [plural(session[f"{kind}s"], kind) for kind in kinds if session[f"{kind}s"]]
    where = f"{session['transport']} {session['address'] or ''}"
    return str(session["session"]), session["user"], utc(session["since_us"]), where, ", ".join(held)
