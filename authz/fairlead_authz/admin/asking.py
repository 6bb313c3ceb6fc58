"""What the procedures share: whom they answer, and how the arguments of several of them are checked.

What does not exist and what the caller may not see are answered alike. Only administrators, who may see everything,
hear that something does not exist.
"""

from fairlead_authz.changes import check_id, shown
from fairlead_authz.model.levels import NUMBERS, READ
from fairlead_authz.model.rights import Rights
from fairlead_router.authorization import Level
from fairlead_router.errors import InvalidArgument
from fairlead_router.rpc.call import Call


def checked_level(text: str) -> Level:
    """The level of this name. Raises InvalidArgument."""
    for level in NUMBERS:
        if level == text:
            return level
    raise InvalidArgument(f"level {shown(text)} must be one of {', '.join(NUMBERS)}")


def check_ids(*ids: str | None) -> None:
    """Whether these, as far as they are given, could be ids. Raises InvalidArgument."""
    for id_ in ids:
        if id_ is not None:
            check_id(id_)


def may_read(rights: Rights, call: Call, id_: str, include_trash: bool = False) -> bool:
    """Whether the caller may read it now, with `include_trash` also where it lies in the trash."""
    if call.caller.can("read", id_):
        return True
    return include_trash and rights.can(call.caller.principal.authid, READ, id_, include_trash=True)
