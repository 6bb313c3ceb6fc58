"""Where in a TOML file something stands. `tomllib` does not say, so the file is looked through again for an error.

Only files that `tomllib` has read come here: it is about where statements begin, not whether they are right.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?!")|\'\'\'.*?\'\'\'(?!\')|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*|\n|[A-Za-z0-9_-]+|.',
    re.DOTALL,
)
_OPENING, _CLOSING = ("[", "{"), ("]", "}")


def line_of(text: str, place: str) -> int | None:
    """The line of a key like `rules[2].subscribe`, else of the table that it is missing in; None if that is not there.

    >>> line_of("[[rules]] # first", "rules[0].uri")
    1
    """
    lines = _lines(text)
    table = place.rpartition(".")[0]
    in_one_statement = table.rpartition("[")[0]
    return next((lines[each] for each in (place, table, in_one_statement) if each in lines), None)


def _lines(text: str) -> dict[str, int]:
    """Place -> line, for each table and each key of a table in brackets."""
    found: dict[str, int] = {}
    tables: Counter[str] = Counter()
    table = ""
    for line, tokens in _statements(text):
        if tokens[0] == "[":
            names = _names(tokens)
            is_one_of_many = tokens[1:2] == ["["]
            if is_one_of_many:
                tables[_place(names, tables)] += 1
            table = _place(names, tables, is_whole=True)
            found.setdefault(table, line)
        else:
            names = _names(tokens[: tokens.index("=")])
            found.setdefault(".".join((table, *names) if table else names), line)
    return found


def _place(names: list[str], tables: Counter[str], is_whole: bool = False) -> str:
    """The table with these names; of those that are many the last one counts, as in TOML."""
    place = ""
    for name in names[:-1]:
        place = _numbered(f"{place}.{name}".lstrip("."), tables)
    place = f"{place}.{names[-1]}".lstrip(".")
    return _numbered(place, tables) if is_whole else place


def _numbered(place: str, tables: Counter[str]) -> str:
    return f"{place}[{tables[place] - 1}]" if tables[place] else place


def _names(tokens: list[str]) -> list[str]:
    return [token.strip("\"'") for token in tokens if token not in (".", "[", "]")]


def _statements(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each header or key with its value: the line that it begins in, and its tokens without space and comments."""
    line, begun, depth = 1, 1, 0
    tokens: list[str] = []
    for token in _TOKEN.findall(text):
        if token == "\n" and not depth and tokens:
            yield begun, tokens
            tokens = []
        elif not token.isspace() and not token.startswith("#"):
            begun = begun if tokens else line
            tokens.append(token)
            depth += (token in _OPENING) - (token in _CLOSING)
        line += token.count("\n")
    if tokens:
        yield begun, tokens
