"""The options of `twist fairlead`."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.python.usage import UsageError

from fairlead_router.twist import Options


def parsed(*arguments: str) -> Options:
    options = Options()
    options.parseOptions(list(arguments))  # type: ignore[no-untyped-call]  # Twisted is partly untyped
    return options


def test_without_options_this_machine_can_join_realm1() -> None:
    options = parsed()
    assert (options["endpoints"], options["realms"]) == (["tcp://127.0.0.1:8080"], ["realm1"])


def test_endpoints_and_realms_may_be_repeated() -> None:
    options = parsed(
        "--endpoint", "[::1]:0", "--endpoint", "unix:///run/x", "--realm", "a", "--realm", "b", "--realm", "a"
    )
    assert (options["endpoints"], options["realms"]) == (["[::1]:0", "unix:///run/x"], ["a", "b"])


@pytest.mark.parametrize("endpoint", ["tcp://0.0.0.0:0", "example.org:80", "fd://3"])
def test_other_machines_are_let_in_only_if_that_is_said(endpoint: str) -> None:
    with pytest.raises(UsageError, match="--public allows it"):
        parsed("--endpoint", endpoint)
    assert parsed("--endpoint", endpoint, "--public")["endpoints"] == [endpoint]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--endpoint", "http://127.0.0.1:0"], "must be tcp://HOST:PORT"),
        (["--endpoint", "tls://127.0.0.1:0"], "needs a certificate"),
        (["--realm", "com..example"], r"com\.\.example"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(arguments: list[str], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        parsed(*arguments)


def test_help_says_what_each_option_does() -> None:
    text: Any = Options().getUsage(width=200)
    for part in ("--endpoint=", "--realm=", "--public", "tcp://127.0.0.1:8080", "realm1", "--reactor=uvloop"):
        assert part in text
