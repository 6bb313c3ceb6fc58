"""What those do who want something run: `create`, `request`, `cancel`, `set_priority`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from fairlead_common.ids import check_id
from fairlead_common.outcomes import Result, tell_call
from fairlead_records.dispatch.arguments import (
    SPEC_LIMIT_BYTES,
    CancelArguments,
    CreateArguments,
    PriorityArguments,
    RequestArguments,
    check_size,
)
from fairlead_records.dispatch.errors import WrongState
from fairlead_records.dispatch.requests import Requests, new_container, random_id
from fairlead_records.dispatch.state import CONTAINER, REQUEST, ContainerRequest, Spec, container_of, request_of
from fairlead_records.errors import VersionConflict
from fairlead_records.live.ledger import Ledger, Request
from fairlead_records.model.draft import Draft
from fairlead_records.model.record import Record
from fairlead_records.permissions import NewObject
from fairlead_records.procedures.access import not_authorized, own_id, require
from fairlead_router import PENDING, Call, InvalidArgument


class Asking:
    """The procedures of who wants something run."""

    def __init__(self, ledger: Ledger, requests: Requests, new_object: NewObject | None) -> None:
        self._ledger = ledger
        self._requests = requests
        self._new_object = new_object

    async def create(self, call: Call) -> Any:
        """`fairlead.container.create`: a container, which waits for a dispatcher."""
        asked = call.arguments(CreateArguments)
        id_, object_id = await self._place(call, asked)

        def apply(draft: Draft) -> Result:
            _check_new(call, draft, id_, object_id)
            container = new_container(_spec(asked), asked.priority)
            owner = asked.project or own_id(call)
            record = self._requests.containers.create(draft, id_, owner, object_id, container)
            return {"id": record.id, "version": record.version, "state": "Queued"}

        return self._ask(call, apply, asked.key)

    async def request(self, call: Call) -> Any:
        """`fairlead.container.request`: a container, or one that runs the same; others when it fails."""
        asked = call.arguments(RequestArguments)
        id_, object_id = await self._place(call, asked)
        parent = None if asked.parent is None else check_id("parent", asked.parent)

        def apply(draft: Draft) -> Result:
            _check_new(call, draft, id_, object_id)
            if parent is not None:
                _check_parent(call, draft, parent)
            owner = asked.project or own_id(call)
            container = self._container(call, draft, id_, owner, object_id, asked)
            request = ContainerRequest(
                priority=asked.priority, container=container.id, attempts=asked.attempts, parent=parent, name=asked.name
            )
            self._requests.create(draft, id_, owner, object_id, request)
            after = draft.get(container.id)
            assert after is not None
            return {"request": id_, "container": after.id, "state": container_of(after).state}

        return self._ask(call, apply, asked.key)

    def cancel(self, call: Call) -> Any:
        """`fairlead.container.cancel`: a container is to end; of a request: it does not want its container any more."""
        asked = call.arguments(CancelArguments)

        def apply(draft: Draft) -> Result:
            record = self._found(call, draft, asked.id)
            if record.kind == REQUEST:
                return _answer(self._requests.set_priority(draft, record, 0))
            by = call.caller.principal.authid
            return _answer(self._requests.containers.cancel(draft, record, by, asked.reason))

        return self._ask(call, apply)

    def set_priority(self, call: Call) -> Any:
        """`fairlead.container.set_priority`: of a container without requests, or of a request."""
        asked = call.arguments(PriorityArguments)

        def apply(draft: Draft) -> Result:
            record = self._found(call, draft, asked.id)
            if record.kind == REQUEST:
                return _answer(self._requests.set_priority(draft, record, asked.priority))
            self._check_priority_is_its_own(draft, record)
            return _answer(self._requests.containers.set_priority(draft, record, asked.priority))

        return self._ask(call, apply)

    def _check_priority_is_its_own(self, draft: Draft, record: Record) -> None:
        container = container_of(record)
        if container.is_final or container.cancel is not None:
            text = f"container '{record.id}' is {container.state if container.is_final else 'cancelled'}"
        elif self._requests.are_for(draft, record):
            text = f"container '{record.id}' has the priority of its requests: set theirs"
        else:
            return
        raise WrongState(text, id=record.id, state=container.state, priority=container.priority)

    def _found(self, call: Call, draft: Draft, id_: str) -> Record:
        record = require(call, "write", id_, draft.get(check_id("id", id_)))
        if record.kind not in (CONTAINER, REQUEST):
            raise InvalidArgument(f"record '{id_}' is of kind '{record.kind}', not a container or a request for one")
        return record

    def _container(
        self, call: Call, draft: Draft, id_: str, owner: str, object_id: str, asked: RequestArguments
    ) -> Record:
        """The one that a request gets first."""
        fresh = new_container(_spec(asked), asked.priority, id_)
        if asked.reuse:
            may_read = partial(_may_read, call)
            found = self._requests.reusable(draft, fresh, asked.parent, may_read)
            if found is not None:
                return found
        first = check_id("id of the container", f"{id_}-1")
        _check_new(call, draft, first, object_id)
        return self._requests.containers.create(draft, first, owner, object_id, fresh)

    async def _place(self, call: Call, asked: CreateArguments) -> tuple[str, str]:
        """The id and the object of what is new; an object that is not there is made."""
        chosen = random_id() if asked.id is None else check_id("id", asked.id)
        project = None if asked.project is None else check_id("project", asked.project)
        object_id = chosen if asked.object is None else check_id("object", asked.object)
        if self._new_object is not None and self._ledger.table.get(chosen) is None:
            await self._new_object(call.caller.principal, object_id, project)
        return chosen, object_id

    def _ask(self, call: Call, apply: Callable[[Draft], Result], key: str | None = None) -> Any:
        whose = None if key is None else (own_id(call), key)
        request = Request(apply, partial(tell_call, call), call.payload.size, whose, call.caller.session_id)
        self._ledger.submit(request)
        return PENDING


def _check_new(call: Call, draft: Draft, id_: str, object_id: str) -> None:
    """Raises NotAuthorized, VersionConflict, LimitExceeded."""
    there = draft.get(id_)
    judged = object_id if there is None else there.object_id
    if not call.caller.can("write", judged):
        raise not_authorized(call, "write", id_)
    if there is not None:
        raise VersionConflict(f"there is a record '{id_}' already", id=id_, version=there.version)


def _check_parent(call: Call, draft: Draft, parent: str) -> None:
    record = require(call, "write", parent, draft.get(parent))
    if record.kind != CONTAINER:
        raise InvalidArgument(f"parent '{parent}' is of kind '{record.kind}', not a container")
    if container_of(record).is_final:
        state = container_of(record).state
        raise WrongState(f"parent '{parent}' is {state}: it asks for nothing any more", id=parent, state=state)


def _spec(asked: CreateArguments) -> Spec:
    """Raises InvalidArgument."""
    spec = Spec(asked.command, asked.name, asked.cwd, asked.environment, asked.constraints)
    what = "what is to be run (command, name, cwd, environment, constraints)"
    check_size(what, msgspec.to_builtins(spec), SPEC_LIMIT_BYTES)
    return spec


def _may_read(call: Call, record: Record) -> bool:
    return call.caller.can("read", record.object_id)


def _answer(record: Record) -> Result:
    if record.kind == REQUEST:
        request = request_of(record)
        return {"id": record.id, "version": record.version, "state": request.state, "priority": request.priority}
    container = container_of(record)
    return {"id": record.id, "version": record.version, "state": container.state, "priority": container.priority}
