"""What the authorizer is asked about a request."""

import msgspec

from fairlead_router.authorization import Action
from fairlead_router.uris import Match


class Question(msgspec.Struct, frozen=True, gc=False):
    """May this principal do this? One is made for each request: a Struct takes 0.03 us, a NamedTuple 0.16."""

    action: Action
    uri: str
    match: Match
    object_id: str | None


Questions = tuple[Question, ...]
"""Several of which one yes is enough."""
