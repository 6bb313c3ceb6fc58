"""Marks: a number that is another one when rights may have moved, for who remembers what somebody could read.

New things move nothing: what is made is not among what is remembered. Administrators read everything but what is in the
trash, so only changes of things move theirs. A mark says when rights moved last: the revision, or for what the clock
did, which has none, a random number.
"""

from fairlead_authz.changeset import Changeset
from fairlead_authz.live.gains import new_only
from fairlead_router.uris import new_id


class Marks:
    """Of one realm, from a revision on."""

    def __init__(self, revision: int) -> None:
        self._of_all = self._of_things = revision

    def of(self, *, is_admin: bool) -> int:
        """The mark of an administrator, or of everybody else."""
        return self._of_things if is_admin else self._of_all

    def changed(self, changeset: Changeset, revision: int) -> None:
        """This has become true with that revision."""
        if new_only(changeset) is not None:
            return
        self._of_all = revision
        if any(before is not None for before, _ in changeset.nodes.values()):
            self._of_things = revision

    def moved(self) -> None:
        """Something else than a change has moved rights: the clock, a policy, other rules."""
        self._of_all = self._of_things = new_id()
