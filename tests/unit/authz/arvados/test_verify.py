"""Rows of computed permissions against graphs."""

from __future__ import annotations

import pytest

from fairlead_authz.arvados.errors import BadSource
from fairlead_authz.arvados.verify import Difference, Row, decode_rows, verify
from support.arvados_records import EVERYBODY, collection, link, project, role, user, uuid
from unit.authz.arvados.cluster import Here, bring

ANN, BEN = uuid("tpzed", "ann"), uuid("tpzed", "ben")
LAB, STAFF, DATA = uuid("j7d0g", "lab"), uuid("j7d0g", "staff"), uuid("4zz18", "data")

ROWS = [
    Row(ANN, ANN, "can_manage"),
    Row(ANN, LAB, "can_manage"),
    Row(ANN, EVERYBODY, "can_write"),
    Row(ANN, BEN, "can_read"),
    Row(BEN, BEN, "can_manage"),
    Row(BEN, STAFF, "can_write"),
    Row(BEN, LAB, "can_write"),
    Row(BEN, DATA, "can_read"),
]


async def here() -> Here:
    """Ann's lab is shared with ben's role; what ben has on data is a link of its own."""
    made = Here()
    await bring(
        made,
        [
            *(user(name) for name in ("ann", "ben")),
            project("lab", ANN),
            collection("data", LAB),
            role("staff"),
            link(1, BEN, "can_write", STAFF),
            link(2, STAFF, "can_manage", LAB),
            link(3, BEN, "can_login", DATA),
            link(4, ANN, "can_write", EVERYBODY),
            link(5, EVERYBODY, "can_read", BEN),
        ],
    )
    return made


async def test_the_same_levels_are_no_difference() -> None:
    verdict = verify((await here()).graph, ROWS)
    assert verdict == (len(ROWS), 0, [])


async def test_differences_are_found_both_ways() -> None:
    rows = [*ROWS[:-2], Row(BEN, LAB, "can_manage")]
    assert verify((await here()).graph, rows).differences == [Difference(BEN, DATA, 0, 1), Difference(BEN, LAB, 3, 2)]


async def test_rows_about_what_is_not_here_are_counted() -> None:
    verdict = verify((await here()).graph, [*ROWS, Row(BEN, uuid("7fd4e", "workflow"), "can_read")])
    assert (verdict.not_here, verdict.differences) == (1, [])


def test_a_part_of_the_list_is_refused() -> None:
    with pytest.raises(BadSource, match="0 of 3"):
        decode_rows("rows.json", b'{"items": [], "items_available": 3}')
