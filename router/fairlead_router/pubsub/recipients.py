"""Who of a publication's subscribers may have it: black- and whitelists, publisher exclusion.

Spec: Advanced Profile, Subscriber Black- and Whitelisting; Publisher Exclusion. What comes out is a test of a
session that holds no session itself, so that an event may be kept with it and judged later.
"""

from collections.abc import Callable, Collection

import msgspec
from msgspec.structs import astuple

from fairlead_router.errors import LimitExceeded
from fairlead_router.messages import PublishOptions
from fairlead_router.session import Session

_ENTRY_BYTES = 64
"""What an entry of a list takes beside its characters."""

IsEligible = Callable[[Session], bool]


class Lists(msgspec.Struct, frozen=True):
    """The lists of a publication. One that is absent is None; an empty list of the eligible lets nobody have it."""

    exclude: list[int] | None = None
    exclude_authid: list[str] | None = None
    exclude_authrole: list[str] | None = None
    eligible: list[int] | None = None
    eligible_authid: list[str] | None = None
    eligible_authrole: list[str] | None = None

    @classmethod
    def of(cls, options: PublishOptions) -> "Lists":
        """Those of PUBLISH.Options."""
        return cls(*(getattr(options, name) for name in cls.__struct_fields__))

    @property
    def name_sessions(self) -> bool:
        """Whether they say anything about sessions, which nothing stands for once those have ended."""
        return self.exclude is not None or self.eligible is not None

    @property
    def size(self) -> int:
        """Bytes that they take, roughly."""
        entries = [entry for listed in astuple(self) for entry in listed or ()]
        return sum(_ENTRY_BYTES + (len(entry) if isinstance(entry, str) else 0) for entry in entries)

    def check(self, limit: int) -> None:
        """Raise LimitExceeded if one of them has more than `limit` entries."""
        longest = max(len(listed or ()) for listed in astuple(self))
        if longest > limit:
            text = f"a list of PUBLISH has {longest} receivers; at most {limit} are allowed"
            raise LimitExceeded(text, limit="listed_receivers")


NO_LISTS = Lists()
"""What almost every publication has."""


def has_lists(options: PublishOptions) -> bool:
    """Whether the publisher gave any list. Written out, for it is asked for each publication."""
    return not (
        options.exclude is None
        and options.exclude_authid is None
        and options.exclude_authrole is None
        and options.eligible is None
        and options.eligible_authid is None
        and options.eligible_authrole is None
    )


def eligibility(lists: Lists, excluded: int | None = None) -> IsEligible | None:
    """Who may have a publication with these lists, None when everybody; `excluded` is a session that may not."""
    if lists is NO_LISTS and excluded is None:
        return None
    tests = [] if lists is NO_LISTS else _tests_of(lists)
    if excluded is not None:
        tests.append(lambda session: session.id != excluded)
    if len(tests) > 1:
        return lambda session: all(test(session) for test in tests)
    return tests[0] if tests else None


def _tests_of(lists: Lists) -> list[IsEligible]:
    black = (lists.exclude, _session_id), (lists.exclude_authid, _authid), (lists.exclude_authrole, _authrole)
    white = (lists.eligible, _session_id), (lists.eligible_authid, _authid), (lists.eligible_authrole, _authrole)
    return [_is_not_in(frozenset(listed), key) for listed, key in black if listed] + [
        _is_in(frozenset(listed), key) for listed, key in white if listed is not None
    ]


def _is_in(listed: Collection[object], key: Callable[[Session], object]) -> IsEligible:
    return lambda session: key(session) in listed


def _is_not_in(listed: Collection[object], key: Callable[[Session], object]) -> IsEligible:
    return lambda session: key(session) not in listed


def _session_id(session: Session) -> object:
    return session.id


def _authid(session: Session) -> object:
    return session.principal.authid


def _authrole(session: Session) -> object:
    return session.principal.authrole
