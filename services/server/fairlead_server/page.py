"""Where the built page is: the one place that knows.

An installed distribution has it beside this module. In a checkout (an editable install has no copy, which would grow
old) it is where Vite leaves it. It may also be not built at all: the server then says so in its place.
"""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).resolve().parent
INSTALLED = HERE / "web"
CHECKOUT = HERE.parents[2] / "web" / "dist"

NOT_BUILT = """\
The page of Fairlead is not built.

In a checkout, type:

    make web

and load this again. The server itself runs: clients connect to /ws, and /health answers.
"""


def find_page(places: tuple[Path, ...] = (INSTALLED, CHECKOUT)) -> Path | None:
    """The directory with the page's index.html, the first of `places` that has one; None where it is not built."""
    return next((place for place in places if (place / "index.html").is_file()), None)
