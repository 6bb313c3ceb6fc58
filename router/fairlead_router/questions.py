"""What the authorizer is asked about a request."""

from typing import NamedTuple

from fairlead_router.authorization import Action
from fairlead_router.uris import Match


class Question(NamedTuple):
    """May this principal do this?"""

    action: Action
    uri: str
    match: Match
    object_id: str | None


Questions = tuple[Question, ...]
"""Several of which one yes is enough."""
