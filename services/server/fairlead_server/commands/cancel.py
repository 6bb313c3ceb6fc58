"""`fairlead cancel`: ends containers, or takes requests back."""

from __future__ import annotations

from typing import Annotated

import typer

from fairlead_server.commands._asking import CONTAINERS, Asking, asking


@asking("fairlead cancel job-1", "fairlead cancel job-1 job-2 --reason 'wrong input'", service=CONTAINERS)
def cancel(
    ask: Asking,
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Containers or requests.")],
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="TEXT", help="Why; it is shown with them.", show_default=False)
    ] = None,
) -> None:
    """End containers, whoever runs them; of a request, its container unless another one wants it.

    What waits ends at once; what runs gets SIGTERM from its dispatcher. It needs write on them.
    """
    given = {} if reason is None else {"reason": reason}
    answers = ask.calls("cancel", [((id_,), given) for id_ in ids], lambda answer: _say(ask, answer))
    ask.answer("", {"cancelled": answers})


def _say(ask: Asking, answer: dict[str, object]) -> None:
    if not ask.as_json:
        held = answer["state"] in ("Locked", "Running")
        print(
            f"{answer['id']}: " + (f"{answer['state']}, its dispatcher ends it" if held else f"{answer['state']}"),
            flush=True,
        )
