"""`[[auth.oidc]]`: what is accepted, and what an error says."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairlead_server import config
from fairlead_server.config.oidc import read_issuers
from fairlead_server.errors import ConfigError
from support.issuer import key_set, private_key, public_jwk

GOOD = {"issuer": "https://a.example.org", "audience": "fairlead", "prefix": "a-"}


def table(**changed: object) -> str:
    values = {**GOOD, **changed}
    lines = [f"{key} = {value!r}".replace("True", "true") for key, value in values.items() if value is not None]
    return "\n".join(("[[auth.oidc]]", *lines)) + "\n"


def load(directory: Path, text: str) -> config.Config:
    path = directory / "fairlead.toml"
    path.write_text(text, encoding="utf-8")
    return config.load(path)


@pytest.mark.parametrize(
    "issuer",
    ["https://a.example.org", "https://a.example.org:8443/realms/x/", "http://127.0.0.1:8080", "http://[::1]:1/x"],
)
def test_an_issuer_is_a_url_that_nobody_on_the_way_can_speak_for(tmp_path: Path, issuer: str) -> None:
    [loaded] = load(tmp_path, table(issuer=issuer)).auth.oidc
    assert loaded.issuer == issuer
    assert loaded.algorithms == ("RS256", "PS256", "ES256", "EdDSA")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (table(issuer="http://a.example.org"), "auth.oidc[0].issuer: 'http://a.example.org' must be an https:// URL"),
        (table(issuer="https://a.example.org?x=1"), "auth.oidc[0].issuer: "),
        (table(issuer="https://u:p@a.example.org"), "auth.oidc[0].issuer: "),
        (table(issuer="https://"), "auth.oidc[0].issuer: "),
        (table(issuer="https://a:x"), "auth.oidc[0].issuer: "),
        (table(issuer=None), "missing required field 'issuer'"),
        (table(audience=None), "missing required field 'audience'"),
        (table(prefix=None), "missing required field 'prefix'"),
        (table(audience=""), "auth.oidc[0].audience: must not be empty"),
        (table(claim=""), "auth.oidc[0].claim: must not be empty"),
        (table(prefix="a.b"), "auth.oidc[0].prefix: 'a.b' must be at most 64 of the characters"),
        (table(algorithms=[]), "auth.oidc[0].algorithms: [] must be some of RS256, RS384"),
        (table(algorithms=["HS256"]), "Invalid enum value 'HS256'; allowed are ES256"),
        (table(algorithms=["none"]), "Invalid enum value 'none'; allowed are ES256"),
        (table(leeway_s=301), "auth.oidc[0].leeway_s: 301 must be from 0 to 300"),
        (table(leeway_s=-1), "auth.oidc[0].leeway_s: -1 must be from 0 to 300"),
        (table(keys_file="/nowhere"), "auth.oidc[0].keys_file: cannot read '/nowhere': No such file"),
        (table(keys_file="\\0"), "auth.oidc[0].keys_file: cannot read"),
        (table() + table(prefix="b-"), "auth.oidc[1].issuer: 'https://a.example.org' is there twice"),
        (
            table() + table(issuer="https://b.example.org"),
            "auth.oidc[1].prefix: 'a-' begins with that of 'https://a.example.org', 'a-': each could name users",
        ),
        (
            table() + table(issuer="https://b.example.org", prefix=""),
            "auth.oidc[0].prefix: 'a-' begins with that of 'https://b.example.org', ''",
        ),
        (table(key="x"), "unknown key 'auth.oidc[0].key'; allowed are issuer, audience, prefix"),
        (
            "[[realms]]\nname = 'x'\nanonymous_role = 'x'\n[[realms.oidc]]\nissuer = 'x'\n",
            "unknown key 'realms[0].oidc'",
        ),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path))


def test_keys_of_a_file_are_read_with_the_configuration(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(key_set(public_jwk(private_key("ES256"), "k")))
    text = table(keys_file=str(path))
    [keys] = read_issuers(load(tmp_path, text).auth.oidc).values()
    assert keys is not None
    assert keys.get("k") is not None
    path.write_bytes(b"{}")
    with pytest.raises(ConfigError, match="no JSON Web Key Set"):
        load(tmp_path, text)
