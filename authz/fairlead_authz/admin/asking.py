"""What the procedures share: whom they answer, and how the arguments of several of them are checked.

What does not exist and what the caller may not see are answered alike. Only administrators, who may see everything,
hear that something does not exist.
"""

from fairlead_authz.changes import shown
from fairlead_authz.errors import NoSuchObject
from fairlead_authz.graph import Graph, Node
from fairlead_authz.levels import NUMBERS
from fairlead_router.authorization import Level
from fairlead_router.errors import InvalidArgument
from fairlead_router.rpc.call import Call


def level_of(text: str) -> Level:
    """The level of this name. Raises InvalidArgument."""
    for level in NUMBERS:
        if level == text:
            return level
    raise InvalidArgument(f"level {shown(text)} must be one of {', '.join(NUMBERS)}")


def find(graph: Graph, call: Call, level: Level, id_: str) -> Node:
    """A node on which the caller has this level. Raises NotAuthorized, and NoSuchObject to administrators."""
    call.require(level, id_)
    node = graph.node(id_)
    if node is None:
        raise NoSuchObject(f"{shown(id_)} does not exist", id=id_)
    return node
