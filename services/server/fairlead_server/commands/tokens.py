"""`fairlead token`: makes, lists, changes and deletes the tokens of a user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from fairlead_server.commands._asking import Asking, asking
from fairlead_server.commands._times import duration_s_of, utc
from fairlead_server.errors import CommandError

NEVER = "never"
ALL = "all"


@asking(
    "fairlead token bob --create > bob.token",
    "fairlead token bob --scope 'subscribe fairlead.stream.' --expires 8h",
    "fairlead token bob --list",
    "fairlead token bob --change 0123456789abcdef --expires never",
)
def token(  # noqa: PLR0913 (one parameter an option)
    ask: Asking,
    user: Annotated[str, typer.Argument(metavar="USER", help="The user's id.", show_default=False)],
    create: Annotated[bool, typer.Option("--create", help="Make the user first, if there is none.")] = False,
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", metavar="'ACTION URI'", help="It is good for this only; may be repeated. Or: all."),
    ] = None,
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="DURATION", help="As 8h, 30d; or never.", show_default=False)
    ] = None,
    container: Annotated[
        str | None,
        typer.Option("--container", metavar="ID", help="It is valid while this runs.", show_default=False),
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="List the tokens of USER instead.")] = False,
    change: Annotated[
        str | None, typer.Option("--change", metavar="ID", help="Change this token instead.", show_default=False)
    ] = None,
    delete: Annotated[
        str | None, typer.Option("--delete", metavar="ID", help="Delete this token instead.", show_default=False)
    ] = None,
) -> None:
    """Print a new token for USER, and nothing else. It is shown this once only.

    Administrators make tokens for everybody, users for themselves. An ACTION is subscribe, publish, call, register or
    *; a URI that ends in "." stands for all that begin so.
    """
    _check_options(
        {"--list": listed, "--change": change, "--delete": delete},
        {"--create": create, "--scope": scope, "--expires": expires, "--container": container},
    )
    if listed:
        tokens = ask.pages("tokens", "tokens", user)
        ask.listing("tokens", tokens, map(_row, tokens))
    elif delete is not None:
        ask.answer(f"token {delete} is gone", ask.call("token_delete", delete))
    elif change is not None:
        ask.answer(f"token {change} is changed", ask.call("token_change", change, **_changed(scope, expires)))
    else:
        terms = {key: value for key, value in _changed(scope, expires).items() if value is not None}
        made = ask.call("token", user, create=create, container=container, **terms)
        ask.answer(str(made["token"]), {"user": user, **made})


def _check_options(instead: Mapping[str, object], terms: Mapping[str, object]) -> None:
    """Raises CommandError for what one of the options `instead` would ignore: the other ones, or terms."""
    actions = [option for option, value in instead.items() if value]
    if len(actions) > 1:
        raise CommandError(f"{' and '.join(actions)} exclude each other")
    taken = ("--scope", "--expires") if actions == ["--change"] else ()
    ignored = [option for option, value in terms.items() if value and option not in taken]
    if actions and ignored:
        raise CommandError(f"{actions[0]} takes no {ignored[0]}")
    if actions == ["--change"] and not any(terms.values()):
        raise CommandError("--change takes --scope, --expires, or both")


def _changed(scope: list[str] | None, expires: str | None) -> dict[str, Any]:
    """The terms that are given, None for no bound. Raises CommandError."""
    given: dict[str, Any] = {}
    if scope:
        given["scopes"] = None if scope == [ALL] else scope
    if expires is not None:
        given["expires_in_s"] = None if expires == NEVER else duration_s_of(expires, "--expires")
    return given


def _row(token: dict[str, Any]) -> tuple[str, ...]:
    ends = NEVER if token["expires_us"] is None else utc(token["expires_us"])
    scopes = ALL if token["scopes"] is None else ", ".join(token["scopes"])
    state = "" if token["is_valid"] else "not valid"
    return token["id"], utc(token["created_us"]), ends, scopes, token["container"] or "", state
