"""The levels of a right, as numbers that compare: each includes those below it."""

from typing import Final

from fairlead_router.authorization import Level

NONE: Final = 0
READ: Final = 1
WRITE: Final = 2
MANAGE: Final = 3

NUMBERS: Final[dict[Level, int]] = {"read": READ, "write": WRITE, "manage": MANAGE}
NAMES: Final[dict[int, Level]] = {READ: "read", WRITE: "write", MANAGE: "manage"}
