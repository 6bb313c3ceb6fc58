"""The procedures that the router answers itself: in the turn of the CALL, without callee and invocation.

The meta API of the spec is made of them. Each has been authorized like any call when it is asked; what its
answer may show to this caller is its own business (G5, G13). What only a service knows is passed on to it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from fairlead_router.payload import Payload
from fairlead_router.rpc.shown_results import Shown

if TYPE_CHECKING:
    from fairlead_router.session import Session


class PassedOn(msgspec.Struct, frozen=True):
    """The answer is that of another procedure, a service's; the caller may see it while `is_allowed` says so."""

    procedure: str
    payload: Payload
    is_allowed: Callable[[], bool]


OwnProcedure = Callable[["Session", Payload], Payload | Shown | PassedOn]
"""From the caller and its arguments (arguments.py) to the result. Raises a RequestError to answer ERROR."""

OwnProcedures = dict[str, OwnProcedure]
"""By URI, of one realm. Nobody can register these, for they are under `wamp.` or `fairlead.`."""
