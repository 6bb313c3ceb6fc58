"""Tokens: `v2/<id>/<secret>`, Arvados' form; with `/<container>` behind it for one that is bound to a container.

A token is valid until it expires, while its user is active and, if it is bound, while its container is locked or
running. The secret is kept as its hash only. Whoever shows a token that is not valid learns nothing but that.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import msgspec

from fairlead_authz.changeset import Changeset
from fairlead_authz.model.graph import FINAL_STATES, Graph, Node
from fairlead_authz.tokens.scopes import Scopes
from fairlead_router.authorization import Action, Principal
from fairlead_router.uris import Match

TOKENS_PER_USER = 1_000
"""Valid ones, half a MB of them. Who makes one for each job should let them expire, or delete them."""

_SECRET_BYTES = 32
"""256 random bits: guessing is hopeless, so a plain hash keeps it, without salt or stretching."""

_LIVE_STATES = frozenset({"Locked", "Running"})
"""Of a container: the tokens that are bound to it are valid."""

_NOBODYS_SHA256 = bytes(32)
"""Compared with where there is no such token, so that it takes as long."""


class Token(msgspec.Struct, frozen=True):
    """What is kept of a token."""

    id: str
    user: str
    secret_sha256: bytes
    created_us: int
    expires_us: int | None = None
    """None: never."""
    scopes: tuple[str, ...] | None = None
    """None: whatever the user may."""
    container: str | None = None
    """The container that it is bound to."""


class TokenPrincipal(Principal, frozen=True):
    """Who came in with a token, and which: the session ends with it. The id is never told to others."""

    token_id: str = ""

    @property
    def lasting(self) -> Principal:
        """The user: what was published in time stays, as long as the user may publish it, when the token has ended."""
        return Principal(self.authid, self.authrole, self.authmethod, self.authprovider, self.trustlevel)


class Tokens:
    """The tokens of a realm, by id, by user and by container, valid or not."""

    def __init__(self, known: Iterable[Token], graph: Graph, now_us: Callable[[], int]) -> None:
        self._graph = graph
        self._now_us = now_us
        self._by_id: dict[str, Token] = {}
        self._by_user: dict[str, dict[str, None]] = {}
        self._by_container: dict[str, dict[str, None]] = {}
        self._scopes: dict[str, Scopes] = {}
        self.on_drop: Callable[[str], object] = lambda id_: None
        """Called with the id of each token that is forgotten."""
        for token in known:
            self.put(token)

    # --- reading ------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Token]:
        return iter(self._by_id.values())

    def get(self, id_: str) -> Token | None:
        """The token of this id."""
        return self._by_id.get(id_)

    def of_user(self, user: str) -> list[Token]:
        """The tokens of a user, the oldest first."""
        return [self._by_id[id_] for id_ in self._by_user.get(user, ())]

    def of_container(self, container: str) -> list[Token]:
        """The tokens that are bound to a container."""
        return [self._by_id[id_] for id_ in self._by_container.get(container, ())]

    def ended_by(self, changeset: Changeset) -> list[Token]:
        """The tokens whose container is not locked or running any more."""
        return self._of_containers(changeset, lambda before, after: is_live(before) and not is_live(after))

    def lost_by(self, changeset: Changeset) -> list[Token]:
        """The tokens whose container is gone or at its end: a later one of its id has nothing to do with them."""
        return self._of_containers(changeset, lambda before, after: after is None or after.state in FINAL_STATES)

    def _of_containers(
        self, changeset: Changeset, are_meant: Callable[[Node | None, Node | None], bool]
    ) -> list[Token]:
        meant = (node_id for node_id, change in changeset.nodes.items() if are_meant(*change))
        return [token for container in meant for token in self.of_container(container)]

    def is_valid(self, token: Token) -> bool:
        """Whether somebody may come in with it, and stay."""
        user = self._graph.node(token.user)
        return user is not None and user.is_active and self._is_in_time(token)

    def find(self, text: str) -> Token | None:
        """The valid token with this text, None if there is none."""
        version, id_, secret, container = _split(text)
        token = self._by_id.get(id_)
        kept = _NOBODYS_SHA256 if token is None else token.secret_sha256
        if not hmac.compare_digest(kept, _hash(secret)) or token is None:
            return None
        is_whole = version == "v2" and container in (None, token.container)
        return token if is_whole and self.is_valid(token) else None

    def allow(self, principal: TokenPrincipal, action: Action, uri: str, match: Match) -> bool:
        """Whether the token that somebody came in with is good for this now."""
        token = self._by_id.get(principal.token_id)
        if token is None or not self._is_in_time(token):
            return False
        return token.scopes is None or self._scopes[token.id].allow(action, uri, match)

    def _is_in_time(self, token: Token) -> bool:
        """With the end of its user a token is dropped, so that nothing else need be looked at for each message."""
        return (token.expires_us is None or token.expires_us > self._now_us()) and (
            token.container is None or is_live(self._graph.node(token.container))
        )

    # --- changing -----------------------------------------------------------------------------

    def put(self, token: Token) -> None:
        """The token is durable, new or changed."""
        self.drop(token.id)
        self._by_id[token.id] = token
        self._by_user.setdefault(token.user, {})[token.id] = None
        if token.container is not None:
            self._by_container.setdefault(token.container, {})[token.id] = None
        if token.scopes is not None:
            self._scopes[token.id] = Scopes(token.scopes)

    def drop(self, id_: str) -> None:
        """Forget a token; harmless if there is none."""
        token = self._by_id.pop(id_, None)
        if token is None:
            return
        _discard(self._by_user, token.user, id_)
        if token.container is not None:
            _discard(self._by_container, token.container, id_)
        self._scopes.pop(id_, None)
        self.on_drop(id_)

    def drop_all(self, user: str) -> None:
        """Forget all tokens of a user."""
        for id_ in list(self._by_user.get(user, ())):
            self.drop(id_)


class Terms(NamedTuple):
    """What a token is to be good for, and until when: the fields of `Token`."""

    scopes: tuple[str, ...] | None = None
    expires_us: int | None = None
    container: str | None = None


UNLIMITED = Terms()


def make_token(user: str, now_us: int, terms: Terms = UNLIMITED) -> tuple[Token, str]:
    """A new token, and its text: the only time that the secret is known."""
    id_ = secrets.token_hex(8)
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    text = f"v2/{id_}/{secret}"
    token = Token(id_, user, _hash(secret), now_us, terms.expires_us, terms.scopes, terms.container)
    return token, text if terms.container is None else f"{text}/{terms.container}"


def is_live(container: Node | None) -> bool:
    """Whether the tokens that are bound to this container are valid."""
    return container is not None and container.kind == "container" and container.state in _LIVE_STATES


def _split(text: str) -> tuple[str, str, str, str | None]:
    """Version, id, secret and container; the version of what has another form is empty."""
    match text.strip().split("/"):
        case [version, id_, secret]:
            return version, id_, secret, None
        case [version, id_, secret, container]:
            return version, id_, secret, container
    return "", "", "", None


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="replace")).digest()


def _discard(index: dict[str, dict[str, None]], key: str, id_: str) -> None:
    ids = index[key]
    ids.pop(id_, None)
    if not ids:
        del index[key]
