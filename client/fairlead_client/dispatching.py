"""The dispatcher's mind: given the queue, what it has and the time, what is to be done next.

It is level-triggered: nothing is done because something has happened, but because of how things are, so that no event
can be missed. Each look compares the picture of the queue with the jobs, and gives the actions that are not under way.

| the queue says | the job | then |
|---|---|---|
| Locked or Running by us, priority above 0 | taken | start it: first in the record, then its process |
| priority 0 | not started | give it back |
| priority 0, ended, another's, or not there | its process runs | kill it |
| whatever | its process has ended | report how |
| Locked by us | none, and the picture is fresh | go on with it, or give it back where there is no room |
| Running by us | none, and the picture is fresh | report that it is lost |
| Queued | | take some if there is room |

A job of which the lease is lost, or is about to end unrenewed, is killed whatever the queue says.

No I/O, no clock, no framework.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fairlead_client.jobs import (
    HELD,
    Action,
    Finish,
    Job,
    Kill,
    Launch,
    Phase,
    Refresh,
    Renew,
    Start,
    Take,
    Unlock,
)
from fairlead_client.running import Exit
from fairlead_client.watching import Entry

# A lease is renewed three times before it ends.
RENEWALS = 3
# After what was not heard, or was refused for now: news of the container come sooner.
RETRY_S = 1.0
# What is left of a lease when its process is killed: enough for the signal, and for a busy machine.
MARGIN = 0.2

# A look at everything, though nothing was heard: what we could not have may be had now, and should an event ever be
# missed, it costs so long.
RESYNC_S = 60.0
# The service gives no more at once.
TAKE_LIMIT = 1_000


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
    is_taking: bool = False
    """Some may be ours of which we do not know yet."""
    jobs: dict[str, Job] = field(default_factory=dict)
    _waiting: dict[str, Entry] = field(default_factory=dict)
    _ours: dict[str, Entry] = field(default_factory=dict)
    _done: dict[str, int] = field(default_factory=dict)
    """The versions at which we gave containers back: older news of them are none."""
    _suspects: dict[str, int] = field(default_factory=dict)
    _wants_to_take: bool = True
    _is_renewing: bool = False
    _is_refreshing: bool = False
    _renew_at_s: float = 0.0
    _resync_at_s: float = 0.0

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
            job.entry, job.is_gone, job.again_at_s = entry, False, 0.0

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
        if now_s >= self._resync_at_s:
            self._wants_to_take, self._resync_at_s = True, now_s + RESYNC_S
        found = [action for job in list(self.jobs.values()) if (action := self._of_job(job, now_s)) is not None]
        found += self._of_orphans(now_s)
        if self._is_to_take():
            self._wants_to_take, self.is_taking = False, True
            found.append(Take(min(self.free_slots, TAKE_LIMIT), self.free))
        if self._holds and not self._is_renewing and now_s >= self._renew_at_s:
            self._is_renewing, self._renew_at_s = True, now_s + self.lease_s / RENEWALS
            found.append(Renew(self._holds))
        return found

    def next_s(self, now_s: float) -> float:
        """In how many seconds time alone asks for something."""
        jobs = self.jobs.values()
        due = [job.lease_end_s - self._margin_s for job in jobs if job.phase is Phase.RUNNING and job.killed < 2]
        due += [job.again_at_s for job in jobs if job.again_at_s > now_s]
        if self._holds and not self._is_renewing:
            due.append(self._renew_at_s)
        return max(0.0, min([*due, self._resync_at_s]) - now_s)

    def remaining_s(self, id_: str, now_s: float) -> float:
        """How long a process may run if nothing is renewed: somewhat longer than until it is killed for that."""
        return max(0.0, self.jobs[id_].lease_end_s - self._margin_s / 2 - now_s)

    # ------------------------------------------------------------ what came of it

    def taken(self, entries: Sequence[Entry], asked_s: float, *, more: bool = False) -> None:
        """These are ours, by leases that began when we asked at the earliest; `more`: there may be others for us."""
        self.is_taking = False
        self._wants_to_take |= more or len(entries) == TAKE_LIMIT
        for entry in entries:
            self._waiting.pop(entry.id, None)
            if entry.id not in self.jobs:
                self._add(entry, asked_s + self.lease_s)

    def not_taken(self) -> None:
        """Taking has failed: it is tried again when there is news."""
        self.is_taking = False

    def started(self, id_: str, term: int, version: int) -> None:
        """It is Running in the record, from this version on."""
        job = self._job(id_, term)
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

    def given_back(self, id_: str, term: int, version: int | None = None) -> None:
        """We have it no more; `version` is that of the record then, if that was our word."""
        job = self._job(id_, term)
        if job is None:
            return
        del self.jobs[id_]
        self._ours.pop(id_, None)
        self._wants_to_take = True
        if version is not None and not job.is_gone:
            self._done[id_] = version

    def not_ours(self, id_: str, term: int) -> None:
        """The service says that the lock has ended: what runs of it is killed."""
        job = self._job(id_, term)
        if job is None:
            return
        job.is_asking, job.is_lost = False, True
        if job.phase is not Phase.RUNNING:
            self.given_back(id_, term)

    def again(self, id_: str, term: int, now_s: float) -> None:
        """What was asked of it was refused for the state that it is in: looked at with the next news, or in a while."""
        job = self._job(id_, term)
        if job is not None:
            job.is_asking, job.again_at_s = False, now_s + RETRY_S

    def renewed(self, lost: Collection[str], terms: Mapping[str, int], asked_s: float) -> None:
        """The service has heard that we are there."""
        self._is_renewing = False
        for id_, term in terms.items():
            job = self._job(id_, term)
            if id_ in lost:
                self.not_ours(id_, term)
            elif job is not None:
                job.lease_end_s = max(job.lease_end_s, asked_s + self.lease_s)

    def not_renewed(self, now_s: float) -> None:
        """It was not heard: tried again soon."""
        self._is_renewing, self._renew_at_s = False, now_s + RETRY_S

    def refreshed(self) -> None:
        """The picture is fresh: what is ours in it and in no job is judged."""
        self._is_refreshing = False
        self._suspects = {entry.id: entry.version for entry in self._orphans}

    def not_refreshed(self) -> None:
        """It is tried again."""
        self._is_refreshing = False

    # ------------------------------------------------------------ jobs

    def _of_job(self, job: Job, now_s: float) -> Action | None:
        if job.phase is Phase.RUNNING:
            return self._of_running(job, now_s)
        if job.is_asking or now_s < job.again_at_s:
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

    @property
    def _holds(self) -> dict[str, int]:
        """The terms of what is renewed."""
        return {id_: job.term for id_, job in self.jobs.items() if not job.is_lost}

    def _job(self, id_: str, term: int) -> Job | None:
        """That of this lock: what was asked for an earlier one may be answered late."""
        job = self.jobs.get(id_)
        return job if job is not None and job.term == term else None

    def _add(self, entry: Entry, lease_end_s: float) -> Job:
        news = self._ours.get(entry.id, entry)  # may have been told before the answer that it is ours
        newest = max(entry, news, key=lambda each: each.version)
        job = self.jobs[entry.id] = Job(newest, entry.state["term"], lease_end_s)
        self._suspects.pop(entry.id, None)
        return job

    # ------------------------------------------------------------ what is ours and in no job

    def _of_orphans(self, now_s: float) -> list[Action]:
        """A predecessor's, or of an answer that was lost: judged when the picture is newer than all that we know."""
        if self.is_taking:
            return []
        orphans = self._orphans
        for entry in orphans:
            if self._suspects.get(entry.id) == entry.version:
                is_surplus = not self._has_room_for(entry)
                job = self._add(entry, now_s)  # its lease began nobody knows when
                job.is_surplus = is_surplus
                self._renew_at_s = now_s
                if entry.state["state"] == "Running":
                    job.phase, job.exit = Phase.ENDED, Exit(None, "its dispatcher has lost it")
        if all(entry.id in self.jobs for entry in orphans) or self._is_refreshing:
            return []
        self._is_refreshing = True
        return [Refresh()]

    @property
    def _orphans(self) -> list[Entry]:
        return [entry for id_, entry in self._ours.items() if id_ not in self.jobs]

    def _has_room_for(self, entry: Entry) -> bool:
        free = self.free
        constraints = entry.state["constraints"]
        fits = free is None or all(amount <= free.get(name, 0.0) for name, amount in constraints.items())
        return fits and len(self.jobs) < self.slots

    # ------------------------------------------------------------ taking

    @property
    def free_slots(self) -> int:
        """How many more it may have; what is not judged yet has a place, too."""
        return self.slots - len(self.jobs) - len(self._orphans)

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
        is_open = not (self.is_draining or self.is_stopping or self.is_taking)
        return is_open and self._wants_to_take and bool(self._waiting) and self.free_slots > 0

    @property
    def _margin_s(self) -> float:
        return self.lease_s * MARGIN


def queue_query(name: str) -> list[list[list[Any]]]:
    """What a dispatcher watches, as `any`: what waits, and what it has."""
    return [[["state", "=", "Queued"], ["priority", ">", 0]], [["locked_by.dispatcher", "=", name]]]
