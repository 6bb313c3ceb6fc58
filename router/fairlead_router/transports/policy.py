"""What all connections of one listener share: its options, its counts and its open connections."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from fairlead_router.gatekeeper import Gatekeeper
from fairlead_router.transports.admission import Admission
from fairlead_router.transports.forwarding import TrustedProxies
from fairlead_router.transports.http_guard import HttpGuard
from fairlead_router.transports.peers import OpenPeer

if TYPE_CHECKING:
    from fairlead_router.transports.door import Door

HttpFactory = Callable[[], asyncio.Protocol]
"""May raise HttpRefusal: these connections count in no limit of the router, so the program bounds them itself."""


class DoorPolicy:
    """Made by `Router.listen`."""

    def __init__(  # noqa: PLR0913 - plain values
        self,
        router: Gatekeeper,
        admission: Admission,
        *,
        guard: HttpGuard,
        path: str,
        http: HttpFactory | None,
        proxies: TrustedProxies,
        sets_cookies: bool,
    ) -> None:
        self.router = router
        self.admission = admission
        self.guard = guard
        self.path = path
        self.http = http
        self.proxies = proxies
        self.sets_cookies = sets_cookies
        self.waiting: set[Door] = set()
        self.open_peers: set[OpenPeer] = set()
