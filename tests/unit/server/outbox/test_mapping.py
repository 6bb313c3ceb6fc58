"""How rows become records: options, the file, and what neither may say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fairlead_server.errors import CommandError
from fairlead_server.outbox.mapping import Fetched, Mapping, columns_of, read_mapping

ROW = Fetched("7", {"n": 1}, owner="zzzzz-tpzed-1", object_id="queue")


def test_a_row_is_a_put_of_its_kind() -> None:
    assert Mapping("job", prefix="job-").put(Fetched("7", {"n": 1})) == {
        "op": "put",
        "id": "job-7",
        "kind": "job",
        "state": {"n": 1},
    }


def test_owner_and_object_of_the_row_count_over_those_of_all() -> None:
    mapping = Mapping("job", owner="ops", object="all")
    assert [mapping.put(Fetched("7", {}))[name] for name in ("owner", "object")] == ["ops", "all"]
    assert [mapping.put(ROW)[name] for name in ("owner", "object")] == ["zzzzz-tpzed-1", "queue"]


def test_a_record_without_the_prefix_is_of_no_row() -> None:
    mapping = Mapping("job", prefix="job-")
    assert (mapping.key_of("job-7"), mapping.key_of("other-7")) == ("7", None)


def test_options_count_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mapping.toml"
    path.write_text('kind = "job"\nowner = "ops"\n[columns]\nnode = "runtime_node"\n')
    assert read_mapping(path, {"owner": "me"}) == Mapping("job", owner="me", columns={"node": "runtime_node"})


@pytest.mark.parametrize(
    ("text", "given", "error"),
    [
        ("", {}, "--kind is missing"),
        ("kind = 'outbox_cursor'", {}, "the followers' own records"),
        ("kind = 5", {}, "Expected `str`, got `int` - at `$.kind`"),
        ("kinds = 'x'", {}, "unknown field `kinds`; keys are kind, prefix, owner,"),
        ("kind = ", {}, "not TOML"),
    ],
)
def test_a_mistake_names_the_file_and_the_key(tmp_path: Path, text: str, given: dict[str, Any], error: str) -> None:
    path = tmp_path / "mapping.toml"
    path.write_text(text)
    with pytest.raises(CommandError) as caught:
        read_mapping(path, given)
    assert error in str(caught.value)


def test_a_mapping_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"cannot read the mapping '.*none.toml': No such file"):
        read_mapping(tmp_path / "none.toml", {})


@pytest.mark.parametrize("given", [["a,,b"], ["a", "a"], ["x=a,x=b"], ["x="], [""]])
def test_what_is_no_list_of_columns_is_named(given: list[str]) -> None:
    with pytest.raises(CommandError, match="write COLUMN or FIELD=COLUMN"):
        columns_of(given)
