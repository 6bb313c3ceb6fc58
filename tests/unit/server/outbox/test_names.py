"""Names of tables and outboxes, and how they stand in SQL."""

from __future__ import annotations

import pytest

from fairlead_server.errors import CommandError
from fairlead_server.outbox.installing import install_script
from fairlead_server.outbox.names import literal, names_of, quoted


def test_a_table_has_an_outbox_of_its_name_in_its_schema() -> None:
    names = names_of("arvados.containers", None)
    assert (names.source, names.rows) == ('"arvados"."containers"', '"arvados"."fairlead_outbox_containers"')
    assert names_of("containers", "second").rows == '"public"."fairlead_outbox_second"'


@pytest.mark.parametrize("table", ["", ".", "x.", ".containers"])
def test_what_is_no_table_is_named(table: str) -> None:
    with pytest.raises(CommandError, match=r"write TABLE or SCHEMA\.TABLE"):
        names_of(table, "x")


@pytest.mark.parametrize(
    ("table", "name"), [("Containers", None), ("a b", None), ("t", "x" * 41), ("t", "1"), ("t", "")]
)
def test_a_name_that_is_none_asks_for_another(table: str, name: str | None) -> None:
    with pytest.raises(CommandError, match="give a --name"):
        names_of(table, name)


def test_nothing_leaves_its_quotes() -> None:
    assert quoted('a";--') == '"a"";--"'
    assert literal("a';--") == "'a'';--'"
    assert literal("a\\';--") == " E'a\\\\'';--'"


def test_no_name_ends_the_body_of_the_function() -> None:
    with pytest.raises(CommandError, match=r"a name with \$outbox\$ in it"):
        install_script(names_of("t", None), "id$outbox$", notifies=True)


def test_who_wants_no_notifications_gets_a_function_without() -> None:
    names = names_of("t", None)
    assert "pg_notify('fairlead_outbox_t', '')" in install_script(names, "id", notifies=True)
    assert "notify(" not in install_script(names, "id", notifies=False)
