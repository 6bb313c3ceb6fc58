"""The program of docs/meta-api.md prints what stands behind it."""

from __future__ import annotations

from support.docs import programs, run


def test_program_prints_what_stands_behind_it() -> None:
    [(program, output)] = programs("meta-api.md")
    assert run(program) == (output, "")
