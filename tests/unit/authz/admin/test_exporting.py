"""`fairlead.authz.export`: everything under a prefix, in pages, for administrators."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead_authz import Grant, Put, Revoke
from fairlead_authz.admin.exporting import PAGE_ENTRIES
from fairlead_router import CallError
from support.permissions import Site


async def export(site: Site, user: str, prefix: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The pages, and the final result."""
    pages: list[dict[str, Any]] = []
    member = site.join(user)
    result = await member.call(
        "fairlead.authz.export", [prefix], on_progress=lambda args, kwargs: pages.append(args[0])
    )
    return pages, result.args[0]


async def test_what_has_the_prefix_comes_with_its_links_and_with_what_it_owns(site: Site) -> None:
    await site.authz.apply([Put("user", "zzz-ann"), Put("user", "carol"), Put("project", "zzz-p", owner="zzz-ann")])
    await site.authz.apply([Put("object", "local", owner="zzz-p"), Grant("carol", "write", "zzz-p")])
    await site.authz.apply([Grant("zzz-ann", "login", "local"), Revoke("all-users", "read", "zzz-ann")])
    pages, result = await export(site, "admin", "zzz-")
    assert {node["id"] for page in pages for node in page["nodes"]} == {"zzz-ann", "zzz-p", "local"}
    assert {tuple(link) for page in pages for link in page["links"]} == {
        ("carol", "zzz-p", 2),
        ("zzz-ann", "local", 4),
        ("zzz-ann", "all-users", 2),
    }
    assert result == {"revision": site.authz.revision}


async def test_a_role_that_sees_everybody_is_several_pages(site: Site) -> None:
    count = 2 * PAGE_ENTRIES
    await site.authz.apply([Put("role", "staff"), *(Put("object", f"x{number}") for number in range(count))])
    await site.authz.apply([Grant("staff", "read", f"x{number}") for number in range(count)])
    pages, _ = await export(site, "admin", "staff")
    assert sum(len(page["links"]) for page in pages) == count + 1
    assert all(len(page["links"]) <= PAGE_ENTRIES for page in pages)


async def test_it_is_for_administrators(site: Site) -> None:
    await site.authz.apply([Put("user", "mallory")])
    with pytest.raises(CallError, match="not_authorized"):
        await export(site, "mallory", "")


async def test_who_takes_no_progress_is_told(site: Site) -> None:
    with pytest.raises(CallError, match="receive_progress"):
        await site.ask("admin", "export", "")
