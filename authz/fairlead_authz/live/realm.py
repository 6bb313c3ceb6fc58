"""The realm as authz sees it: who is connected, and what to end when a right, a user or a token goes."""

from collections.abc import Iterable

from fairlead_authz.changeset import Changeset
from fairlead_authz.live.affected import Affected, Search
from fairlead_authz.live.gains import gainers, new_only
from fairlead_authz.live.live_tree import LiveTree
from fairlead_authz.live.losses import Losses, losses
from fairlead_authz.live.marks import Marks
from fairlead_authz.model.closures import Closures
from fairlead_authz.model.graph import Graph
from fairlead_authz.tokens.tokens import TokenPrincipal
from fairlead_router.authorization import Principal
from fairlead_router.observer import RealmObserver
from fairlead_router.realm import TOKEN_ENDED, Realm

USER_ENDED = "fairlead.close.user_ended"
"""GOODBYE reason for the sessions of a user who was deleted or deactivated."""

_SERVICE = "service"


class Live(RealmObserver):
    """The sessions of the realm that authz is bound to; of none before that."""

    def __init__(self, graph: Graph, closures: Closures, revision: int = 0) -> None:
        self._graph = graph
        self.marks = Marks(revision)
        self._closures = closures
        self.realm: Realm | None = None
        self._tree = LiveTree(graph, self._is_in_use)
        self._of_token: dict[str, set[int]] = {}

    def bind(self, realm: Realm) -> None:
        """From now on this realm's sessions count, and what is live in it."""
        self.realm = realm
        for session_id, principal in realm.sessions():
            self.joined(session_id, principal)
        realm.observe(self)
        realm.gate.watch_objects(self._tree.add)

    def adopt(self, changeset: Changeset) -> None:
        """The graph changes, and whatever may rest on what is lost is judged again, all in this turn.

        The gate is told of a loss even if nobody has suffered it: it may remember answers about objects that nothing
        live rests on now.
        """
        lost, gaining, gained = self.affected(changeset), gainers(self._closures, changeset), new_only(changeset)
        tails = changeset.tails(self._graph)
        changeset.make(self._graph)
        self._closures.touch(tails)
        self._tree.update(changeset)
        if self.realm is None:
            return
        if gaining is None or gaining:
            self.realm.gate.grant(gaining, gained)
        if lost is not None:
            self.realm.gate.revoke(lost.principals, lost.objects)

    def affected(self, changeset: Changeset) -> Affected | None:
        """Who or what may lose something by it; None if it takes nothing away, or nobody can be connected yet."""
        found = losses(self._graph, changeset)
        if not found or self.realm is None:
            return None
        return Search(self._graph, self._closures, self._tree, self.realm.gate).find(found)

    def changed_policy(self) -> None:
        """What rights depend on beside the graph has changed: judge everything again."""
        self.marks.moved()
        if self.realm is not None:
            self.realm.gate.grant()
            self.realm.gate.revoke_all()

    def rules_changed(self) -> None:
        """Other rules tie URIs to objects: judge all that is live again, by the objects that it is about now."""
        self.marks.moved()
        if self.realm is not None:
            self.realm.gate.rebind_all()

    def hidden(self, node_ids: Iterable[str]) -> None:
        """The clock has put these in the trash: judge again what rests on them and on what is below them."""
        self.marks.moved()
        if self.realm is not None:
            found = Losses(set(), set(node_ids), set())
            lost = Search(self._graph, self._closures, self._tree, self.realm.gate).find(found)
            self.realm.gate.revoke(lost.principals, lost.objects)

    def regained(self) -> None:
        """The clock has given something back."""
        self.marks.moved()
        if self.realm is not None:
            self.realm.gate.grant()

    def rejudge(self, user: str) -> None:
        """A token of the user is good for something else now: more, less or both."""
        self.marks.moved()
        if self.realm is not None:
            self.realm.gate.grant()
            self.realm.gate.revoke([user])

    def end_user(self, user: str) -> None:
        """The user is gone."""
        if self.realm is not None:
            self.realm.kill(USER_ENDED, f"user {user!r} was deleted or deactivated", authid=user)

    def end_token(self, id_: str) -> None:
        """The token is gone."""
        if self.realm is not None:
            for session_id in list(self._of_token.get(id_, ())):
                self.realm.kill(TOKEN_ENDED, "the token of this session is not valid any more", session_id=session_id)

    # --- what the realm tells its observer ----------------------------------------------------

    def joined(self, session_id: int, principal: Principal) -> None:
        """A session has opened. Services have every right, so nothing need be known of what they reach."""
        if principal.authrole != _SERVICE:
            self._closures.connect(principal.authid)
        if isinstance(principal, TokenPrincipal):
            self._of_token.setdefault(principal.token_id, set()).add(session_id)

    def left(self, session_id: int, principal: Principal, reason: str) -> None:
        """A session has ended."""
        if principal.authrole != _SERVICE:
            self._closures.disconnect(principal.authid)
        if isinstance(principal, TokenPrincipal):
            sessions = self._of_token[principal.token_id]
            sessions.discard(session_id)
            if not sessions:
                del self._of_token[principal.token_id]

    def _is_in_use(self, object_id: str) -> bool:
        return self.realm is not None and self.realm.gate.is_in_use(object_id)
