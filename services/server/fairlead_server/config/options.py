"""`[options]` of the main realm and `[realms.options]` of others: how a realm treats its peers.

An option of the router is a key here from the day it is there; what each does is in docs/configuration.md.
"""

from __future__ import annotations

from fairlead_router import RealmOptions
from fairlead_server.config.values import check_at_most, check_numbers


class OptionsTable(RealmOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Any of the options of a realm by name."""


def check_options(place: str, options: OptionsTable) -> None:
    """Raises ConfigError for a time that is none."""
    check_numbers(place, options)
    check_at_most(place, options, "call_timeout_s", "call_timeout_max_s")
