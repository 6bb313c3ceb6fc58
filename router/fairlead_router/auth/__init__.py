"""Authentication: who is the peer?

| module                | methods                                                                             |
|-----------------------|-------------------------------------------------------------------------------------|
| `protocol`            | what a realm asks, and what it is answered                                          |
| `anonymous`, `ticket` | `anonymous`, `ticket`                                                               |
| `methods`             | several methods in one realm                                                        |
| `wampcra`             | `wampcra`: a shared secret, possibly salted                                         |
| `scram`               | `wamp-scram` as specified, `scram` as Autobahn does it: a password nobody else knows |
| `cryptosign`          | `cryptosign`: Ed25519 keys                                                          |
| `tls`, `cookie`       | `tls`, `cookie`: what the transport knows                                           |
| `dynamic`             | any of them, with what a callable or a WAMP procedure of the program says           |

Only the first three rows are imported here: the others are imported by who uses them.
"""

from fairlead_router.auth.anonymous import AnonymousAuthenticator, offers_anonymous
from fairlead_router.auth.methods import MethodsAuthenticator
from fairlead_router.auth.protocol import Authenticator, ChallengeRequest, Decision, HelloRequest, then
from fairlead_router.auth.ticket import TicketAuthenticator

__all__ = [
    "AnonymousAuthenticator",
    "Authenticator",
    "ChallengeRequest",
    "Decision",
    "HelloRequest",
    "MethodsAuthenticator",
    "TicketAuthenticator",
    "offers_anonymous",
    "then",
]
