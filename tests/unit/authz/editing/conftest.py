"""A graph to be edited, without a store."""

from __future__ import annotations

import pytest

from unit.authz.editing.desk import Desk


@pytest.fixture
def desk() -> Desk:
    """Users ann, bob and carol, a role staff of nobody, and ann's project p with the object x."""
    return Desk()
