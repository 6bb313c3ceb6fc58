"""Creating, changing, moving and deleting nodes.

| what | needs |
|---|---|
| create a user, container, content | an administrator |
| create a role | nothing: its maker manages it |
| create anything else | write on its owner |
| change a role | manage on it |
| change anything else | write on it; a user's flags: an administrator |
| move | write on the old and on the new owner, and neither is frozen |
| name what a log row is about | read on that |
| name the container of a request, the content of a collection | an administrator, for it opens it to their readers |
| delete | as to change; a user: an administrator |
"""

from typing import Final

from msgspec import UNSET
from msgspec.structs import replace

from fairlead_authz.changes import MAX_NAME, Delete, Put, check_id
from fairlead_authz.editing.edit import Edit
from fairlead_authz.editing.users import link_as_usual, refuse_fixed_user
from fairlead_authz.errors import Conflict
from fairlead_authz.model.graph import ANONYMOUS_USER, FINAL_STATES, OWNERS, SHOWN_BY_SUBJECTS, SYSTEM, Kind, Node, a
from fairlead_authz.model.levels import MANAGE, READ, WRITE
from fairlead_router.errors import InvalidArgument

_TARGETS: Final[dict[Kind, Kind]] = {"container_request": "container", "object": "container", "collection": "content"}
"""What those may be about that open it to their readers."""

_SUBJECTS: Final = frozenset({*_TARGETS, "log"})

_MADE_BY_ADMINISTRATORS: Final = frozenset({"user", *SHOWN_BY_SUBJECTS})


def put(edit: Edit, change: Put) -> None:
    """Create or change a node."""
    check_id(change.id)
    _check_fields(change)
    known = edit.graph.node(change.id)
    if change.kind in _MADE_BY_ADMINISTRATORS and not edit.rights.can(edit.actor.user, READ, change.id):
        edit.require_admin(f"make the {change.kind} {change.id!r}")  # the same where there is one that it does not see
    if known is None:
        _create(edit, change)
    else:
        _change(edit, change, known)


def delete(edit: Edit, change: Delete) -> None:
    """Remove a node and its links; what was about it is about nothing, lest it be about a new one of that id."""
    node = edit.updatable(change.id)
    edit.refuse_well_known(node, "deleted")
    if node.kind == "user":
        edit.require_admin(f"delete the user {node.id!r}")
    owned = edit.graph.owned(node.id)
    if owned:
        raise Conflict(f"{node.kind} {node.id!r} still owns {len(owned)}, {next(iter(owned))!r} for one")
    edit.remove_links_from(node.id)
    edit.remove_links_to(node.id)
    for subject in list(edit.graph.subjects(node.id)):
        edit.set_node(replace(edit.graph.nodes[subject], about=None))
    edit.remove_node(node)


# --- creating and changing --------------------------------------------------------------------


def _create(edit: Edit, change: Put) -> None:
    owner = _new_owner(edit, change)
    about = _checked_about(edit, change, None)
    is_active = change.is_active is not False
    state = change.state or "Queued" if change.kind == "container" else None
    edit.set_node(
        Node(
            change.id,
            change.kind,
            owner,
            change.name or "",
            bool(change.is_admin),
            is_active,
            about=about,
            state=state,
        )
    )
    if change.kind == "user" and is_active:
        link_as_usual(edit, change.id)
    elif change.kind == "role" and edit.actor.user in edit.graph.users and edit.actor.user != ANONYMOUS_USER:
        edit.set_link(edit.actor.user, change.id, MANAGE)


def _new_owner(edit: Edit, change: Put) -> str:
    if change.kind in ("user", "role"):
        if change.owner not in (None, SYSTEM):
            raise Conflict(f"{change.kind} {change.id!r} is owned by {SYSTEM!r}, not {change.owner!r}")
        return SYSTEM
    is_of_system = change.kind in SHOWN_BY_SUBJECTS or edit.actor.user == ANONYMOUS_USER
    default = SYSTEM if is_of_system else edit.actor.user
    owner = default if change.owner is None else change.owner
    _check_owner(edit, change.id, owner)
    return owner


def _change(edit: Edit, change: Put, known: Node) -> None:
    edit.updatable(known.id)
    owner = known.owner if change.owner is None else change.owner
    if owner != known.owner:
        _check_move(edit, known, owner)
    if (change.is_admin, change.is_active) != (None, None):
        edit.require_admin(f"make the user {known.id!r} an administrator, or active, or end that")
    if change.kind != known.kind:
        raise Conflict(f"{known.id!r} is {a(known.kind)} already and cannot become {a(change.kind)}")
    changed = replace(
        known,
        owner=owner,
        name=known.name if change.name is None else change.name,
        is_admin=known.is_admin if change.is_admin is None else change.is_admin,
        is_active=known.is_active if change.is_active is None else change.is_active,
        about=_checked_about(edit, change, known.about),
        state=change.state or known.state,
    )
    if known.state in FINAL_STATES and changed.state != known.state:
        raise Conflict(f"container {known.id!r} is {known.state} and stays so")
    edit.set_node(changed)


def _check_move(edit: Edit, node: Node, owner: str) -> None:
    edit.refuse_well_known(node, "moved")
    edit.require(WRITE, node.owner)
    _check_owner(edit, node.id, owner)
    if node.kind in ("user", "role"):
        raise Conflict(f"{node.kind} {node.id!r} is owned by {SYSTEM!r} and cannot be moved")


def _check_owner(edit: Edit, node_id: str, owner: str) -> None:
    node = edit.existing(owner, WRITE, "owner")
    if node.kind not in OWNERS:
        raise Conflict(f"owner {owner!r} of {node_id!r} is {a(node.kind)}; only a user or a project can own")
    if owner == ANONYMOUS_USER:
        raise Conflict(f"{node_id!r} cannot be owned by {owner!r}: everybody without a token could manage it")
    if node_id == owner or node_id in edit.graph.owners(owner):
        raise Conflict(f"{node_id!r} cannot be owned by {owner!r}, which it owns itself")
    edit.require_shallow(node_id, owner)


def _checked_about(edit: Edit, change: Put, known: str | None) -> str | None:
    """What the node is about from now on."""
    if change.about is UNSET or change.about == known:
        return known
    if change.about is None:
        return None
    target = edit.existing(change.about, READ if change.kind == "log" else MANAGE)
    if change.kind == "log" and target.kind == "log":
        raise Conflict(f"log {change.id!r} cannot be about {target.id!r}, a log itself")
    allowed = _TARGETS.get(change.kind, target.kind)
    if target.kind != allowed:
        about = f"{target.id!r}, {a(target.kind)}"
        raise Conflict(f"{change.kind} {change.id!r} cannot be about {about}: only {a(allowed)}")
    return target.id


def _check_fields(change: Put) -> None:
    if change.name is not None and (len(change.name) > MAX_NAME or "\0" in change.name):
        raise InvalidArgument(f"the name of {change.id!r} must have at most {MAX_NAME} characters, and none U+0000")
    if change.state is not None and change.kind != "container":
        raise InvalidArgument(f"state belongs to containers; {change.id!r} is {a(change.kind)}")
    if change.about not in (UNSET, None) and change.kind not in _SUBJECTS:
        raise InvalidArgument(f"about belongs to {', '.join(sorted(_SUBJECTS))}; {change.id!r} is {a(change.kind)}")
    if change.is_admin is None and change.is_active is None:
        return
    if change.kind != "user":
        raise InvalidArgument(f"is_admin and is_active belong to users; {change.id!r} is {a(change.kind)}")
    refuse_fixed_user(change.id, is_ending=change.is_admin is False or change.is_active is False)
