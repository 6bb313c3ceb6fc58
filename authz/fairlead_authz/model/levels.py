"""The levels of a right, as numbers that compare: each includes those below it."""

from typing import Final, Literal

from fairlead_router.authorization import Level

LinkLevel = Literal["read", "write", "manage", "login"]
"""What a link can give."""

NONE: Final = 0
READ: Final = 1
WRITE: Final = 2
MANAGE: Final = 3

LOGIN: Final = 4
"""A flag beside the level of a link: its tail may log in to the head (Arvados' can_login), which reads it too."""

NUMBERS: Final[dict[Level, int]] = {"read": READ, "write": WRITE, "manage": MANAGE}
NAMES: Final[dict[int, Level]] = {READ: "read", WRITE: "write", MANAGE: "manage"}

GRANTS: Final[dict[LinkLevel, int]] = {"read": READ, "write": WRITE, "manage": MANAGE, "login": LOGIN}


def split_grant(granted: int) -> tuple[int, int]:
    """What one link grants, as its level and the login, each of them 0 if it is not granted."""
    return granted & ~LOGIN, granted & LOGIN


def merged_grant(granted: int, other: int) -> int:
    """What two links grant together: the higher level, and the login of either."""
    return max(granted & ~LOGIN, other & ~LOGIN) | (granted | other) & LOGIN


def level_of(granted: int) -> int:
    """The level that a link gives: the login gives read.

    >>> level_of(LOGIN), level_of(LOGIN | WRITE)
    (1, 2)
    """
    level, login = split_grant(granted)
    return level or (READ if login else NONE)


def granted_names(granted: int) -> list[LinkLevel]:
    """What a link grants, for people.

    >>> granted_names(LOGIN | WRITE)
    ['write', 'login']
    """
    level, login = split_grant(granted)
    return [name for name, number in GRANTS.items() if number in (level, login) and number]
