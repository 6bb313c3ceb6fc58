"""What an import could not take as it was: how many of each kind, and the first of them.

A problem is never an exception: Arvados' data is what it is. What cannot be placed gives no right to anybody but
administrators.
"""

from enum import Enum

SHOWN_EXAMPLES = 5
"""Of each kind: enough to see what is going on."""


class Problem(Enum):
    """What can be wrong; the value is what the user reads."""

    UNREADABLE = "records that cannot be read: left out"
    ODD_UUID = "UUIDs that are none, or not of the list's type: left out"
    FOREIGN = "records of other clusters: left out; import these clusters too"
    NO_CLASS = "groups that are neither project, role nor filter: left out"
    OWNED_USER = "users and roles whose owner is not the system user: the owner gets no right on them"
    NO_OWNER = "owners that do not exist or cannot own: only administrators reach what they own"
    CYCLE = "projects that own themselves by a cycle: only administrators reach them"
    ODD_NAME = "names that are too long or hold U+0000: cut"
    ODD_TIME = "trash times that cannot be read: the object is in the trash"
    NO_CONTAINER = "container requests whose container does not exist: nobody reads a container by them"
    NO_SUBJECT = "log rows about what does not exist: left out"
    ODD_LINK = "permission links of an unknown name: they give nothing"
    NO_TAIL = "permission links from what does not exist: they give nothing"
    NO_HEAD = "permission links to what does not exist or takes none: they give nothing"
    BAD_TAIL = "permission links from neither a user nor a role: they give nothing"
    DUPLICATE = "permission links beside another of the same pair: the highest level counts"
    CHANGED_CLASS = "objects that became something of another kind: only administrators reach them"
    CUT_EVENT = "events without the whole record: not taken; only a list can tell"
    KEPT = "things that are gone, but own what is not Arvados': kept, for administrators only"


class Report:
    """Problems found so far."""

    def __init__(self) -> None:
        self.counts: dict[Problem, int] = {}
        self.examples: dict[Problem, list[str]] = {}

    def add(self, problem: Problem, example: str) -> None:
        """One more; the example is an UUID, or what helps to find it."""
        self.counts[problem] = self.counts.get(problem, 0) + 1
        shown = self.examples.setdefault(problem, [])
        if len(shown) < SHOWN_EXAMPLES:
            shown.append(example)

    def lines(self) -> list[str]:
        """One for each kind of problem."""
        return [
            f"{count} {problem.value} ({', '.join(self.examples[problem])}{', ...' if count > SHOWN_EXAMPLES else ''})"
            for problem, count in self.counts.items()
        ]

    def facts(self) -> dict[str, dict[str, object]]:
        """The same as JSON: by the problem's name in small letters."""
        return {
            problem.name.lower(): {"count": count, "examples": self.examples[problem]}
            for problem, count in self.counts.items()
        }
