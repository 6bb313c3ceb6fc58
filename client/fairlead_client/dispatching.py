"""The dispatcher's mind: given the queue, what it has and the time, what is to be done next.

It is level-triggered: nothing is done because something has happened, but because of how things are, so that no event
can be missed. Each look compares the picture of the queue with the jobs, and gives the actions that are not under way.

| the queue says | the job | then |
|---|---|---|
| Locked or Running by us, priority above 0 | taken | start it: first in the record, then its process |
| priority 0 | not started | give it back |
| priority 0, ended, another's, or not there | its process runs | kill it |
| whatever | its process has ended | report how |
| Locked by us | none, and the picture is fresh | go on with it |
| Running by us | none, and the picture is fresh | report that it is lost |
| Queued | | take some if there is room |

A job of which the lease is lost, or is about to end unrenewed, is killed whatever the queue says.

No I/O, no clock, no framework.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, NamedTuple, TypeAlias

from fairlead_client.running import Exit
from fairlead_client.watching import Entry

# A lease is renewed three times before it ends.
RENEWALS = 3
# After a renewal that was not heard.
RETRY_S = 1.0
# What is left of a lease when its process is killed: enough for the signal, and for a busy machine.
MARGIN = 0.2


HELD = ("Locked", "Running")


class Take(NamedTuple):
    """Ask for so many containers, that fit into what is free."""

    number: int
    free: dict[str, float] | None


class Start(NamedTuple):
    """Say that its process is about to run."""

    id: str
    term: int


class Launch(NamedTuple):
    """Run its process."""

    entry: Entry
    term: int


class Kill(NamedTuple):
    """End its process; `is_urgent`: its lease ends."""

    id: str
    is_urgent: bool


class Unlock(NamedTuple):
    """Give it back."""

    id: str
    term: int


class Finish(NamedTuple):
    """Report how it ended."""

    id: str
    term: int
    exit: Exit
    is_cancelled: bool


class Renew(NamedTuple):
    """Say that we are there."""

    terms: dict[str, int]


class Refresh(NamedTuple):
    """Have the picture made fresh: something in it is judged only then."""


Action: TypeAlias = Take | Start | Launch | Kill | Unlock | Finish | Renew | Refresh


class Phase(Enum):
    """Where a job is."""

    TAKEN = auto()
    """Locked for us; its start is to be recorded."""
    STARTED = auto()
    """Running in the record; its process is to run."""
    RUNNING = auto()
    ENDED = auto()
    """Its process has ended; that is to be reported."""


@dataclass
class Job:
    """A container that we have."""

    entry: Entry
    """As the queue has told it last, or as we got it; older news are none."""
    term: int
    lease_end_s: float
    phase: Phase = Phase.TAKEN
    is_asking: bool = False
    """An action of it is under way."""
    is_gone: bool = False
    """The queue does not have it any more."""
    is_lost: bool = False
    """The service says that it is not ours."""
    is_cancelled: bool = False
    """We have ended it because the queue said so."""
    killed: int = 0
    """0: not, 1: kindly, 2: urgently."""
    exit: Exit | None = None

    @property
    def is_wanted(self) -> bool:
        """Whether the queue wants it to go on."""
        state = self.entry.state
        is_ours = state["state"] in HELD and state["term"] == self.term
        return bool(is_ours and state["priority"] > 0 and not self.is_gone and not self.is_lost)


@dataclass
class Mind:
    """One dispatcher's. `name` is unique among the dispatchers of its user; times are seconds of one steady clock."""

    name: str
    slots: int
    resources: Mapping[str, float] | None = None
    lease_s: float = 30.0
    is_draining: bool = False
    """It takes no more."""
    is_stopping: bool = False
    """It takes no more and ends what it has."""
    jobs: dict[str, Job] = field(default_factory=dict)
    _waiting: dict[str, Entry] = field(default_factory=dict)
    _ours: dict[str, Entry] = field(default_factory=dict)
    _done: dict[str, int] = field(default_factory=dict)
    """The versions at which we gave containers back: older news of them are none."""
    _suspects: dict[str, int] = field(default_factory=dict)
    _wants_to_take: bool = True
    _is_taking: bool = False
    _is_renewing: bool = False
    _is_refreshing: bool = False
    _renew_at_s: float = 0.0

    # ------------------------------------------------------------ the queue, as it is told

    def seen(self, entry: Entry) -> None:
        """A container waits, or is ours, or both are over."""
        id_, state = entry.id, entry.state
        if state["state"] == "Queued" and state["priority"] > 0:
            self._waiting[id_] = entry
            self._wants_to_take = True
        else:
            self._waiting.pop(id_, None)
        holder = (state.get("locked_by") or {}).get("dispatcher")
        if holder == self.name and state["state"] in HELD and entry.version > self._done.get(id_, 0):
            self._ours[id_] = entry
        else:
            self._ours.pop(id_, None)
        job = self.jobs.get(id_)
        if job is not None and entry.version >= job.entry.version:
            job.entry, job.is_gone = entry, False

    def gone(self, id_: str) -> None:
        """It is none of ours, and waits for nobody; or it is hidden from us."""
        self._waiting.pop(id_, None)
        self._ours.pop(id_, None)
        if id_ in self.jobs:
            self.jobs[id_].is_gone = True
        else:
            self._done.pop(id_, None)

    # ------------------------------------------------------------ what to do

    def actions(self, now_s: float) -> list[Action]:
        """What is to be done, as things are."""
        found = [action for job in list(self.jobs.values()) if (action := self._of_job(job, now_s)) is not None]
        found += self._of_orphans(now_s)
        if self._is_to_take():
            self._wants_to_take, self._is_taking = False, True
            found.append(Take(self.free_slots, self.free))
        held = {id_: job.term for id_, job in self.jobs.items() if not job.is_lost}
        if held and not self._is_renewing and now_s >= self._renew_at_s:
            self._is_renewing, self._renew_at_s = True, now_s + self.lease_s / RENEWALS
            found.append(Renew(held))
        return found

    def next_s(self, now_s: float) -> float | None:
        """In how many seconds time alone asks for something; None: never."""
        if not self.jobs:
            return None
        due = [job.lease_end_s - self._margin_s for job in self.jobs.values() if job.killed < 2]
        return max(0.0, min([*due, self._renew_at_s]) - now_s)

    def remaining_s(self, id_: str, now_s: float) -> float:
        """How long a process may run if nothing is renewed: somewhat longer than until it is killed for that."""
        return max(0.0, self.jobs[id_].lease_end_s - self._margin_s / 2 - now_s)

    # ------------------------------------------------------------ what came of it

    def taken(self, entries: Iterable[Entry], asked_s: float) -> None:
        """These are ours, by leases that began when we asked at the earliest."""
        self._is_taking = False
        for entry in entries:
            self._waiting.pop(entry.id, None)
            if entry.id not in self.jobs:
                self._add(entry, asked_s + self.lease_s)

    def not_taken(self) -> None:
        """Taking has failed: it is tried again when there is news."""
        self._is_taking = False

    def started(self, id_: str, version: int) -> None:
        """It is Running in the record, from this version on."""
        job = self.jobs.get(id_)
        if job is not None:
            job.is_asking, job.phase = False, Phase.STARTED
            if job.entry.version < version:
                job.entry = job.entry._replace(version=version)

    def launched(self, id_: str) -> None:
        """Its process runs."""
        self.jobs[id_].phase = Phase.RUNNING

    def ended(self, id_: str, exit_: Exit) -> None:
        """Its process has ended."""
        job = self.jobs.get(id_)
        if job is not None:
            job.phase, job.exit, job.is_asking = Phase.ENDED, exit_, False

    def given_back(self, id_: str, version: int | None = None) -> None:
        """We have it no more; `version` is that of the record then, if that was our word."""
        job = self.jobs.pop(id_, None)
        self._ours.pop(id_, None)
        self._wants_to_take = True
        if version is not None and not (job is not None and job.is_gone):
            self._done[id_] = version

    def not_ours(self, id_: str) -> None:
        """The service says that the lock has ended: what runs of it is killed."""
        job = self.jobs.get(id_)
        if job is None:
            return
        job.is_asking, job.is_lost = False, True
        if job.phase is not Phase.RUNNING:
            self.given_back(id_)

    def again(self, id_: str) -> None:
        """What was asked of it was refused for the state that it is in, or has failed for now: look again."""
        job = self.jobs.get(id_)
        if job is not None:
            job.is_asking = False

    def renewed(self, lost: Collection[str], terms: Mapping[str, int], asked_s: float) -> None:
        """The service has heard that we are there."""
        self._is_renewing = False
        for id_, term in terms.items():
            job = self.jobs.get(id_)
            if job is not None and job.term == term:
                if id_ in lost:
                    self.not_ours(id_)
                else:
                    job.lease_end_s = max(job.lease_end_s, asked_s + self.lease_s)

    def not_renewed(self, now_s: float) -> None:
        """It was not heard: tried again soon."""
        self._is_renewing, self._renew_at_s = False, now_s + RETRY_S

    def refreshed(self) -> None:
        """The picture is fresh: what is ours in it and in no job is judged."""
        self._is_refreshing = False
        self._suspects = {id_: entry.version for id_, entry in self._ours.items() if id_ not in self.jobs}

    def not_refreshed(self) -> None:
        """It is tried again."""
        self._is_refreshing = False

    # ------------------------------------------------------------ jobs

    def _of_job(self, job: Job, now_s: float) -> Action | None:
        if job.phase is Phase.RUNNING:
            return self._of_running(job, now_s)
        if job.is_asking:
            return None
        if job.phase is Phase.ENDED:
            assert job.exit is not None
            job.is_asking = True
            is_cancelled = job.is_cancelled or job.exit.exit_code is None
            return Finish(job.entry.id, job.term, job.exit, is_cancelled)
        if not job.is_wanted or self.is_stopping:
            job.is_asking = True
            if job.phase is Phase.TAKEN:
                return Unlock(job.entry.id, job.term)
            return Finish(job.entry.id, job.term, Exit(None, "it was ended before it ran"), is_cancelled=True)
        if now_s >= job.lease_end_s - self._margin_s:
            return None  # nothing begins by a lease that is about to end: it is renewed first
        if job.phase is Phase.STARTED:
            return Launch(job.entry, job.term)
        job.is_asking = True
        return Start(job.entry.id, job.term)

    def _of_running(self, job: Job, now_s: float) -> Action | None:
        if (job.is_lost or now_s >= job.lease_end_s - self._margin_s) and job.killed < 2:
            job.killed, job.is_cancelled = 2, True
            return Kill(job.entry.id, is_urgent=True)
        if job.killed or (job.is_wanted and not self.is_stopping):
            return None
        job.killed, job.is_cancelled = 1, True
        return Kill(job.entry.id, is_urgent=False)

    def _add(self, entry: Entry, lease_end_s: float) -> Job:
        job = self.jobs[entry.id] = Job(entry, entry.state["term"], lease_end_s)
        self._suspects.pop(entry.id, None)
        return job

    # ------------------------------------------------------------ what is ours and in no job

    def _of_orphans(self, now_s: float) -> list[Action]:
        """A predecessor's, or of an answer that was lost: judged when the picture is newer than all that we know."""
        if self._is_taking:
            return []
        orphans = [entry for id_, entry in self._ours.items() if id_ not in self.jobs]
        for entry in orphans:
            if self._suspects.get(entry.id) == entry.version:
                job = self._add(entry, now_s)  # its lease began nobody knows when
                self._renew_at_s = now_s
                if entry.state["state"] == "Running":
                    job.phase, job.exit = Phase.ENDED, Exit(None, "its dispatcher has lost it")
        if all(entry.id in self.jobs for entry in orphans) or self._is_refreshing:
            return []
        self._is_refreshing = True
        return [Refresh()]

    # ------------------------------------------------------------ taking

    @property
    def free_slots(self) -> int:
        """How many more it may have."""
        return self.slots - len(self.jobs)

    @property
    def free(self) -> dict[str, float] | None:
        """What is left of the resources; None: they are not counted."""
        if self.resources is None:
            return None
        free = dict(self.resources)
        for job in self.jobs.values():
            for name, amount in job.entry.state["constraints"].items():
                free[name] = max(0.0, free.get(name, 0.0) - amount)
        return free

    def _is_to_take(self) -> bool:
        is_open = not (self.is_draining or self.is_stopping or self._is_taking)
        return is_open and self._wants_to_take and bool(self._waiting) and self.free_slots > 0

    @property
    def _margin_s(self) -> float:
        return self.lease_s * MARGIN


def queue_query(name: str) -> list[list[list[Any]]]:
    """What a dispatcher watches, as `any`: what waits, and what it has."""
    return [[["state", "=", "Queued"], ["priority", ">", 0]], [["locked_by.dispatcher", "=", name]]]
