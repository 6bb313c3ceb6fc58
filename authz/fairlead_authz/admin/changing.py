"""The procedure that changes the graph: `fairlead.authz.apply`, and its dry run.

What a change needs is judged in the funnel (editing). What the answer tells is judged here. Of others who keep a
right it names those whom the caller may see. The number of the change, `revision`, is for administrators alone, for it
counts what others change (G13); others get the time of their change there, which grows as well and is in the log.
"""

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from fairlead_authz.changes import MAX_CHANGES, MAX_CHANGES_OF_USERS, decode_changes
from fairlead_router.rpc.call import Call

if TYPE_CHECKING:
    from fairlead_authz.authz import Authz


class ApplyArguments(msgspec.Struct):
    """`apply`."""

    positional: ClassVar[tuple[str, ...]] = ("changes",)
    changes: list[Any]
    dry_run: bool = False


class Changing:
    """Makes changes, or says what they would end."""

    def __init__(self, authz: "Authz") -> None:
        self._authz = authz

    async def apply(self, call: Call) -> dict[str, Any]:
        """Answered when no revoked right is served any more; with `dry_run` nothing is changed."""
        arguments = call.arguments(ApplyArguments)
        principal = call.caller.principal
        at_most = MAX_CHANGES if self._authz.actor(principal).is_admin else MAX_CHANGES_OF_USERS
        changes = decode_changes(arguments.changes, at_most)
        if arguments.dry_run:
            rehearsed = self._authz.rehearse(changes, principal)
            would_end = msgspec.to_builtins(rehearsed.would_end)
            return {"would_end": would_end, "still": _visible(call, rehearsed.still)}
        applied = await self._authz.apply(changes, principal)
        revision = applied.revision if self._authz.actor(principal).is_admin else applied.at_us
        return {"revision": revision, "still": _visible(call, applied.still)}


def _visible(call: Call, still: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in still if call.caller.can("read", each["user"])]
