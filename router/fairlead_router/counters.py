"""What has happened since the start, counted where it happens: an observer reads it, nothing is called per message."""

import msgspec


class RealmCounters(msgspec.Struct):
    """What has happened in a realm since its start."""

    sessions_opened: int = 0
    sessions_too_slow: int = 0
    subscriptions_revoked: int = 0
    refused_publications: int = 0
