"""The table of errors is the truth about them."""

from __future__ import annotations

import re

from fairlead_logstream import errors
from fairlead_router import LimitExceeded, RequestError

CLASSES = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, RequestError)]


def test_every_error_of_ours_is_in_the_table_once_and_no_other() -> None:
    ours = {error.uri for error in CLASSES if error.uri.startswith("fairlead.")} | {LimitExceeded.uri}
    listed = re.findall(r"^\| `(fairlead\.error\.\w+)`", errors.__doc__ or "", re.MULTILINE)
    assert sorted(listed) == sorted(ours)
    assert len(ours) == len(CLASSES)
