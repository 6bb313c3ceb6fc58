"""What Twisted finds on its plugin path: `twist fairlead`, and the reactor `uvloop` to run it on.

No package of ours: `twisted.plugins` takes modules from every directory of this name. Nothing is imported here
before it is used, because every program that looks for plugins loads this module.
"""

from twisted.application.reactors import Reactor
from twisted.application.service import ServiceMaker

fairlead = ServiceMaker("fairlead", "fairlead_router.twist", "A WAMP router", "fairlead")  # type: ignore[no-untyped-call]
uvloop = Reactor("uvloop", "fairlead_router.uvloop_reactor", "asyncio on uvloop, which is faster")
