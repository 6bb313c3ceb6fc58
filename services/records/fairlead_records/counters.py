"""What has happened in the record service since its start, counted where it is known."""

from __future__ import annotations

import msgspec

from fairlead_common.counting import Durations


class RecordCounters(msgspec.Struct):
    """What has happened since the start."""

    groups: int = 0
    """Durable writes: what is asked while one is under way goes with the next."""

    changes: int = 0
    """Of records, new and deleted ones included."""

    commits: Durations = msgspec.field(default_factory=Durations)
    """From handing a group to the store until it was durable, when its requests are answered."""

    writes_failed: int = 0
    """Groups that the store did not take; all that was asked with one is refused as `store_failed`."""

    refused: dict[str, int] = {}
    """What was refused, by the last part of the error's URI."""

    def copy(self) -> RecordCounters:
        """As they are now."""
        commits = Durations(list(self.commits.counts), self.commits.total_s)
        return msgspec.structs.replace(self, commits=commits, refused=dict(self.refused))

    def add_group(self, changes: int, duration_s: float) -> None:
        """A group is durable."""
        self.groups += 1
        self.changes += changes
        self.commits.add(duration_s)
