"""What a peer is told beside WAMP's own errors.

| error | what the client should do |
|---|---|
| `fairlead.error.issuer_unavailable` | nothing is wrong with its token: try again after a pause |
"""

from fairlead_router.errors import SessionError


class IssuerUnavailable(SessionError):
    """The key of a token is not known, and its issuer could not be asked for it."""

    uri = "fairlead.error.issuer_unavailable"
