"""The program of docs/transports.md prints what stands behind it."""

from __future__ import annotations

import pytest

from support.docs import programs, run


@pytest.mark.parametrize(("program", "output"), programs("transports.md"), ids=["unix socket"])
def test_program_prints_what_stands_behind_it(program: str, output: str) -> None:
    printed, _logged = run(program)  # Autobahn logs to stderr
    assert printed == output
