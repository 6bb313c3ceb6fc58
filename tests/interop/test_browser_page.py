"""The page in real Chromium against a real `fairlead serve`: what a person sees, does, and must not see."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from playwright.async_api import Browser, Locator, async_playwright

from support import chromium
from support.browser import SHOWN_LIMIT_S, Admin, ServerProcess, Viewer, administration, viewing
from support.waiting import eventually

NOON_US = int(datetime(2026, 11, 21, 12, 0, tzinfo=UTC).timestamp()) * 1_000_000

# What breaks viewers, from a real command. It ends without a newline, as programs do that are cut off.
UGLY = r"""
import sys, time
out = sys.stdout.buffer
out.write(b"nul \0 inside\n\0at the beginning\ninvalid \xff\xfe end\n")
out.write("gr\u00fc\u00dfe <b>&amp;</b>\n".encode())
for percent in range(0, 101, 10):
    out.write(b"\r%d%%" % percent); out.flush(); time.sleep(0.01)
out.write(b" done\n" + b"x" * 1_000_000 + b"\nlast")
"""


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium.find())
        yield browser
        await browser.close()


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServerProcess]:
    server = ServerProcess(tmp_path_factory.mktemp("site"))
    await server.start()
    yield server
    server.kill()


@pytest.fixture
async def admin(server: ServerProcess) -> AsyncIterator[Admin]:
    async with administration(server) as admin:
        yield admin


@pytest.fixture
async def viewer(browser: Browser, server: ServerProcess) -> AsyncIterator[Viewer]:
    async with viewing(browser, server) as viewer:
        yield viewer


def line(number: int, text: str, source: str = "stdout", flags: int = 0) -> list[object]:
    return [NOON_US + number * 1_000, source, text, flags]


# ---------------------------------------------------------------- what is shown


async def test_page_shows_history_then_live_lines_with_source_and_time(admin: Admin, viewer: Viewer) -> None:
    token = await admin.user("alice")
    await admin.create("basic", readers=("alice",))
    await admin.append("basic", line(0, "first"), line(1, "a warning", "stderr"))
    await viewer.open("alice", token, "basic")
    await viewer.shows("first", "a warning")
    await viewer.says("#log-badge", "live")
    await admin.append("basic", line(2, "live now"))
    rows = await viewer.shows("first", "a warning", "live now")
    assert [row.source for row in rows] == ["stdout", "stderr", "stdout"]
    assert rows[1].time == "2026-11-21T12:00:00.001Z"
    assert "12:00:00.002" in await viewer.page.locator(".row").last.inner_text()


async def test_end_of_a_log_is_shown_with_its_exit_status_in_log_and_list(admin: Admin, viewer: Viewer) -> None:
    token = await admin.user("alice")
    await admin.create("ending", readers=("alice",))
    await admin.append("ending", line(0, "working"))
    await viewer.open("alice", token, "ending")
    await viewer.shows("working")
    await admin.seal("ending", exit_code=3)
    await viewer.says("#end", "exit status 3")
    await viewer.says("#log-badge", "exit 3")
    await viewer.says("#announcer", "exit status 3")
    await viewer.says("a[href='#log=ending'] .badge", "exit 3")
    await viewer.page.reload()
    await viewer.shows("working")
    await viewer.says("#end", "exit status 3")


async def test_what_breaks_viewers_is_shown(server: ServerProcess, admin: Admin, viewer: Viewer) -> None:
    token = await admin.user("alice")
    await admin.create("ugly", readers=("alice",))
    command = [sys.executable, "-m", "fairlead_server", "run", "-q", "--object", "ugly", "--url", server.url]
    environment = {**os.environ, "FAIRLEAD_TOKEN": server.admin_token}
    with subprocess.Popen([*command, "--", sys.executable, "-c", UGLY], env=environment):  # noqa: ASYNC220
        await viewer.open("alice", token, "ugly")
        await viewer.says("#end", "exit status 0")
    long_line = "x" * 1_000
    expected = [
        "nul \\x00 inside", "\\x00at the beginning", "invalid \ufffd\ufffd end", "grüße <b>&amp;</b>",
        "100% done", long_line, "last",
    ]  # fmt: skip
    await viewer.shows(*expected)
    button = viewer.page.get_by_role("button", name="more character")
    assert "999\u202f000" in await button.inner_text()
    await button.click()
    await viewer.shows(*expected[:5], "x" * 101_000, "last")
    await viewer.page.get_by_role("button", name="updates").click()
    states = "\n".join([*(f"{percent}%" for percent in range(0, 100, 10)), "100% done"])
    await viewer.shows(*expected[:4], states, "x" * 101_000, "last")


async def test_list_holds_what_the_user_may_read_and_can_be_filtered(admin: Admin, viewer: Viewer) -> None:
    token = await admin.user("carl")
    for stream in ("list-one", "list-two", "list-hidden"):
        await admin.create(stream)
    await admin.grant("carl", "list-one")
    await viewer.open("carl", token)
    await viewer.lists("list-one")
    await admin.grant("carl", "list-two")
    await viewer.lists("list-two", "list-one")
    await viewer.page.fill("#filter", "ONE")
    await viewer.lists("list-one")


async def test_page_stays_with_the_reader_who_scrolls_up(admin: Admin, viewer: Viewer) -> None:
    token = await admin.user("alice")
    await admin.create("long", readers=("alice",))
    for first in range(0, 5_000, 500):
        await admin.append("long", *(line(n, f"line {n}") for n in range(first, first + 500)))
    await viewer.open("alice", token, "long")
    await viewer.says("#log-count", "last 2\u202f000 lines")
    await eventually(lambda: _last_is(viewer, "line 4999"), SHOWN_LIMIT_S)
    await viewer.page.focus("#scroller")
    await viewer.page.keyboard.press("Home")
    await eventually(lambda: _has(viewer, "line 3000"), SHOWN_LIMIT_S)
    await viewer.says("#log-count", "last 4\u202f000 lines")
    assert await _has(viewer, "line 3000"), "what was in sight stays there when earlier lines come"
    await admin.append("long", line(5_000, "line 5000"))
    await viewer.says("#jump", "1 new line")
    await viewer.page.click("#jump")
    await eventually(lambda: _last_is(viewer, "line 5000"), SHOWN_LIMIT_S)
    assert not await viewer.page.locator("#jump").is_visible()

    async def beginning_is_in_sight() -> bool:
        await viewer.page.evaluate("() => { document.getElementById('scroller').scrollTop = 0 }")
        return await _has(viewer, "line 0")

    await eventually(beginning_is_in_sight, SHOWN_LIMIT_S)
    await viewer.says("#log-count", "5\u202f001 lines")


async def test_list_hears_of_logs_that_begin_go_stale_end_and_are_deleted(admin: Admin, viewer: Viewer) -> None:
    token = await admin.user("lena")
    await admin.call("fairlead.authz.apply", [{"op": "put", "kind": "project", "id": "night"}])
    await admin.grant("lena", "night")
    await viewer.open("lena", token)
    await viewer.says("#list-note", "no log that you may read")
    await admin.create("night-1", project="night")
    await viewer.lists("night-1", looks_again=False)
    await admin.create("night-1", heartbeat_s=1)
    await viewer.says("a[href='#log=night-1'] .badge", "stale")
    await admin.create("night-1", heartbeat_s=1_000, attempt=2)
    await viewer.says("a[href='#log=night-1'] .badge", "live")
    await viewer.says("a[href='#log=night-1'] .about", "just now", "attempt 2", " B")
    await admin.seal("night-1", exit_code=9)
    await viewer.says("a[href='#log=night-1'] .badge", "exit 9")
    await admin.call("fairlead.log.delete", "night-1")
    await viewer.lists(looks_again=False)


async def test_next_attempt_goes_on_in_a_log_that_had_ended(admin: Admin, viewer: Viewer) -> None:
    token = await admin.user("alice")
    await admin.create("again", readers=("alice",), attempt=1)
    await admin.append("again", line(0, "first attempt"))
    await admin.seal("again", exit_code=1)
    await viewer.open("alice", token, "again")
    await viewer.says("#end", "exit status 1")
    await admin.create("again", attempt=2)
    await admin.append("again", line(1, "second attempt"))
    await viewer.shows("first attempt", "second attempt")
    await viewer.says("#chunks", "attempt 2 begins here")
    assert not await viewer.page.locator("#end").is_visible()


async def test_stale_log_has_a_banner_until_its_producer_is_heard(admin: Admin, viewer: Viewer) -> None:
    token = await admin.user("alice")
    await admin.create("silent", readers=("alice",), heartbeat_s=1)
    await viewer.open("alice", token, "silent")
    await viewer.says("#stale", "producer")
    await admin.create("silent", heartbeat_s=1_000)
    await eventually(lambda: _is_hidden(viewer, "#stale"), SHOWN_LIMIT_S)


async def test_markers_say_how_much_is_missing_and_why(admin: Admin, viewer: Viewer) -> None:
    token = await admin.user("alice")
    await admin.create("gaps", readers=("alice",))
    await admin.call("fairlead.log.append", "gaps", [line(0, "before")], producer="agent", seq=0)
    await admin.call("fairlead.log.append", "gaps", [line(1, "behind")], producer="agent", seq=4, lost=3)
    await viewer.open("alice", token, "gaps")
    await viewer.shows("before", "behind")
    await viewer.says(".row.notice", "3 lines were lost here")


async def test_search_finds_what_is_not_held_and_the_way_back_leads_to_live_lines(admin: Admin, viewer: Viewer) -> None:
    token = await admin.user("alice")
    await admin.create("haystack", readers=("alice",))
    for first in range(0, 9_000, 500):
        await admin.append("haystack", *(line(n, _hay(n)) for n in range(first, first + 500)))
    await viewer.open("alice", token, "haystack")
    await eventually(lambda: _last_is(viewer, "hay 8999"), SHOWN_LIMIT_S)
    found = viewer.page.locator(".row[aria-current]")
    await viewer.page.fill("#search", "needle")
    await viewer.page.press("#search", "Enter")
    await viewer.says(".row[aria-current]", "NEEDLE 8500")
    await viewer.page.press("#search", "Enter")
    await viewer.says(".row[aria-current]", "NEEDLE 1500")
    await viewer.says("#tools-status", "Found at")
    await viewer.says("#log-count", "a part")
    assert await viewer.focused() == "search"
    await viewer.page.press("#search", "Enter")
    await viewer.says("#tools-status", "No earlier match")
    await viewer.page.press("#search", "Shift+Enter")
    await viewer.says(".row[aria-current]", "NEEDLE 8500")
    assert await found.count() == 1
    await viewer.page.check("#search-case")
    await viewer.page.fill("#search", "Needle")
    await viewer.page.press("#search", "Enter")
    await viewer.says("#tools-status", "Not found")
    await admin.append("haystack", line(9_000, "hay 9000"))
    await viewer.says("#jump", "1 new line")
    await viewer.page.click("#jump")
    await eventually(lambda: _last_is(viewer, "hay 9000"), SHOWN_LIMIT_S)


async def test_window_in_the_middle_reaches_the_live_end_without_a_hole(admin: Admin, viewer: Viewer) -> None:
    token = await admin.user("alice")
    await admin.create("middle", readers=("alice",))
    for first in range(0, 6_000, 500):
        await admin.append("middle", *(line(n, f"number {n}") for n in range(first, first + 500)))
    await viewer.open("alice", token, "middle")
    await eventually(lambda: _last_is(viewer, "number 5999"), SHOWN_LIMIT_S)
    await viewer.page.fill("#search", "number 1000")
    await viewer.page.press("#search", "Enter")
    await viewer.says(".row[aria-current]", "number 1000")
    await admin.append("middle", line(6_000, "number 6000"))

    async def end_is_in_sight() -> bool:
        await viewer.page.evaluate("() => { const s = document.getElementById('scroller'); s.scrollTop = 1e9 }")
        return await _last_is(viewer, "number 6000")

    await eventually(end_is_in_sight, SHOWN_LIMIT_S)
    await viewer.says("#log-count", "6\u202f001 lines")
    await admin.append("middle", line(6_001, "number 6001"))
    await eventually(lambda: _last_is(viewer, "number 6001"), SHOWN_LIMIT_S)


async def test_one_source_alone_is_shown_with_its_history_and_live(admin: Admin, viewer: Viewer) -> None:
    token = await admin.user("alice")
    await admin.create("sources", readers=("alice",))
    await admin.append("sources", line(0, "an early warning", "stderr"))
    for first in range(1, 5_001, 500):
        await admin.append("sources", *(line(n, f"line {n}") for n in range(first, first + 500)))
    await admin.append("sources", line(5_001, "a warning", "stderr"))
    await viewer.open("alice", token, "sources")
    await eventually(lambda: _last_is(viewer, "a warning"), SHOWN_LIMIT_S)
    await viewer.page.select_option("#source", "stderr")
    await viewer.shows("a warning")
    await viewer.page.get_by_role("button", name="Earlier lines").click()
    await viewer.shows("an early warning", "a warning")
    await admin.append("sources", line(5_002, "an out"), line(5_003, "a live warning", "stderr"))
    await viewer.shows("an early warning", "a warning", "a live warning")
    await admin.seal("sources", exit_code=0)
    await viewer.says("#end", "exit status 0")


async def test_downloads_have_the_whole_log_and_no_token_in_their_address(admin: Admin, viewer: Viewer) -> None:
    token = await admin.user("alice")
    await admin.create("taken-home", readers=("alice",))
    await admin.append("taken-home", *(line(n, f"line {n}") for n in range(3)))
    addresses: list[str] = []
    viewer.page.on("request", lambda request: addresses.append(request.url))
    await viewer.open("alice", token, "taken-home")
    await viewer.shows("line 0", "line 1", "line 2")
    for name, suffix, beginning in (("text", "log", "line 0\nline 1"), ("NDJSON", "ndjson", '{"seq":0,')):
        async with viewer.page.expect_download() as download:
            await viewer.page.get_by_role("button", name=f"Download as {name}").click()
        file = await download.value
        assert file.suggested_filename == f"taken-home.{suffix}"
        assert (await file.path()).read_text().replace(" ", "").startswith(beginning.replace(" ", ""))
    await viewer.says("#tools-status", "Downloaded")
    assert any("/logs/taken-home?format=text" in address for address in addresses)
    assert not any(token in address for address in addresses if not address.startswith(viewer.address + "#"))


# ---------------------------------------------------------------- what must not be shown


async def test_revocation_ends_the_view_of_the_middle_of_a_log_at_once(admin: Admin, viewer: Viewer) -> None:
    token = await admin.user("bob")
    await admin.create("middle-taken", readers=("bob",))
    for first in range(0, 5_000, 500):
        await admin.append("middle-taken", *(line(n, f"line {n}") for n in range(first, first + 500)))
    await viewer.open("bob", token, "middle-taken")
    await eventually(lambda: _last_is(viewer, "line 4999"), SHOWN_LIMIT_S)
    await viewer.page.fill("#search", "line 77")
    await viewer.page.press("#search", "Enter")
    await viewer.says("#tools-status", "Found at")
    await viewer.page.fill("#search", "line 700")
    await viewer.page.press("#search", "Enter")
    await viewer.says(".row[aria-current]", "line 700")
    await admin.revoke("bob", "middle-taken")
    await viewer.says("#end", "permission", "withdrawn")
    await viewer.says("#log-badge", "no access")
    await viewer.page.press("#search", "Enter")
    await viewer.says("#tools-status", "Not searched")
    await viewer.page.get_by_role("button", name="Download as text").click()
    await viewer.says("#tools-status", "Not downloaded")
    [complaint] = viewer.complaints
    assert "403" in complaint, "the browser itself writes of it"
    viewer.complaints.clear()


async def test_deleted_log_says_so(admin: Admin, viewer: Viewer) -> None:
    token = await admin.user("alice")
    await admin.create("deleted", readers=("alice",))
    await admin.append("deleted", line(0, "was here"))
    await viewer.open("alice", token, "deleted")
    await viewer.shows("was here")
    await admin.call("fairlead.log.delete", "deleted")
    await viewer.says("#end", "was deleted")
    await viewer.says("#log-badge", "deleted")


async def test_revocation_ends_it_with_a_notice_and_shows_no_later_line(admin: Admin, viewer: Viewer) -> None:
    token = await admin.user("bob")
    await admin.create("taken", readers=("bob",))
    await admin.append("taken", line(0, "permitted"))
    await viewer.open("bob", token, "taken")
    await viewer.shows("permitted")
    await admin.revoke("bob", "taken")
    await admin.append("taken", line(1, "secret"))
    await viewer.says("#end", "permission", "withdrawn")
    await viewer.says("#announcer", "withdrawn")
    await viewer.says("#list-note", "no log that you may read")
    await viewer.shows("permitted")
    await viewer.page.get_by_role("button", name="Try again").click()
    await viewer.says("#end", "may not read")
    await viewer.page.reload()
    await viewer.says("#end", "may not read")
    assert "secret" not in await viewer.page.content()


async def test_after_a_new_grant_it_goes_on_where_it_stood(admin: Admin, viewer: Viewer) -> None:
    token = await admin.user("bob")
    await admin.create("given-back", readers=("bob",))
    await admin.append("given-back", line(0, "before"))
    await viewer.open("bob", token, "given-back")
    await viewer.shows("before")
    await admin.revoke("bob", "given-back")
    await viewer.says("#end", "withdrawn")
    await admin.append("given-back", line(1, "meanwhile"))
    await admin.grant("bob", "given-back")
    await viewer.page.get_by_role("button", name="Try again").click()
    await viewer.shows("before", "meanwhile")


async def test_wrong_token_gives_a_clear_message(admin: Admin, viewer: Viewer) -> None:
    token = await admin.user("alice")
    await viewer.open("alice", "v2/0123456789abcdef/wrong", "some-log")
    await viewer.says("#login-error", "does not accept", "alice")
    assert "wrong" not in viewer.page.url
    await viewer.page.fill("#login-user", "alice")
    await viewer.page.fill("#login-token", token)
    await viewer.page.press("#login-token", "Enter")
    await viewer.says("#connection", "Connected")
    await viewer.says("#end", "may not read this log")


async def test_token_leaves_the_address_and_serves_this_tab_only(admin: Admin, viewer: Viewer) -> None:
    token = await admin.user("alice")
    await admin.create("private", readers=("alice",))
    await viewer.open("alice", token, "private")
    await viewer.says("#user", "alice")
    assert viewer.page.url == f"{viewer.address}#log=private"
    assert await viewer.page.evaluate("history.length") <= 2, "no entry of the history holds it"
    await viewer.page.reload()
    await viewer.says("#user", "alice")
    assert await viewer.page.evaluate("localStorage.length") == 0
    await viewer.page.click("#sign-out")
    await viewer.says("#login", "Sign in")
    assert await viewer.page.evaluate("sessionStorage.length") == 0


# ---------------------------------------------------------------- trouble, and other ways to use it


async def test_page_catches_up_exactly_after_a_kill_9(server: ServerProcess, viewer: Viewer) -> None:
    async with administration(server) as admin:
        token = await admin.user("alice")
        await admin.create("survivor", readers=("alice",))
        await admin.append("survivor", *(line(n, f"line {n}") for n in range(40)))
        await viewer.open("alice", token, "survivor")
        await viewer.shows(*(f"line {n}" for n in range(40)))
    server.kill()
    await viewer.says("#connection", "Reconnecting in")
    await viewer.says("#announcer", "Connection lost")
    await server.start()
    async with administration(server) as admin:
        await admin.append("survivor", *(line(n, f"line {n}") for n in range(40, 60)))
        await viewer.says("#connection", "Connected")
        await admin.append("survivor", *(line(n, f"line {n}") for n in range(60, 80)))
        await viewer.shows(*(f"line {n}" for n in range(80)))
        await viewer.says("#announcer", "Connected again")
        await admin.seal("survivor", exit_code=0)
        await viewer.says("#end", "exit status 0")


async def test_keyboard_alone_reaches_a_log_and_its_lines(admin: Admin, viewer: Viewer) -> None:
    token = await admin.user("kim")
    for stream in ("keys-a", "keys-b"):
        await admin.create(stream, readers=("kim",))
        await admin.append(stream, line(0, f"in {stream}"))
    press = viewer.page.keyboard.press
    await viewer.open()
    await viewer.says("#login", "Sign in")
    assert await viewer.focused() == "login-user"
    await viewer.page.keyboard.type("kim")
    await press("Tab")
    await viewer.page.keyboard.type(token)
    await press("Enter")
    await viewer.says("#list", "keys-a", "keys-b")
    for expected in ("to-logs", "to-containers", "filter"):
        await press("Tab")
        assert await viewer.focused() == expected
    await press("ArrowDown")
    assert "keys-b" in await viewer.focused(), "the newest comes first"
    await press("ArrowDown")
    assert "keys-a" in await viewer.focused()
    await press("Enter")
    await viewer.shows("in keys-a")
    assert "keys-a" in await viewer.focused(), "the focus stays in the list"
    await press("ArrowUp")
    await press("Enter")
    await viewer.shows("in keys-b")
    assert await viewer.page.locator("#list a[aria-current]").get_attribute("href") == "#log=keys-b"
    for _ in ("filter", "to-containers", "to-logs", "sign-out", "skip"):
        await press("Shift+Tab")
    assert "Skip" in await viewer.focused()
    await press("Enter")
    assert await viewer.focused() == "scroller"


async def test_phone_shows_one_pane_at_a_time(admin: Admin, browser: Browser, server: ServerProcess) -> None:
    token = await admin.user("alice")
    await admin.create("small", readers=("alice",))
    await admin.append("small", line(0, "a line that is too long for a phone " * 5))
    async with viewing(browser, server, (360, 640)) as viewer:
        await viewer.open("alice", token)
        await viewer.says("#list", "small")
        assert not await viewer.page.locator("#main").is_visible()
        await viewer.page.click("a[href='#log=small']")
        await viewer.says("#scroller", "too long for a phone")
        assert not await viewer.page.locator("#list").is_visible()
        width = "document.documentElement.scrollWidth + document.getElementById('scroller').scrollWidth"
        assert await viewer.page.evaluate(width) == 720, "nothing is wider than the screen"
        await viewer.page.click("#back")
        await viewer.says("#list", "small")


# ---------------------------------------------------------------- containers


async def test_containers_are_live_from_queue_to_end_with_their_log(admin: Admin, viewer: Viewer) -> None:
    token = await admin.user("cora")
    await admin.container("live-1", readers=("cora",), name="tide", priority=7)
    await viewer.open("cora", token)
    await viewer.page.click("#to-containers")
    await viewer.contains("tide queued")
    await viewer.says("#containers .about", "waits", "priority 7")
    await viewer.says("#containers .command", "true")
    await viewer.page.click("#containers a")
    await viewer.says("#container-words", "waits for a dispatcher")
    await viewer.says("#log-badge", "no log")
    held = await admin.take("live-1", "d-1")
    await viewer.says("#container-words", "about to start on d-1")
    await admin.call("fairlead.container.start", **held, log="live-1")
    await viewer.says("#end", "no stream 'live-1'")
    await admin.create("live-1", readers=("cora",))
    await admin.append("live-1", line(0, "at work"))
    await admin.call("fairlead.container.progress", **held, progress=0.4)
    await viewer.shows("at work")
    await viewer.says("#container-facts", "40 %", "on d-1")
    assert await viewer.page.locator("#container-progress").evaluate("bar => bar.value") == 0.4
    await admin.call("fairlead.container.finish", **held, exit_code=3)
    await viewer.contains("tide exit 3")
    await viewer.says("#container-words", "exit status 3")
    await viewer.says("#announcer", "exit status 3")
    await viewer.page.reload()
    await viewer.shows("at work")
    await viewer.says("#container-words", "exit status 3")


async def test_cancel_asks_once_and_says_when_it_is_not_allowed(admin: Admin, viewer: Viewer) -> None:
    token = await admin.user("carol")
    await admin.container("cancelled", readers=("carol",))
    held = await admin.take("cancelled", "d-1")
    await admin.call("fairlead.container.start", **held)
    await viewer.open("carol", token)
    await viewer.page.click("#to-containers")
    await viewer.page.click("#containers a")
    await viewer.page.click("#container-cancel")
    await viewer.page.keyboard.press("Escape")
    assert await viewer.focused() == "container-cancel"
    await viewer.contains("cancelled running")
    await viewer.page.click("#container-cancel")
    await viewer.page.click("#container-yes")
    await viewer.says("#container-problem", "not change it")
    await viewer.contains("cancelled running")
    await admin.grant("carol", "cancelled", "write")
    await viewer.page.click("#container-cancel")
    await viewer.page.click("#container-yes")
    await viewer.contains("cancelled cancelling")
    await viewer.says("#container-cancel", "Cancelling")
    assert await viewer.page.locator("#container-cancel").is_disabled()
    await admin.call("fairlead.container.finish", **held, cancelled=True)
    await viewer.contains("cancelled cancelled")
    assert await _is_hidden(viewer, "#container-cancel")


async def test_container_is_seen_only_while_one_may_and_comes_and_goes_live(admin: Admin, viewer: Viewer) -> None:
    token = await admin.user("cody")
    await admin.container("seen")
    await admin.container("hidden", name="a secret name")
    await viewer.open("cody", token)
    await viewer.page.click("#to-containers")
    await viewer.says("#container-note", "no container that you may see")
    await admin.grant("cody", "seen")
    await viewer.contains("seen queued")
    await viewer.page.click("#containers a")
    await viewer.says("#container-words", "waits")
    await admin.revoke("cody", "seen")
    await viewer.contains()
    await viewer.says("#container-words", "no such container")
    for selector in ("#container-command", "#container-facts", "#container-state-badge"):
        assert await viewer.page.locator(selector).text_content() == ""
    assert await _is_hidden(viewer, "#container-cancel")
    assert "secret" not in await viewer.page.content()


async def test_thousands_of_containers_are_few_elements_and_walked_by_keys(admin: Admin, viewer: Viewer) -> None:
    token = await admin.user("manu")
    await admin.call("fairlead.authz.apply", [{"op": "put", "kind": "object", "id": "many"}])
    await admin.grant("manu", "many")
    for number in range(3_000):
        about = {"id": f"many-{number:04d}", "object": "many", "priority": 3_000 - number}
        await admin.call("fairlead.container.create", ["true"], **about)
    await viewer.open("manu", token)
    await viewer.page.click("#to-containers")
    await viewer.says("#container-note", "3\u202f000 containers")
    await viewer.page.focus("#container-filter")
    press = viewer.page.keyboard.press
    await press("ArrowDown")
    assert "many-0000" in await viewer.focused()
    await press("End")
    assert "many-2999" in await viewer.focused()
    focused = viewer.page.locator("#containers li:focus-within")
    assert await focused.get_attribute("aria-posinset") == "3000"
    assert await focused.get_attribute("aria-setsize") == "3000"
    assert await viewer.page.locator("#containers li").count() < 60
    await admin.call("fairlead.container.set_priority", "many-2999", 9_000)
    await eventually(lambda: _is_first(focused), SHOWN_LIMIT_S)
    assert "many-2999" in await viewer.focused(), "the focus goes along"
    await viewer.page.fill("#container-filter", "many-12")
    await viewer.says("#container-note", "100 of 3\u202f000")
    await viewer.page.select_option("#container-state", "Complete")
    await viewer.says("#container-note", "No container matches")


async def test_containers_go_on_after_a_kill_9(server: ServerProcess, viewer: Viewer) -> None:
    async with administration(server) as admin:
        token = await admin.user("kate")
        await admin.container("killed", readers=("kate",))
        await viewer.open("kate", token)
        await viewer.page.click("#to-containers")
        await viewer.contains("killed queued")
    server.kill()
    await viewer.says("#connection", "Reconnecting in")
    await server.start()
    async with administration(server) as admin:
        await admin.call("fairlead.container.cancel", "killed")
        await viewer.contains("killed cancelled")


# ---------------------------------------------------------------- helpers


async def _is_first(row: Locator) -> bool:
    return await row.get_attribute("aria-posinset") == "1"


def _hay(number: int) -> str:
    return f"a NEEDLE {number}" if number in (1_500, 8_500) else f"hay {number}"


async def _is_hidden(viewer: Viewer, selector: str) -> bool:
    return not await viewer.page.locator(selector).is_visible()


async def _has(viewer: Viewer, text: str) -> bool:
    return any(row.text == text for row in await viewer.rows())


async def _last_is(viewer: Viewer, text: str) -> bool:
    rows = await viewer.rows()
    return bool(rows) and rows[-1].text == text
