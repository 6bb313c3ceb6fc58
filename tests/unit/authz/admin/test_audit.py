"""`fairlead.authz.audit` and the topic of changes: who hears of what."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead_authz import Delete, Grant, Put, Revoke
from fairlead_authz.admin import audit
from fairlead_router import CallError, Member
from support.permissions import Site
from support.waiting import eventually

NOT_AUTHORIZED = "wamp.error.not_authorized"
GRANT = {"op": "grant", "user": "carol", "level": "read", "object": "x"}


async def changes(site: Site, user: str, /, **asked: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await site.ask(user, "audit", **asked))["changes"]
    return found


async def test_administrators_see_who_changed_what_and_when(site: Site) -> None:
    revision = (await site.ask("dora", "apply", [GRANT]))["revision"]
    [entry] = await changes(site, "dora", after=revision - 1)
    assert (entry["revision"], entry["actor"], entry["asked"]) == (revision, "dora", [GRANT])
    assert entry["at_us"] > 1_600_000_000_000_000


async def test_pages_of_the_log_join(site: Site) -> None:
    for level in ("read", "write", "manage"):
        await site.ask("dora", "apply", [{**GRANT, "level": level}])
    whole = [each["revision"] for each in await changes(site, "dora")]
    paged: list[int] = []
    after: int | None = 0
    while after is not None:
        page = await site.ask("dora", "audit", after=after, limit=2)
        paged += [each["revision"] for each in page["changes"]]
        after = page["after"]
    assert paged == whole == list(range(1, whole[-1] + 1))


async def test_changes_of_an_object_and_by_a_user(site: Site) -> None:
    await site.ask("alice", "apply", [GRANT])
    assert [each["actor"] for each in await changes(site, "dora", object="x")][-1] == "alice"
    assert [each["asked"] for each in await changes(site, "dora", user="alice")] == [[GRANT]]


async def test_a_manager_sees_its_object_and_nothing_else_of_the_same_list(site: Site) -> None:
    hidden = {"op": "put", "kind": "object", "id": "secret", "owner": "dora"}
    await site.ask("dora", "apply", [hidden, GRANT])
    found = await changes(site, "alice", object="x")
    assert found[-1]["asked"] == [GRANT]
    assert "secret" not in str(found)
    assert all(each["revision"] == each["at_us"] for each in found)


@pytest.mark.parametrize("caller", ["bob", "anonymous"])
async def test_others_see_nothing_and_hear_no_difference(site: Site, caller: str) -> None:
    hidden, missing = await site.refusal(caller, "audit", object="x"), await site.refusal(caller, "audit", object="z")
    assert hidden == (NOT_AUTHORIZED, missing[1].replace("'z'", "'x'"))
    assert (await site.refusal(caller, "audit"))[0] == NOT_AUTHORIZED


async def test_a_new_object_has_no_part_in_the_history_of_an_old_one_of_its_id(site: Site) -> None:
    await site.authz.apply([Put("object", "again", owner="dora"), Grant("bob", "read", "again")])
    await site.authz.apply([Delete("again")])
    await site.ask("carol", "apply", [{"op": "put", "kind": "object", "id": "again"}])
    [entry] = await changes(site, "carol", object="again")
    assert entry["actor"] == "carol"
    assert await changes(site, "carol", object="again", user="admin") == []


async def test_a_long_list_is_shown_in_part(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "ASKED_BYTES", 200)
    await site.authz.apply([Put("object", f"o{number}", owner="p") for number in range(50)])
    entry = (await changes(site, "dora"))[-1]
    assert 0 < len(entry["asked"]) < 50
    assert len(entry["asked"]) + entry["omitted"] == 50


# ---- revisions


async def test_the_revision_of_who_is_no_administrator_does_not_count_what_others_do(site: Site) -> None:
    seen = []
    for level in ("read", "write"):
        seen.append((await site.ask("alice", "apply", [{**GRANT, "level": level}]))["revision"])
        await site.authz.apply([Put("object", f"hidden-{level}", owner="dora")])
    times = [each["at_us"] for each in await changes(site, "dora", user="alice")]
    assert seen == times


# ---- the topic


async def listening(site: Site, user: str, topic: str = audit.TOPIC, match: Any = "exact") -> tuple[Member, list[Any]]:
    member, heard = site.join(user), list[Any]()
    await member.subscribe(topic, lambda event: heard.append(event.args[0]), match)
    return member, heard


@pytest.mark.parametrize(("topic", "match"), [(audit.TOPIC, "exact"), ("fairlead.", "prefix")])
async def test_administrators_hear_of_each_change_until_they_are_none(site: Site, topic: str, match: str) -> None:
    _, heard = await listening(site, "dora", topic, match)
    await site.ask("alice", "apply", [GRANT])
    await eventually(lambda: heard)
    assert (heard[0]["actor"], heard[0]["changes"]) == ("alice", [GRANT])
    assert heard[0]["revision"] == site.authz.revision
    await site.authz.apply([Put("user", "dora", is_admin=False)])
    await site.authz.apply([Put("user", "carol", is_admin=True)])
    _, sentinel = await listening(site, "carol")
    await site.authz.apply([Revoke("bob", "read", "x")])
    await eventually(lambda: sentinel)
    assert len(heard) == 1


@pytest.mark.parametrize("user", ["alice", "anonymous"])
async def test_others_do_not_hear_of_changes(site: Site, user: str) -> None:
    with pytest.raises(CallError) as refused:
        await listening(site, user)
    assert refused.value.uri == NOT_AUTHORIZED
