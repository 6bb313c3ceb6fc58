"""Who may see what: the meta API shows a peer only what it may use itself.

What is shown carries questions to the authorizer of which one must be answered with yes: a subscription is seen by who
may subscribe to it, a registration by who may call or register its procedure. An own procedure answers in the turn of
the CALL, and an event is judged in the turn of its delivery, so an authorizer that takes its time hides everything (it
fails closed).
"""

from typing import TYPE_CHECKING

from fairlead_router.authorization import Action
from fairlead_router.questions import Question, Questions
from fairlead_router.uris import Match

if TYPE_CHECKING:
    from fairlead_router.realm import Realm


def any_of(realm: "Realm", actions: tuple[Action, ...], uri: str, match: Match = "exact") -> Questions:
    """The right to do any of these with a topic, procedure or pattern. A pattern is about no object."""
    return tuple(
        Question(action, uri, match, _object_of(realm, action, uri) if match == "exact" else None) for action in actions
    )


def _object_of(realm: "Realm", action: Action, uri: str) -> str | None:
    if action == "subscribe":
        return realm.object_of_topic(action, uri)
    return realm.authorizer.object_of(action, uri)
