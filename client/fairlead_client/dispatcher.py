"""The Dispatcher: hears at once of what waits and what is cancelled, and runs it.

    dispatcher = Dispatcher(connection, "node-1", runner, slots=4)
    await dispatcher.run()          # until `stop`, or until `drain` has nothing left

`dispatching` decides, a `Runner` (running.py) has the processes; here is what asks the service. Any number of
dispatchers may be on one queue; each has a name of its own, under which it finds again what it had after a restart.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, Final

from fairlead_client.calling import ask
from fairlead_client.dispatching import Mind, queue_query
from fairlead_client.errors import FENCED, CallFailed, ClientError
from fairlead_client.jobs import Action, Finish, Kill, Launch, Renew, Start, Take, Unlock
from fairlead_client.requests import CONTAINER, Result, given
from fairlead_client.running import Exit, Process, Runner
from fairlead_client.runtime import Sessions, Wakeup
from fairlead_client.watch import View
from fairlead_client.watching import Added, Anew, Changed, Entry, Item, Removed

_log = logging.getLogger(__name__)

REASON_LENGTH: Final = 500

# A timer may be so early.
CLOCK_S = 0.001

GONE: Final = frozenset({FENCED, "fairlead.error.no_such_record", "wamp.error.not_authorized"})
"""What says that a container is not ours any more."""

Event = Callable[[str, str, Mapping[str, Any]], object]
"""Called with what has happened (taken, started, killing, ended, given back, lost, ...), a container, and details."""


class Dispatcher:
    """Takes containers off the queue and has them run. `on_event` hears what it does."""

    def __init__(  # noqa: PLR0913 - one keyword an option
        self,
        sessions: Sessions,
        name: str,
        runner: Runner,
        *,
        slots: int,
        resources: Mapping[str, float] | None = None,
        lease_s: float = 30.0,
        on_event: Event | None = None,
    ) -> None:
        self.mind = Mind(name, slots, resources, lease_s)
        self._sessions = sessions
        self._runner = runner
        self._on_event = on_event
        self._processes: dict[str, Process] = {}
        self._bell: Wakeup = sessions.runtime.wakeup()
        self._failure: ClientError | None = None
        self._view = View(sessions, self._on_item, kind="container", any=queue_query(name))

    def drain(self) -> None:
        """Take no more; `run` returns when what there is has ended."""
        self.mind.is_draining = True
        self._bell.set()

    def stop(self) -> None:
        """Take no more, give back what has not begun, end what runs; `run` returns when that is reported."""
        self.mind.is_draining = self.mind.is_stopping = True
        self._bell.set()

    def kill(self) -> None:
        """End every process at once; nothing is reported."""
        for process in self._processes.values():
            process.kill_now()

    async def run(self) -> None:
        """Work. Raises CallFailed or Refused when there is no right to; then what ran has been killed."""
        self._view.start()
        try:
            await self._view.wait_whole()
            while not self._is_over:
                self._act()
                await self._bell.wait(self.mind.next_s(self._now_s) + CLOCK_S)
                if self._failure is not None:
                    raise self._failure
        finally:
            self._view.stop()
            self.kill()

    # ------------------------------------------------------------ looking

    @property
    def _is_over(self) -> bool:
        """What was asked for is given back first, unless nobody answers: such a lock ends with its lease."""
        is_answered = not (self.mind.is_taking and self._view.is_whole)
        return self.mind.is_draining and not self.mind.jobs and is_answered

    @property
    def _now_s(self) -> float:
        return self._sessions.runtime.time_s()

    def _on_item(self, item: Item) -> None:
        if isinstance(item, (Added, Changed)):
            self.mind.seen(item.entry)
        elif isinstance(item, Removed):
            self.mind.gone(item.id)
        elif isinstance(item, Anew):
            self._tell("anew", "", {"reason": item.reason})
        self._bell.set()

    # ------------------------------------------------------------ acting

    def _act(self) -> None:
        for action in self.mind.actions(self._now_s):
            if isinstance(action, Launch):
                self._launch(action)
            elif isinstance(action, Kill):
                self._kill(action)
            else:
                self._sessions.runtime.spawn(self._done(self._asking(action)))

    def _asking(self, action: Action) -> Coroutine[Any, Any, None]:
        match action:
            case Take():
                return self._take(action)
            case Start():
                return self._start(action)
            case Unlock():
                return self._unlock(action)
            case Finish():
                return self._finish(action)
            case Renew():
                return self._renew(action)
            case _:
                return self._refresh()

    async def _done(self, work: Coroutine[Any, Any, None]) -> None:
        """Whatever comes of it, there is something to look at; what was refused for good ends `run`."""
        try:
            await work
        except ClientError as error:
            self._failure = error
        finally:
            self._bell.set()

    async def _ask(self, procedure: str, *args: Any, **kwargs: Any) -> Result:
        return await ask(self._sessions, CONTAINER + procedure, *args, **kwargs)

    async def _take(self, action: Take) -> None:
        asked_s, mind = self._now_s, self.mind
        kwargs = given(constraints=action.free, lease_s=mind.lease_s)
        try:
            answer = await self._ask("take", action.number, mind.name, **kwargs)
        except CallFailed:
            mind.not_taken()
            raise
        entries = [Entry(*(each[name] for name in Entry._fields)) for each in answer["containers"]]
        mind.taken(entries, asked_s, more=answer["more"])
        for entry in entries:
            self._tell("taken", entry.id, {"command": entry.state["command"]})

    async def _start(self, action: Start) -> None:
        answer = await self._of(action.id, "start", action.term, log=action.id)
        if answer is not None:
            self.mind.started(action.id, action.term, int(answer["version"]))

    def _launch(self, action: Launch) -> None:
        id_ = action.entry.id
        self.mind.launched(id_)
        try:
            process = self._runner.start(action.entry, partial(self._exited, id_))
        except Exception as error:  # noqa: BLE001 - logged whole; one container must not end the others
            _log.exception("the runner failed to start container %s", id_)
            self._exited(id_, Exit(None, f"it could not be started: {error!r}"[:REASON_LENGTH]))
            return
        self._processes[id_] = process
        process.lease(self.mind.remaining_s(id_, self._now_s))
        self._tell("started", id_, {"command": action.entry.state["command"]})

    def _kill(self, action: Kill) -> None:
        process = self._processes[action.id]
        self._tell("killing", action.id, {"urgent": action.is_urgent})
        if action.is_urgent:
            process.kill_now()
        else:
            process.kill()

    def _exited(self, id_: str, exit_: Exit) -> None:
        self._processes.pop(id_, None)
        self.mind.ended(id_, exit_)
        self._tell("ended", id_, {"exit_code": exit_.exit_code, "reason": exit_.reason})
        self._bell.set()

    async def _unlock(self, action: Unlock) -> None:
        answer = await self._of(action.id, "unlock", action.term)
        if answer is not None:
            self.mind.given_back(action.id, action.term, int(answer["version"]))
            self._tell("given back", action.id, {"state": answer["state"]})

    async def _finish(self, action: Finish) -> None:
        exit_ = action.exit
        end = given(exit_code=exit_.exit_code, reason=exit_.reason, output=exit_.output)
        answer = await self._of(action.id, "finish", action.term, cancelled=action.is_cancelled, **end)
        if answer is not None:
            self.mind.given_back(action.id, action.term, int(answer["version"]))
            self._tell("reported", action.id, {"state": answer["state"], "exit_code": exit_.exit_code})

    async def _of(self, id_: str, procedure: str, term: int, **kwargs: Any) -> Result | None:
        """Something about a container that we have; None: not now, or not ours any more, which the mind knows then."""
        try:
            return await self._ask(procedure, id_, term, **kwargs)
        except CallFailed as error:
            if error.uri in GONE:
                self._tell("lost", id_, {"reason": str(error)})
                self.mind.not_ours(id_, term)
            else:
                self._tell("refused", id_, {"reason": str(error)})
                self.mind.again(id_, term, self._now_s)
            return None

    async def _renew(self, action: Renew) -> None:
        asked_s = self._now_s
        try:
            answer = await self._ask("renew", self.mind.name, action.terms)
        except CallFailed:
            self.mind.not_renewed(self._now_s)
            raise
        self.mind.renewed(answer["lost"], action.terms, asked_s)
        for id_, process in self._processes.items():
            process.lease(self.mind.remaining_s(id_, self._now_s))

    async def _refresh(self) -> None:
        try:
            await self._view.wait_fresh()
        except ClientError:
            self.mind.not_refreshed()
            raise
        self.mind.refreshed()

    def _tell(self, what: str, id_: str, about: Mapping[str, Any]) -> None:
        if self._on_event is not None:
            self._on_event(what, id_, about)
