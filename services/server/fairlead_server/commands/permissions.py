"""`fairlead grant`, `revoke`, `can` and `token`: one call each to the permissions of the server.

What they say is what the server has answered, so after `revoke` has said "bob can no longer read X" no line appended
later reaches bob. With `--json` the answer is one JSON document on stdout, errors included.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from fairlead_client import CallFailed
from fairlead_client.asyncio import call
from fairlead_client.autobahn_session import AutobahnSession
from fairlead_client.errors import NOT_AUTHORIZED
from fairlead_server.connect import (
    DEFAULT_URL,
    TOKEN_VARIABLE,
    Server,
    TokenFileOption,
    UrlOption,
    server_of,
    with_session,
)
from fairlead_server.errors import CommandError

LEVELS = ("read", "write", "manage")
EXIT_NO = 1

UserArgument = Annotated[str, typer.Argument(metavar="USER", help="A user's id, or a role's.", show_default=False)]
LevelArgument = Annotated[str, typer.Argument(metavar="LEVEL", help="read, write or manage.", show_default=False)]
ObjectArgument = Annotated[
    str, typer.Argument(metavar="OBJECT", help="An object's id, as a log's or a project's.", show_default=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer with one JSON document.")]


def grant(
    user: UserArgument,
    level: LevelArgument,
    object_id: ObjectArgument,
    as_json: JsonOption = False,
    url: UrlOption = DEFAULT_URL,
    token_file: TokenFileOption = None,
) -> None:
    """Give USER at least LEVEL on OBJECT: manage holds write, write holds read. It needs manage on the object."""
    change = {"op": "grant", "user": user, "level": _checked(level), "object": object_id}
    applied = _ask(server_of(url, token_file), as_json, "fairlead.authz.apply", [change])
    _answer(f"{user} can {level} {object_id}", {**change, **applied}, as_json)


def revoke(
    user: UserArgument,
    level: LevelArgument,
    object_id: ObjectArgument,
    as_json: JsonOption = False,
    url: UrlOption = DEFAULT_URL,
    token_file: TokenFileOption = None,
) -> None:
    """Take LEVEL on OBJECT, and what is above it, from USER. It needs manage on the object.

    What the user has by another path stays, and is said. When this returns, nothing that comes later reaches who has
    lost the right; what was live has ended.
    """
    change = {"op": "revoke", "user": user, "level": _checked(level), "object": object_id}
    applied = _ask(server_of(url, token_file), as_json, "fairlead.authz.apply", [change])
    kept = [f"{kept['user']} can still {kept['level']} {kept['object']}: {kept['why']}" for kept in applied["still"]]
    _answer("\n".join(kept) or f"{user} can no longer {level} {object_id}", {**change, **applied}, as_json)


def can(  # noqa: PLR0913 (one parameter an option)
    user: UserArgument,
    level: LevelArgument,
    object_id: ObjectArgument,
    why: Annotated[bool, typer.Option("--why", help="Say which path allows it, or what is missing.")] = False,
    as_json: JsonOption = False,
    url: UrlOption = DEFAULT_URL,
    token_file: TokenFileOption = None,
) -> None:
    """Say yes (status 0) or no (status 1): whether USER has LEVEL on OBJECT. About others it needs manage on it."""
    about = {"user": user, "level": _checked(level), "object": object_id}
    checked = _ask(server_of(url, token_file), as_json, "fairlead.authz.check", user, level, object_id)
    if not as_json and checked["why"].startswith("there is no "):
        raise CommandError(f"{checked['why']}, so it is neither yes nor no")
    word = "yes" if checked["allowed"] else "no"
    _answer(f"{word}: {checked['why']}" if why else word, {**about, **checked}, as_json)
    raise typer.Exit(0 if checked["allowed"] else EXIT_NO)


def token(
    user: Annotated[str, typer.Argument(metavar="USER", help="The user's id.", show_default=False)],
    create: Annotated[bool, typer.Option("--create", help="Make the user first, if there is none.")] = False,
    as_json: JsonOption = False,
    url: UrlOption = DEFAULT_URL,
    token_file: TokenFileOption = None,
) -> None:
    """Print a new token for USER, and nothing else. It is for administrators, and is shown this once only."""
    made = _ask(server_of(url, token_file), as_json, "fairlead.authz.token", user, create=create)
    _answer(str(made["token"]), {"user": user, **made}, as_json)


# ---------------------------------------------------------------- asking and answering


def _checked(level: str) -> str:
    if level not in LEVELS:
        raise CommandError(f"level {level!r} must be one of {', '.join(LEVELS)}")
    return level


def _ask(server: Server, as_json: bool, procedure: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """The dict that a procedure answers with. Raises CommandError, after the error as JSON where that is wanted."""

    async def job(session: AutobahnSession) -> dict[str, Any]:
        try:
            return dict(await call(session, procedure, *args, **kwargs))
        except CallFailed as error:
            if as_json:
                print(json.dumps({"error": {"uri": error.uri, "text": error.text}}))
            raise CommandError(_line(error, server)) from None

    return with_session(server, job)


def _line(error: CallFailed, server: Server) -> str:
    """The error, and what to do about it where that is one thing."""
    if error.uri == "fairlead.error.no_such_user":
        return f"{error}; `fairlead token USER --create` makes a user"
    if error.uri == NOT_AUTHORIZED and server.token is None:
        return f"{error}; you have given no token: {TOKEN_VARIABLE}, --token-file, or .fairlead/admin.token here"
    return str(error)


def _answer(text: str, facts: dict[str, Any], as_json: bool) -> None:
    print(json.dumps(facts) if as_json else text)
