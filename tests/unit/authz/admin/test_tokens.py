"""The procedures about tokens: whose they are about, what is told of one, and that the log has them without secrets."""

from __future__ import annotations

from typing import Any

import pytest

from support.permissions import Site

NOT_AUTHORIZED = "wamp.error.not_authorized"
INVALID = "wamp.error.invalid_argument"


async def listed(site: Site, caller: str, user: str, **asked: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await site.ask(caller, "tokens", user, **asked))["tokens"]
    return found


async def test_a_user_makes_lists_and_deletes_its_own(site: Site) -> None:
    text = (await site.ask("bob", "token", "bob", scopes=["call fairlead.authz."], expires_in_s=60))["token"]
    [token] = await listed(site, "bob", "bob")
    assert text.startswith(f"v2/{token['id']}/")
    assert text.split("/")[2] not in str(token)
    assert token["scopes"] == ["call fairlead.authz."]
    assert token["expires_us"] - token["created_us"] == pytest.approx(60_000_000, abs=1_000_000)
    assert await site.ask("bob", "token_delete", token["id"]) == {"id": token["id"]}
    assert await listed(site, "bob", "bob") == []


async def test_tokens_of_others_are_for_administrators(site: Site) -> None:
    await site.ask("dora", "token", "bob")
    [token] = await listed(site, "dora", "bob")
    for procedure, arguments in (("token", ["bob"]), ("tokens", ["bob"])):
        assert (await site.refusal("carol", procedure, *arguments))[0] == NOT_AUTHORIZED
    for procedure in ("token_delete", "token_change"):
        hidden = await site.refusal("carol", procedure, token["id"])
        missing = await site.refusal("carol", procedure, "no-such")
        assert hidden == (NOT_AUTHORIZED, missing[1].replace("no-such", token["id"]))
    assert [each["id"] for each in await listed(site, "dora", "bob")] == [token["id"]]


async def test_a_change_leaves_what_it_does_not_name(site: Site) -> None:
    await site.ask("dora", "token", "bob", scopes=["call fairlead.authz."], expires_in_s=60)
    [before] = await listed(site, "dora", "bob")
    await site.ask("dora", "token_change", before["id"], expires_in_s=None)
    [after] = await listed(site, "dora", "bob")
    assert after == {**before, "expires_us": None}
    await site.ask("dora", "token_change", before["id"], scopes=None)
    assert (await listed(site, "dora", "bob"))[0]["scopes"] is None


async def test_tokens_come_in_pages(site: Site) -> None:
    for _ in range(3):
        await site.ask("dora", "token", "bob")
    whole = await listed(site, "dora", "bob")
    first = await site.ask("dora", "tokens", "bob", limit=2)
    second = await site.ask("dora", "tokens", "bob", limit=2, after=first["after"])
    assert first["tokens"] + second["tokens"] == whole
    assert second["after"] is None


@pytest.mark.parametrize("expires_in_s", [0, -1, 1e300])
async def test_a_time_that_is_none_is_named(site: Site, expires_in_s: float) -> None:
    uri, text = await site.refusal("dora", "token", "bob", expires_in_s=expires_in_s)
    assert uri == INVALID
    assert f"expires_in_s {float(expires_in_s)}" in text


async def test_the_log_has_tokens_made_changed_and_deleted_without_their_secrets(site: Site) -> None:
    text = (await site.ask("dora", "token", "bob", expires_in_s=60))["token"]
    _, id_, secret = text.split("/")
    await site.ask("bob", "token_change", id_, expires_in_s=30)
    await site.ask("dora", "token_delete", id_)
    log = (await site.ask("dora", "audit"))["changes"][-3:]
    assert [(each["actor"], each["asked"][0]["op"]) for each in log] == [
        ("dora", "token"),
        ("bob", "token_change"),
        ("dora", "token_delete"),
    ]
    assert all(each["asked"][0]["token"] == id_ for each in log)
    assert secret not in str(log)
