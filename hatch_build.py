"""The build hook: what a wheel holds beside the packages.

| what                                                 | where it comes from                       |
|------------------------------------------------------|-------------------------------------------|
| the built page, in `fairlead_server/web`             | `web/dist`, where there is one            |
| `twist fairlead`: `twisted/plugins/fairlead_plugin.py` | `router/twisted`, which is no package     |

A static force-include of the page would break `pip install` wherever it is not built. An editable install gets no
copies, because they would grow old: there the server finds the page, and Twisted the plugin, in the checkout.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PAGE_SOURCE = "web/dist"
PAGE_IN_WHEEL = "fairlead_server/web"
PLUGIN_ROOT = "router"
PLUGIN_IN_WHEEL = "twisted/plugins/fairlead_plugin.py"


class WheelHook(BuildHookInterface[Any]):
    """Adds both to a wheel that is not editable."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before the target is built; `version` is "standard" or "editable"."""
        if version == "editable":
            return
        root = Path(self.root)
        build_data["force_include"][str(root / PLUGIN_ROOT / PLUGIN_IN_WHEEL)] = PLUGIN_IN_WHEEL
        page = root / PAGE_SOURCE
        if (page / "index.html").is_file():
            build_data["force_include"][str(page)] = PAGE_IN_WHEEL
