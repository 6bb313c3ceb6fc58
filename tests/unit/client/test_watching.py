"""The picture that a watch gives: each change once, also over lost sessions and resets."""

from __future__ import annotations

from typing import Any, cast

from fairlead_client.runtime import Session
from fairlead_client.watching import Added, Anew, Changed, Removed, Watcher, Whole

SESSION = cast(Session, object())


def told(change: str, id_: str, version: int) -> dict[str, Any]:
    about = {"kind": "job", "owner": "alice", "object": id_, "created_us": 1, "changed_us": 10 + version}
    return {"change": change, "id": id_, "version": version, **about, "state": {"n": version}}


def heard(watcher: Watcher, **answer: Any) -> list[str]:
    """What a dict of the watch comes to, in short."""
    return [_short(item) for item in watcher.progressed(answer)]


def _short(item: object) -> str:
    match item:
        case Added(entry):
            return f"+{entry.id}:{entry.version}"
        case Changed(entry):
            return f"{entry.id}:{entry.version}"
        case Removed(id_):
            return f"-{id_}"
        case Whole(bookmark):
            return bookmark
        case Anew(reason):
            return reason
    raise AssertionError(item)


def watcher_of(*ids: str) -> Watcher:
    """One that has these at bookmark B1, in version 3."""
    watcher = Watcher(kind="job")
    watcher.begun(SESSION)
    heard(watcher, watch=1, changes=[told("added", id_, 3) for id_ in ids], bookmark="B1")
    return watcher


def held(watcher: Watcher) -> dict[str, int]:
    return {entry.id: entry.version for entry in watcher.entries.values()}


def test_what_is_told_again_in_another_session_is_not_heard_again() -> None:
    watcher = watcher_of("a", "b")
    assert heard(watcher, changes=[told("changed", "a", 4)]) == ["a:4"]
    watcher.begun(SESSION)
    assert watcher.request().kwargs["bookmark"] == "B1"
    again = [told("changed", "a", 4), told("changed", "b", 4)]
    assert heard(watcher, watch=2, changes=again, bookmark="B2") == ["b:4", "B2"]


def test_what_came_after_the_bookmark_and_is_true_no_more_goes_with_the_next_one() -> None:
    watcher = watcher_of("a")
    heard(watcher, changes=[told("added", "b", 1), {"change": "removed", "id": "a"}])
    watcher.begun(SESSION)
    watcher.begun(SESSION)
    assert heard(watcher, watch=2, changes=[]) == []
    assert heard(watcher, bookmark="B2") == ["-b", "+a:3", "B2"]


def test_a_reset_keeps_what_is_told_again_and_drops_the_rest_at_its_bookmark() -> None:
    watcher = watcher_of("a", "b")
    watcher.begun(SESSION)
    assert heard(watcher, watch=2, reset={"reason": "permissions"}, changes=[told("added", "a", 3)]) == ["permissions"]
    assert held(watcher) == {"a": 3, "b": 3}
    assert heard(watcher, changes=[told("added", "c", 1)], bookmark="B2") == ["+c:1", "-b", "B2"]


def test_behind_a_reset_a_record_with_a_lower_version_is_a_new_one_of_that_id() -> None:
    watcher = watcher_of("a")
    watcher.begun(SESSION)
    heard(watcher, watch=1, reset={"reason": "epoch"}, changes=[told("added", "a", 1)], bookmark="C1")
    assert held(watcher) == {"a": 1}
    assert heard(watcher, changes=[told("changed", "a", 1)]) == [], "from now on versions grow again"
