"""`twist fairlead`: a router for trials from Twisted's command line. Found by twisted/plugins/fairlead_plugin.py.

Everybody is anonymous and may do everything, so only this machine can connect unless `--public` says otherwise. For
authentication and permissions embed a `RouterService`, or use `fairlead serve`.
"""

import asyncio
import signal
import sys
from types import FrameType

from twisted.internet import reactor
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.usage import Options as UsageOptions
from twisted.python.usage import UsageError

from fairlead_router.errors import InvalidUri
from fairlead_router.limits import Limits
from fairlead_router.router import Router
from fairlead_router.transports.endpoints import parse_endpoint
from fairlead_router.twisted import RouterService, check_reactor
from fairlead_router.uris import check_uri

DEFAULT_ENDPOINT = "tcp://127.0.0.1:8080"
DEFAULT_REALM = "realm1"

log = Logger()


class Options(UsageOptions):
    """What may be given on the command line."""

    synopsis = "[options]"
    longdesc = (
        "Runs a WAMP router: WebSocket (path /ws) and RawSocket on every endpoint. Everybody joins as anonymous and "
        "may do everything. It is faster with --reactor=uvloop. Ctrl-C says goodbye to every session, then ends."
    )
    optFlags = (("public", None, "Allow endpoints that other machines can reach, where everybody may do everything."),)

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted is partly untyped
        self["endpoints"] = []
        self["realms"] = []

    def opt_endpoint(self, endpoint: str) -> None:
        """Listen at tcp://HOST:PORT, unix:///PATH or fd://NUMBER; may be repeated. [default: tcp://127.0.0.1:8080]"""
        self["endpoints"].append(endpoint)

    def opt_realm(self, realm: str) -> None:
        """A realm that clients may join; may be repeated. [default: realm1]"""
        self["realms"].append(realm)

    def postOptions(self) -> None:
        """Raises UsageError for what no router can do, or should not."""
        self["endpoints"] = self["endpoints"] or [DEFAULT_ENDPOINT]
        self["realms"] = list(dict.fromkeys(self["realms"])) or [DEFAULT_REALM]
        try:
            for endpoint in self["endpoints"]:
                _check_endpoint(endpoint, self["public"])
            for realm in self["realms"]:
                check_uri(realm, "exact", Limits().uri_length)
        except (ValueError, InvalidUri) as error:
            raise UsageError(str(error)) from None


def makeService(options: Options) -> RouterService:
    """Called by `twist`. Exits with one line on a reactor of another kind."""
    try:
        check_reactor()
    except RuntimeError as error:
        sys.exit(f"twist fairlead: {error}; use --reactor=asyncio or --reactor=uvloop before `fairlead`")
    return _Command(options["realms"], options["endpoints"])


class _Command(RouterService):
    """Says where it listens, ends the program where it cannot, and when a signal asks for it."""

    def __init__(self, realms: list[str], endpoints: list[str]) -> None:
        super().__init__(self._add_realms, *endpoints)
        self._realms = realms

    def startService(self) -> None:
        super().startService()
        self.whenOpen().addCallbacks(_opened, _give_up)

    def _add_realms(self, router: Router) -> None:
        for realm in self._realms:
            router.add_realm(realm)


def _opened(router: Router) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    for listener in router.listeners:
        log.info("WAMP clients can connect to {endpoint}", endpoint=listener.endpoint)


def _stop(number: int, frame: FrameType | None) -> None:
    """In order, with exit status 0; Twisted's own handler would end the program by the signal. A second one kills."""
    signal.signal(number, signal.SIG_DFL)
    log.info("closing")
    reactor.callFromThread(reactor.stop)  # type: ignore[misc]  # zope


def _give_up(failure: Failure) -> None:
    """Out of the reactor, with a line in the log and exit status 1: there is nothing else to shut down."""
    if not failure.check(asyncio.CancelledError):  # type: ignore[no-untyped-call]
        log.critical("{reason}", reason=failure.getErrorMessage())
        asyncio.get_running_loop().call_soon(sys.exit, 1)


def _check_endpoint(text: str, is_public: bool) -> None:
    """Raises ValueError."""
    endpoint = parse_endpoint(text)
    if endpoint.scheme == "tls":
        raise ValueError(f"endpoint {text!r} needs a certificate: embed a RouterService, or use `fairlead serve`")
    if not (is_public or endpoint.is_local):
        raise ValueError(f"endpoint {text!r}: other machines may reach it and do everything; --public allows it")
