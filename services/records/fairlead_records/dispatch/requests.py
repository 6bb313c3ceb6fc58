"""Requests: who wants a container, and what becomes of both when one of them changes, in the same draft.

A container's priority is the highest of its requests that are committed, above 0 and not in the trash: a request's own,
or that of the container that has asked for it. The end of a container ends its requests, or gives them another
container where they have attempts left; it takes the priority from what it has asked for.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from itertools import islice
from typing import Final

from msgspec.structs import replace

from fairlead_records.dispatch.containers import Containers
from fairlead_records.dispatch.links import Links
from fairlead_records.dispatch.state import (
    CONTAINER,
    REQUEST,
    Container,
    ContainerRequest,
    Spec,
    builtins,
    container_of,
    put_state,
    request_of,
)
from fairlead_records.model.draft import Draft
from fairlead_records.model.record import Record
from fairlead_router import LimitExceeded

REQUESTS_LIMIT: Final = 10_000
"""Committed requests for one container, and such that it has asked for: all follow its end in one transaction."""

REUSED_FIRST: Final = ("Complete", "Running", "Locked", "Queued")

LOOKED_AT_LIMIT: Final = 1_000
"""Of the containers that run the same, the latest: among these one to reuse is looked for."""

ID_BYTES: Final = 6
"""Random ones, of an id that nobody has chosen."""


class Requests:
    """The steps of requests, and what follows those of containers."""

    def __init__(self, links: Links, is_hidden: Callable[[str], bool]) -> None:
        self._links = links
        self._is_hidden = is_hidden
        self._following: list[Record] = []
        self.containers = Containers(self._followed)

    def create(self, draft: Draft, id_: str, owner: str, object_id: str, request: ContainerRequest) -> Record:
        """A request for a container that is there; its priority follows."""
        for near in filter(None, (request.container, request.parent)):
            if self._links.most(near, draft) >= REQUESTS_LIMIT:
                raise LimitExceeded(
                    f"container '{near}' has {REQUESTS_LIMIT} requests already", limit="requests_of_container"
                )
        record = draft.put(id_, kind=REQUEST, owner=owner, object_id=object_id, state=builtins(request))
        container = draft.get(request.container)
        if container is not None and container_of(container).is_final:
            self._finish(draft, record, container_of(container))
        else:
            self._settle(draft, request.container)
        return record

    def set_priority(self, draft: Draft, record: Record, priority: int) -> Record:
        """What it gives its container; 0: it does not want it any more."""
        request = request_of(record)
        if request.is_final or request.priority == priority:
            return record
        after = put_state(draft, record, replace(request, priority=priority))
        self._settle(draft, request.container)
        return after

    def are_for(self, draft: Draft, record: Record) -> bool:
        """Whether a container has requests: then its priority is theirs."""
        return any(True for _ in self._links.wanting(record.id, draft))

    def moved(self, draft: Draft, record: Record) -> None:
        """It is in the trash, or not any more."""
        self._settle(draft, request_of(record).container)

    def reusable(
        self, draft: Draft, container: Container, parent: str | None, may_read: Callable[[Record], bool]
    ) -> Record | None:
        """A container that runs or has completed the same, that the caller may read; none that has led to this one."""
        above = self._ancestors(draft, parent)
        found = [
            record
            for record in islice(self._links.alike(container, draft), LOOKED_AT_LIMIT)
            if record.id not in above and _is_reusable(container_of(record)) and may_read(record)
        ]
        return min(found, key=lambda record: REUSED_FIRST.index(container_of(record).state), default=None)

    def _ancestors(self, draft: Draft, container_id: str | None) -> set[str]:
        """The containers that have asked for one, for what has asked for it, and so on: none waits for itself."""
        found: set[str] = set()
        waiting = [] if container_id is None else [container_id]
        while waiting:
            id_ = waiting.pop()
            if id_ not in found:
                found.add(id_)
                parents = (request_of(request).parent for request in self._links.wanting(id_, draft))
                waiting += [parent for parent in parents if parent is not None]
        return found

    # ---- what follows

    def _followed(self, draft: Draft, record: Record) -> None:
        """A container has changed, and others may with it: one after the other, however deep it goes."""
        self._following.append(record)
        if len(self._following) > 1:
            return
        try:
            for each in self._following:  # it grows meanwhile
                self._follow(draft, each)
        finally:
            self._following.clear()

    def _follow(self, draft: Draft, record: Record) -> None:
        """What it has asked for has another priority, or an end; what wants it has the end, or another container."""
        container = container_of(record)
        if container.is_final:
            for request in list(self._links.wanting(record.id, draft)):
                self._ended(draft, request, container)
        elif container.state == "Queued":
            self._settle(draft, record.id)  # who wanted it has gone while it was held
        for request in list(self._links.asked_by(record.id, draft)):
            if container.is_final:
                self.set_priority(draft, request, 0)
            else:
                self._settle(draft, request_of(request).container)

    def _settle(self, draft: Draft, container_id: str) -> None:
        """Give a container the priority that its requests want."""
        record = draft.get(container_id)
        if record is None or record.kind != CONTAINER or container_of(record).is_final:
            return
        wanting = list(self._links.wanting(container_id, draft))
        if not wanting:
            return
        priority = max((self._priority(draft, request) for request in wanting), default=0)
        if priority == 0 and container_of(record).state == "Queued":
            self.containers.cancel(draft, record, "fairlead", "nobody wants it any more")
        else:
            self.containers.set_priority(draft, record, priority)

    def _priority(self, draft: Draft, record: Record) -> int:
        request = request_of(record)
        if request.is_final or request.priority <= 0 or self._is_hidden(record.object_id):
            return 0
        if request.parent is None:
            return request.priority
        parent = draft.get(request.parent)
        return 0 if parent is None or container_of(parent).is_final else container_of(parent).priority

    def _ended(self, draft: Draft, record: Record, container: Container) -> None:
        """Its container has ended: the request too, or it gets another one."""
        request = request_of(record)
        wants_another = (
            container.state == "Cancelled"
            and container.cancel is None
            and request.container_count < request.attempts
            and self._priority(draft, record) > 0
        )
        if wants_another:
            self._retry(draft, record, container)
        else:
            self._finish(draft, record, container)

    def _retry(self, draft: Draft, record: Record, container: Container) -> None:
        request = request_of(record)
        number = request.container_count + 1
        again = f"{record.id}-{number}"
        if draft.get(again) is not None:  # somebody has taken the id
            again = random_id()
        fresh = new_container(container.spec, self._priority(draft, record), record.id, attempt=number)
        mark = draft.mark()
        try:
            self.containers.create(draft, again, record.owner, record.object_id, fresh)
            put_state(draft, record, replace(request, container=again, container_count=number))
        except LimitExceeded:  # there is no room for another one; what has ended has ended
            draft.rollback(mark)
            self._finish(draft, record, container)

    def _finish(self, draft: Draft, record: Record, container: Container) -> None:
        end = {"state": "Final", "exit_code": container.exit_code, "reason": container.reason}
        put_state(draft, record, replace(request_of(record), **end))


def random_id() -> str:
    """Of a container or a request that nobody has named."""
    return f"c-{secrets.token_hex(ID_BYTES)}"


def new_container(spec: Spec, priority: int, request: str | None = None, *, attempt: int = 1) -> Container:
    """One that waits."""
    return Container(
        priority=priority,
        command=spec.command,
        name=spec.name,
        cwd=spec.cwd,
        environment=spec.environment,
        constraints=spec.constraints,
        request=request,
        attempt=attempt,
    )


def _is_reusable(container: Container) -> bool:
    if container.state == "Complete":
        return container.exit_code == 0
    # One without requests is its maker's alone: the priority of others, and their cancelling, must not touch it.
    is_wanted = container.request is not None and container.priority > 0
    return not container.is_final and container.cancel is None and is_wanted
