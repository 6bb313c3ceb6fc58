"""What is lost by the clock, without a change: nodes that are in the trash from a time on, tokens that expire.

The times are kept in the realm's deadlines (fairlead_router.deadlines), so that what is due is lost before the next
message is accepted. What rests on it is found as for any other loss. When the wall clock is set far back behind a
loss (clock.py), all times are taken up anew, and what is not due any more is there again: that is a grant.
"""

from fairlead_authz.changeset import Changeset
from fairlead_authz.live.realm import Live
from fairlead_authz.state import State
from fairlead_authz.tokens.tokens import Token
from fairlead_router.deadlines import Deadlines
from fairlead_router.due_times import DueTimes
from fairlead_router.realm import Realm

_AT_ONCE = 0


class Expiry:
    """The due times of one realm's nodes and tokens; of none before it is bound."""

    def __init__(self, state: State, live: Live) -> None:
        self._state = state
        self._clock = state.clock
        self._live = live
        self._deadlines: Deadlines | None = None
        self._nodes: DueTimes[str] = DueTimes()
        self._tokens: DueTimes[str] = DueTimes()

    def bind(self, realm: Realm) -> None:
        """From now on what is due ends what is live in this realm."""
        self._deadlines = realm.deadlines
        self._clock.wall_us = realm.host.time_us
        self._clock.on_set_back = self._rewind_soon
        self._state.tokens.on_drop = self._forget
        self._take_up()
        if self._clock.lost_us > self._state.loaded_us:
            self._live.marks.moved()  # the revision at the start is also that of before this was lost

    def close(self) -> None:
        """Nothing is due any more."""
        if self._deadlines is not None:
            self._deadlines.set(self._run, None)
            self._deadlines.set(self._rewind, None)
            self._deadlines = None

    def adopt(self, changeset: Changeset) -> None:
        """The graph has changed, and what that takes away at once is looked at already."""
        for node_id, (_, after) in changeset.nodes.items():
            self._follow(self._nodes, node_id, None if after is None else after.trash_at_us)
        self._set_deadline()

    def follow(self, token: Token) -> None:
        """The token is new or has changed."""
        self._follow(self._tokens, token.id, token.expires_us)
        self._set_deadline()

    def _forget(self, token_id: str) -> None:
        """The token has gone before its time: tokens that are made and deleted must leave nothing behind."""
        self._tokens.set(token_id, None)
        self._set_deadline()

    def _take_up(self) -> None:
        """Know the times of everything that there is, by the wall clock of now."""
        self._clock.lost_us = 0
        self._nodes, self._tokens = DueTimes(), DueTimes()
        for node in self._state.graph.nodes.values():
            if node.trash_at_us is not None:
                self._follow(self._nodes, node.id, node.trash_at_us)
        for token in self._state.tokens:
            self._follow(self._tokens, token.id, token.expires_us)
        self._set_deadline()

    def _follow(self, times: DueTimes[str], key: str, at_us: int | None) -> None:
        """What is due already has been lost already."""
        if at_us is not None and at_us <= self._clock.now_us():
            self._clock.lost_us = max(self._clock.lost_us, at_us)
            at_us = None
        times.set(key, at_us)

    def _set_deadline(self) -> None:
        if self._deadlines is not None:
            times = [each.next_us for each in (self._nodes, self._tokens) if each.next_us is not None]
            self._deadlines.set(self._run, min(times, default=None))

    def _run(self) -> None:
        """Something is due."""
        now_us = self._clock.now_us()
        try:
            nodes, tokens = self._lost(self._nodes, now_us), self._lost(self._tokens, now_us)
            if nodes:
                self._live.hidden(nodes)
            for id_ in tokens:
                self._live.end_token(id_)
        finally:
            self._set_deadline()

    def _lost(self, times: DueTimes[str], now_us: int) -> list[str]:
        keys = []
        while (due := times.pop(now_us)) is not None:
            keys.append(due.key)
            self._clock.lost_us = max(self._clock.lost_us, due.at_us)
        return keys

    def _rewind_soon(self) -> None:
        """The wall clock was set back. Somebody is being judged just now, by one time throughout."""
        if self._deadlines is not None:
            self._deadlines.set(self._rewind, _AT_ONCE)

    def _rewind(self) -> None:
        self._take_up()
        self._live.regained()
