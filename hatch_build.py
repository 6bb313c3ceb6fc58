"""The build hook: adds the built page to the wheel where there is one.

A static force-include would break `pip install` wherever the page is not built. An editable install gets no copy
either, because it would grow old: there the server finds the page in the checkout.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PAGE_SOURCE = "web/dist"
PAGE_IN_WHEEL = "fairlead_server/web"


class PageHook(BuildHookInterface[Any]):
    """Maps `web/dist` to `fairlead_server/web` in a wheel that is not editable."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before the target is built; `version` is "standard" or "editable"."""
        page = Path(self.root) / PAGE_SOURCE
        if version != "editable" and (page / "index.html").is_file():
            build_data["force_include"][str(page)] = PAGE_IN_WHEEL
