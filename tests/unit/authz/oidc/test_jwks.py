"""Key sets: which keys can be used, each for which algorithms."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from fairlead_authz.oidc.issuer import USUAL, Algorithm
from fairlead_authz.oidc.jwks import MAX_KEYS, InvalidKeys, decode_keys
from support.issuer import key_set, private_key, public_jwk

EVERY: tuple[Algorithm, ...] = ("RS256", "RS512", "PS256", "ES256", "ES384", "EdDSA")


def jwk(algorithm: str, kid: str | None = "k", **members: Any) -> dict[str, Any]:
    return public_jwk(private_key(algorithm), kid, **members)


@pytest.mark.parametrize(
    ("key", "algorithms"),
    [
        (jwk("RS256"), ["RS256", "RS512", "PS256"]),
        (jwk("RS256", alg="PS256"), ["PS256"]),
        (jwk("ES256"), ["ES256"]),
        (jwk("ES384"), ["ES384"]),
        (jwk("EdDSA"), ["EdDSA"]),
        (jwk("EdDSA", use="sig", key_ops=["verify"]), ["EdDSA"]),
    ],
)
def test_a_key_is_bound_to_the_algorithms_that_it_is_for(key: dict[str, Any], algorithms: list[str]) -> None:
    found = decode_keys(key_set(key), EVERY).get("k")
    assert found is not None
    assert sorted(found) == sorted(algorithms)
    assert all(made.algorithm_name == algorithm for algorithm, made in found.items())


NOT_FOR_SIGNATURES: dict[str, dict[str, Any]] = {
    "for encryption": jwk("RS256", use="enc"),
    "for encryption only": jwk("RS256", key_ops=["encrypt"]),
    "public key as a secret": jwk("RS256", alg="HS256"),
    "no algorithm": jwk("RS256", alg="none"),
    "id is a number": jwk("ES256", kid=7),  # type: ignore[arg-type]
    "another curve": jwk("ES256", crv="P-384"),
    "not on the curve": {**jwk("ES256"), "x": "AAAA"},
    "no modulus": {**jwk("RS256"), "n": None},
    "secret": {"kty": "oct", "kid": "k", "k": "c2VjcmV0"},
    "secret with algorithm": {"kty": "oct", "kid": "k", "alg": "HS256", "k": "c2VjcmV0"},
    "no type": {"kid": "k"},
    "type is a list": {"kty": ["RSA"], "kid": "k"},
    "operations are a number": jwk("ES256", key_ops=7),
    "use is null": jwk("ES256", use=None),
    "coordinate is a number": jwk("ES256", x=7),
    "coordinate is a list": jwk("EdDSA", x=[]),
    "too short": public_jwk(rsa.generate_private_key(public_exponent=65537, key_size=1024), "k"),
}


@pytest.mark.parametrize("key", NOT_FOR_SIGNATURES.values(), ids=NOT_FOR_SIGNATURES)
def test_a_key_that_is_none_for_signatures_is_left_out(key: dict[str, Any]) -> None:
    keys = decode_keys(key_set(key, jwk("EdDSA", "other")), USUAL)
    assert keys.get("k") is None
    assert keys.get("other") is not None


def test_the_private_part_of_a_key_that_was_published_is_not_kept() -> None:
    found = decode_keys(key_set({**jwk("EdDSA"), "d": "AAAA"}), USUAL).get("k")
    assert found is not None
    assert not hasattr(found["EdDSA"].key, "private_bytes")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=2)
)
MEMBERS = st.sampled_from(["kty", "kid", "use", "key_ops", "alg", "crv", "x", "y", "n", "e"])


@given(st.sampled_from(["RS256", "ES256", "EdDSA"]), st.dictionaries(MEMBERS, JSON | st.just("AQAB")))
def test_no_member_of_a_key_makes_the_others_useless(algorithm: str, changed: dict[str, Any]) -> None:
    keys = decode_keys(key_set({**jwk(algorithm), **changed}, jwk("ES256", "other")), USUAL)
    assert keys.get("other") is not None


def test_without_an_id_the_only_key_is_meant_and_of_several_none() -> None:
    assert decode_keys(key_set(jwk("ES256")), USUAL).get(None) is not None
    assert decode_keys(key_set(jwk("ES256", None)), USUAL).get(None) is not None
    assert decode_keys(key_set(jwk("ES256"), jwk("EdDSA", "other")), USUAL).get(None) is None


def test_of_two_keys_with_one_id_the_first_counts() -> None:
    found = decode_keys(key_set(jwk("ES256"), jwk("EdDSA")), USUAL).get("k")
    assert found is not None
    assert list(found) == ["ES256"]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "no JSON Web Key Set"),
        (b"<html>", "no JSON Web Key Set"),
        (b"{}", "no JSON Web Key Set: Object missing required field `keys`"),
        (b'{"keys": [1]}', "no JSON Web Key Set"),
        (b'{"keys": ' + b"[" * 100_000, "no JSON Web Key Set"),
        (b'{"keys": [{"kty": "\xff"}]}', "no JSON Web Key Set"),
        (key_set(), "none of the 0 keys is for one of RS256"),
        (key_set({"kty": "oct", "k": "AAAA"}), "none of the 1 keys is for one of RS256"),
        (json.dumps({"keys": [{}] * (MAX_KEYS + 1)}).encode(), "101 keys; at most 100"),
    ],
)
def test_what_is_no_key_set_is_refused_with_the_reason(data: bytes, text: str) -> None:
    with pytest.raises(InvalidKeys, match=text):
        decode_keys(data, USUAL)
