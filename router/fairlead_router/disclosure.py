"""Who learns who called or published (spec: Advanced Profile, Caller Identification, Publisher Identification).

The realm's option `disclosure` decides: `asked` tells where one of the two sides asked for it, `always`
everywhere, `never` nowhere, and then asking is an error.
"""

from typing import TYPE_CHECKING, Literal

from fairlead_router.errors import OptionDisallowedDiscloseMe

if TYPE_CHECKING:
    from fairlead_router.session import Session

ActiveRole = Literal["caller", "publisher"]


def is_disclosed(session: "Session", is_asked: bool) -> bool:
    """Whether to tell who this caller or publisher is. Raises OptionDisallowedDiscloseMe."""
    disclosure = session.realm.options.disclosure
    if is_asked and disclosure == "never":
        raise OptionDisallowedDiscloseMe("this realm discloses neither callers nor publishers (disclosure=never)")
    return is_asked or disclosure == "always"


def identity(session: "Session", role: ActiveRole) -> dict[str, object]:
    """What INVOCATION or EVENT says of who caused it."""
    principal = session.principal
    return {role: session.id, f"{role}_authid": principal.authid, f"{role}_authrole": principal.authrole}
