"""OpenID Connect: a JWT from a configured issuer is a ticket like a token of ours.

| module          | is                                                                             |
|-----------------|--------------------------------------------------------------------------------|
| `issuer`        | what is configured of an issuer, and which algorithms there are                |
| `authenticator` | from the ticket to the principal: whose issuer, which key, which user          |
| `verifying`     | one JWT: what it says of itself, and what is true of it                        |
| `keys`, `jwks`  | the keys of one issuer: kept, fetched again, given up; how they are written    |
| `fetching`      | the discovery document and the keys over HTTP                                  |

A token decides nothing before its signature is checked but which configured issuer's keys are looked at: keys are
kept by issuer and id, never by the id alone, and no URL is ever taken from a token.

The signatures are PyJWT's business: it is the library that most programs use and so the one whose mistakes are found,
it needs nothing but `cryptography`, and it binds a key to its algorithm.
"""

from fairlead_authz.oidc.authenticator import OidcAuthenticator, OidcPrincipal
from fairlead_authz.oidc.issuer import Issuer
from fairlead_authz.oidc.jwks import KeySet

__all__ = ["Issuer", "KeySet", "OidcAuthenticator", "OidcPrincipal"]
