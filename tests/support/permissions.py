"""A realm with permissions in one process: users, what they own, and sessions that call as a client does.

    async with a_site(tmp_path) as site:
        answer = await site.ask("alice", "get", "x")

alice owns project p with objects x and y; bob and carol are users; bob reads x; dora is an administrator.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fairlead_authz import Authz, Grant, Put, UriRule
from fairlead_router import ANONYMOUS, CallError, Member, Principal, Realm, Router

RULE = UriRule("com.app.{object}", subscribe="read", publish="write", call="read", register="manage")


class Site:
    """A realm whose rights are those of an Authz."""

    def __init__(self, router: Router, realm: Realm, authz: Authz) -> None:
        self.router = router
        self.realm = realm
        self.authz = authz

    def join(self, user: str) -> Member:
        """A session of this user."""
        if user == ANONYMOUS.authid:
            return self.realm.join(ANONYMOUS)
        node = self.authz.graph.node(user)
        return self.realm.join(Principal(user, "admin" if node is not None and node.is_admin else "user"))

    async def ask(self, user: str, procedure: str, /, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """What a session of the user gets from `fairlead.authz.<procedure>`. Raises CallError."""
        member = self.join(user)
        try:
            result = await member.call(f"fairlead.authz.{procedure}", list(args), kwargs)
        finally:
            member.leave()
        answer: dict[str, Any] = result.args[0]
        return answer

    async def refusal(self, user: str, procedure: str, /, *args: Any, **kwargs: Any) -> tuple[str, str]:
        """URI and text of the error that the user gets."""
        try:
            answer = await self.ask(user, procedure, *args, **kwargs)
        except CallError as error:
            return error.uri, error.error_args[0]
        raise AssertionError(f"{procedure} answered {answer}")


@asynccontextmanager
async def a_site(directory: Path, *, is_open: bool = False) -> AsyncIterator[Site]:
    authz = await Authz.open(f"sqlite:///{directory}/permissions.sqlite", rules=(RULE,), is_open=is_open)
    router = Router()
    realm = router.add_realm("realm1", authz.authenticator, authz.authorizer)
    authz.bind(realm)
    await authz.apply([*(Put("user", user) for user in ("alice", "bob", "carol")), Put("user", "dora", is_admin=True)])
    await authz.apply(
        [Put("project", "p", owner="alice"), Put("object", "x", owner="p"), Put("object", "y", owner="p")]
    )
    await authz.apply([Grant("bob", "read", "x")])
    yield Site(router, realm, authz)
    await authz.close()
    await router.close()
