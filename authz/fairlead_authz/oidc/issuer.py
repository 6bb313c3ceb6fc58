"""What is configured of an issuer of JWTs (OpenID Connect Core 1.0; RFC 7519)."""

from typing import Literal

import msgspec

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signatures with a public key. `none` and HS*, which would take a public key for a secret, cannot even be written."""

USUAL: tuple[Algorithm, ...] = ("RS256", "PS256", "ES256", "EdDSA")

LARGEST_LEEWAY_S = 300
"""Clocks that differ by more should be set."""


class Issuer(msgspec.Struct, frozen=True, kw_only=True):
    """Who may issue tokens, for whom they must be, and whose they are here."""

    issuer: str
    """As in the claim `iss`: compared character by character."""

    audience: str
    """Must be in the claim `aud`: us. A token that the issuer gave for another program is not for us."""

    prefix: str
    """Stands before the claim; both together are the id of the user."""

    claim: str = "sub"
    create_users: bool = False
    """Whether a user that is not known is made when it first comes."""

    name_claim: str = "name"
    """What a user that is made is called."""

    algorithms: tuple[Algorithm, ...] = USUAL
    leeway_s: int = 30
    """By so much the clocks may differ."""
