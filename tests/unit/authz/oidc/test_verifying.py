"""One JWT: what is refused before and after its signature is looked at."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest

from fairlead_authz.oidc.issuer import USUAL, Algorithm, Issuer
from fairlead_authz.oidc.jwks import decode_keys
from fairlead_authz.oidc.verifying import MAX_TOKEN_CHARACTERS, Unverified, is_jwt, read, verify
from fairlead_router.errors import AuthenticationFailed
from support.issuer import AUDIENCE, claims_of, key_set, private_key, public_jwk, sign

URL = "https://a.example.org"
ISSUER = Issuer(issuer=URL, audience=AUDIENCE, prefix="a-", leeway_s=30)
NESTED = b'{"iss":' + b"[" * 10_000


def verified(token: str, algorithm: str = "ES256", issuer: Issuer = ISSUER) -> dict[str, Any]:
    """With the issuer's key for this algorithm."""
    key = decode_keys(key_set(public_jwk(private_key(algorithm), "k")), issuer.algorithms).get("k")
    assert key is not None
    return verify(read(token), key[algorithm], issuer)


def token(algorithm: str = "ES256", **changed: Any) -> str:
    """Times are seconds from now."""
    for name in {"exp", "nbf", "iat"} & set(changed):
        if isinstance(changed[name], int):
            changed[name] += int(time.time())
    return sign(private_key(algorithm), algorithm, claims_of(URL, "alice", **changed), "k")


def part(value: object) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.mark.parametrize("algorithm", USUAL)
def test_a_good_token_has_its_claims(algorithm: Algorithm) -> None:
    assert verified(token(algorithm), algorithm)["sub"] == "alice"


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": [AUDIENCE, "another"]},
        {"exp": -20},
        {"nbf": 20},
        {"iat": 20},
        {"iat": None},
    ],
    ids=str,
)
def test_clocks_may_differ_a_little_and_we_are_one_audience_of_several(changed: dict[str, Any]) -> None:
    assert verified(token(**changed))["sub"] == "alice"


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "another"},
        {"aud": ["another"]},
        {"aud": []},
        {"aud": {}},
        {"aud": None},
        {"aud": f"{AUDIENCE}x"},
        {"exp": None},
        {"exp": "soon"},
        {"nbf": 60},
        {"iat": 60},
        {"sub": None},
        {"sub": 7},
        {"iss": f"{URL}/"},
        {"iss": "https://b.example.org"},
    ],
    ids=str,
)
def test_a_token_that_is_not_for_us_or_not_for_now_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(AuthenticationFailed, match=r"^the token is not valid$"):
        verified(token(**changed))


def test_who_has_a_token_that_has_expired_is_told_so() -> None:
    with pytest.raises(AuthenticationFailed, match=r"^the token has expired$"):
        verified(token(exp=-60))


def test_a_token_without_the_claim_that_names_the_user_is_refused() -> None:
    issuer = Issuer(issuer=URL, audience=AUDIENCE, prefix="a-", claim="preferred_username")
    with pytest.raises(AuthenticationFailed):
        verified(token(), issuer=issuer)
    assert verified(token(preferred_username="al"), issuer=issuer)["preferred_username"] == "al"


def test_a_token_of_another_key_is_refused() -> None:
    forged = sign(private_key("ES256", "forger"), "ES256", claims_of(URL, "alice"), "k")
    with pytest.raises(AuthenticationFailed):
        verified(forged)


def test_a_token_that_was_changed_is_refused() -> None:
    head, _, signature = token().split(".")
    with pytest.raises(AuthenticationFailed):
        verified(f"{head}.{part(claims_of(URL, 'admin'))}.{signature}")


def test_a_token_without_a_signature_is_refused() -> None:
    for algorithm in ("none", "None", "", "ES256"):
        with pytest.raises(AuthenticationFailed):
            verified(f"{part({'alg': algorithm})}.{part(claims_of(URL, 'alice'))}.")


def test_a_public_key_is_no_secret_to_sign_with() -> None:
    public = json.dumps(public_jwk(private_key("RS256"), "k")).encode()
    head, payload = part({"alg": "HS256", "kid": "k"}), part(claims_of(URL, "alice"))
    signature = hmac.digest(public, f"{head}.{payload}".encode(), hashlib.sha256)
    with pytest.raises(AuthenticationFailed):
        verified(f"{head}.{payload}.{part(signature)}", "RS256")


def test_a_key_serves_the_algorithm_that_it_is_bound_to_and_no_other() -> None:
    with pytest.raises(AuthenticationFailed):
        verified(sign(private_key("RS256"), "PS256", claims_of(URL, "alice"), "k"), "RS256")


def test_what_must_be_understood_and_is_not_is_refused() -> None:
    critical = sign(private_key("ES256"), "ES256", claims_of(URL, "alice"), "k", crit=["exp"])
    with pytest.raises(AuthenticationFailed):
        verified(critical)


@pytest.mark.parametrize("type_", ["JWT", "jwt", "at+jwt", "application/at+jwt"])
def test_tokens_of_users_say_that_they_are(type_: str) -> None:
    assert read(sign(private_key("ES256"), "ES256", claims_of(URL, "alice"), typ=type_)).issuer == URL


@pytest.mark.parametrize("type_", ["logout+jwt", "secevent+jwt", "dpop+jwt", "JOSE"])
def test_tokens_of_another_type_are_refused(type_: str) -> None:
    with pytest.raises(AuthenticationFailed):
        read(sign(private_key("ES256"), "ES256", claims_of(URL, "alice"), typ=type_))


@pytest.mark.parametrize(
    "text",
    [
        "..",
        "a.b.c",
        "!.!.!",
        f"{part({'alg': 'ES256'})}.{part([])}.",
        f"{part({'alg': 'ES256'})}.{part({'iss': 7})}.",
        f"{part({'alg': 'ES256'})}.{part({})}.",
        f"{part({'alg': 7})}.{part({'iss': URL})}.",
        f"{part({'alg': 'ES256', 'kid': {}})}.{part({'iss': URL})}.",
        f"{part({'alg': 'ES256', 'kid': None, 'typ': None})}.{part({'iss': URL})}.",
        f"{part(b'[' * 10_000)}.{part({'iss': URL})}.",
        f"{part({'alg': 'ES256'})}.{part(NESTED)}.",
        f"{part(bytes([255]))}.{part({'iss': URL})}.",
        f"{part({'alg': 'ES256'})}.{part({'iss': URL})}.ä",
        f"{part({'alg': 'ES256'})}.{part({'iss': URL})}.\ud800",
        f"{part({'alg': 'ES256'})}.{part({'iss': URL})}.{'A' * MAX_TOKEN_CHARACTERS}",
    ],
)
def test_what_only_looks_like_a_token_is_refused(text: str) -> None:
    assert is_jwt(text)
    with pytest.raises(AuthenticationFailed, match=r"^the token is not valid$"):
        read(text)


@pytest.mark.parametrize("ticket", ["", "v2/4711/secret", "a.b", "a.b.c.d"])
def test_other_tickets_are_no_jwts(ticket: str) -> None:
    assert not is_jwt(ticket)


def test_only_what_picks_the_key_is_read_of_a_token_before_its_signature() -> None:
    text = sign(
        private_key("ES256"), "ES256", claims_of(URL, "alice"), "k", jku="http://169.254.169.254/", x5u="http://x"
    )
    found = read(text)
    assert isinstance(found, Unverified)
    assert (found.header.alg, found.header.kid, found.issuer) == ("ES256", "k", URL)
    assert not hasattr(found.header, "jku")
