"""The program of docs/go.md is the example that Go compiles."""

from __future__ import annotations

import re
import textwrap

from support.project import ROOT


def test_the_program_of_the_page_is_that_of_the_example() -> None:
    page = (ROOT / "docs" / "go.md").read_text(encoding="utf-8")
    example = (ROOT / "client" / "go" / "example_test.go").read_text(encoding="utf-8")
    [program] = re.findall(r"```go\n(.*?)```", page, flags=re.DOTALL)
    body = example[example.index("func Example() {\n") :].removeprefix("func Example() {\n").rstrip().removesuffix("}")
    assert program == textwrap.dedent(body.replace("\t", "    "))
