"""What is shown to whom, and how much: a peer sees what it may use itself, and no session of a service.

What is shown carries questions to the authorizer of which one must be answered with yes: a subscription is seen by who
may subscribe to it, a registration by who may call or register its procedure. An own procedure answers in the turn of
the CALL, and an event is judged in the turn of its delivery, so an authorizer that takes its time hides everything (it
fails closed).
"""

from typing import TYPE_CHECKING

import msgspec

from fairlead_router.authorization import Action
from fairlead_router.errors import AuthorizationFailed, LimitExceeded, NoSuchSession
from fairlead_router.limits import Limits
from fairlead_router.questions import Question, Questions
from fairlead_router.uris import Match

if TYPE_CHECKING:
    from fairlead_router.realm import Realm
    from fairlead_router.session import Session


def any_of(realm: "Realm", actions: tuple[Action, ...], uri: str, match: Match = "exact") -> Questions:
    """The right to do any of these with a topic, procedure or pattern. A pattern is about no object.

    None of them where the authorizer fails: nobody sees it.
    """
    try:
        objects = [_object_of(realm, action, uri) if match == "exact" else None for action in actions]
    except AuthorizationFailed:
        return ()
    return tuple(Question(action, uri, match, object_id) for action, object_id in zip(actions, objects, strict=True))


def renewed(realm: "Realm", question: Question) -> Question:
    """The same question about the object that its topic or procedure has now. Raises AuthorizationFailed."""
    if question.match != "exact":
        return question
    return msgspec.structs.replace(question, object_id=_object_of(realm, question.action, question.uri))


def find_peer(realm: "Realm", session_id: int) -> "Session":
    """The session of this id, unless it is a service's: those are the router. Raises NoSuchSession."""
    session = realm.session(session_id)
    if session is None or session.is_service:
        raise NoSuchSession(f"the realm has no session {session_id}")
    return session


def listed(ids: list[int], limits: Limits) -> list[int]:
    """The ids, unless they are too many for one answer. Raises LimitExceeded."""
    if len(ids) > limits.listed_ids:
        text = f"{len(ids)} ids are too many for one answer; at most {limits.listed_ids}"
        raise LimitExceeded(text, limit="listed_ids")
    return ids


def _object_of(realm: "Realm", action: Action, uri: str) -> str | None:
    if action == "subscribe":
        return realm.object_of_topic(action, uri)
    return realm.object_of(action, uri)
