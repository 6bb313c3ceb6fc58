"""`fairlead token`: makes, lists, changes and deletes the tokens of a user."""

from __future__ import annotations

from typing import Annotated

import typer

from fairlead_server.commands._asking import Asking, asking


@asking("fairlead token bob --create > bob.token")
def token(
    ask: Asking,
    user: Annotated[str, typer.Argument(metavar="USER", help="The user's id.", show_default=False)],
    create: Annotated[bool, typer.Option("--create", help="Make the user first, if there is none.")] = False,
) -> None:
    """Print a new token for USER, and nothing else. It is for administrators, and is shown this once only."""
    made = ask.call("token", user, create=create)
    ask.answer(str(made["token"]), {"user": user, **made})
