"""Who may join by a table: what each key makes, and what an error says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from fairlead_router import AnonymousAuthenticator, MethodsAuthenticator, Principal
from fairlead_router.auth.decoys import Decoys
from fairlead_router.auth.scram_keys import derive
from fairlead_server.config.auth import MainAuthTable, check_auth, check_joining, joining
from fairlead_server.config.realms import RealmTable
from fairlead_server.errors import ConfigError
from support.hello import challenged, hello, verified

PUBKEY = "545efb0a2192db8d43f118e9bf9aee081466e1ef36c708b96ee6f62dddad9122"
SCRAM_KEYS = {"salt": "W22ZaJ0SNY7soEsUEjb6gQ==", "stored_key": "00" * 32, "server_key": "11" * 32}
SCRAM = {"kdf": "pbkdf2", "iterations": 4096, **SCRAM_KEYS}


def table(*users: dict[str, Any], **keys: Any) -> RealmTable:
    return msgspec.convert({"name": "realm2", "users": list(users), **keys}, RealmTable)


def methods(*users: dict[str, Any], **keys: Any) -> list[str]:
    return list(joining(table(*users, **keys), Decoys()).methods)


def test_methods_are_those_that_users_have() -> None:
    assert methods() == []
    assert methods({"authid": "a", "ticket": "t"}, {"authid": "b", "wampcra": {"secret": "s"}}) == ["ticket", "wampcra"]
    assert methods({"authid": "a", "cryptosign": [PUBKEY]}) == ["cryptosign"]
    assert methods({"authid": "a", "tls": {"common_names": ["a.example.org"]}}) == ["tls"]
    assert methods(anonymous_role="guest") == ["anonymous"]


@pytest.mark.parametrize(
    ("kdf", "memory", "authmethod"),
    [("pbkdf2", None, "wamp-scram"), ("argon2id13", 64, "wamp-scram"), ("argon2id-13", 64, "scram")],
)
def test_scram_is_offered_to_the_clients_that_can_derive_the_keys(
    kdf: str, memory: int | None, authmethod: str
) -> None:
    assert methods({"authid": "a", "scram": {**SCRAM, "kdf": kdf, "memory": memory}}) == [authmethod]


def test_user_has_role_and_provider() -> None:
    authenticator = MethodsAuthenticator(joining(table({"authid": "a", "role": "r", "ticket": "t"}), Decoys()).methods)
    assert verified(challenged(authenticator, hello("ticket")), "t") == Principal("a", "r", "ticket", "config")


def test_keys_of_a_password_are_written_as_derive_makes_them() -> None:
    user = derive(Principal("a", "user"), "pencil", kdf="pbkdf2", iterations=4096)
    keys = {"stored_key": user.stored_key.hex(), "server_key": user.server_key.hex()}
    made = joining(table({"authid": "a", "scram": {**SCRAM, **keys, "salt": user.salt}}), Decoys()).methods
    challenge = challenged(made["wamp-scram"], hello("wamp-scram", authid="a", authextra={"nonce": "YWJj"}))
    assert challenge.extra["salt"] == user.salt


def test_anonymous_sessions_have_the_role() -> None:
    anonymous = joining(table(anonymous_role="guest"), Decoys()).methods["anonymous"]
    assert isinstance(anonymous, AnonymousAuthenticator)
    assert anonymous.authenticate(hello()) == Principal("anonymous", "guest", "anonymous", "config")


def test_secrets_may_stand_in_files(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(" from a file \n", encoding="utf-8")
    path = str(tmp_path / "secret")
    made = joining(table({"authid": "a", "ticket_file": path, "wampcra": {"secret_file": path}}), Decoys()).methods
    assert verified(challenged(made["ticket"], hello("ticket")), "from a file").authid == "a"


def test_users_may_stand_in_a_file_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "users.toml").write_text("[[users]]\nauthid = 'b'\nticket = 't'\n", encoding="utf-8")
    made = joining(table({"authid": "a", "ticket": "s"}, users_file=str(tmp_path / "users.toml")), Decoys()).methods
    assert verified(challenged(made["ticket"], hello("ticket")), "t").authid == "b"


@pytest.mark.parametrize(
    ("user", "message"),
    [
        ({}, "users: 'a' has no method: give one of ticket, ticket_file, wampcra"),
        ({"ticket": ""}, "users.ticket: must not be empty"),
        ({"ticket": "x", "ticket_file": "y"}, "users.ticket: give it here or in users.ticket_file, not both"),
        ({"ticket_file": "/nowhere/x"}, "users.ticket_file: cannot read '/nowhere/x': No such file"),
        ({"ticket": "x", "role": "service"}, "users.role: 'service' must be a name, and not 'service'"),
        ({"ticket": "x", "role": ""}, "users.role: '' must be a name"),
        ({"wampcra": {}}, "users.wampcra: 'a' has no secret"),
        ({"wampcra": {"secret": ""}}, "users.wampcra.secret: must not be empty"),
        ({"wampcra": {"secret": "x", "iterations": 0}}, "users.wampcra: iterations and keylen"),
        ({"cryptosign": ["00"]}, "users.cryptosign: '00' is no Ed25519 public key"),
        ({"tls": {"fingerprints": ["00"]}}, "users.tls.fingerprints: '00' is no SHA-256 fingerprint"),
        ({"scram": {**SCRAM, "salt": "?"}}, "users.scram: 'a': salt must be base64"),
        ({"scram": {**SCRAM, "salt": ""}}, "users.scram: 'a': salt must be base64"),
        ({"scram": {**SCRAM, "stored_key": "00"}}, "users.scram: 'a': salt must be base64, stored_key and"),
        ({"scram": {**SCRAM, "server_key": "zz" * 32}}, "users.scram: 'a': salt must be base64, stored_key and"),
        ({"scram": {**SCRAM, "iterations": 0}}, "users.scram: 'a': iterations must be greater than 0"),
        ({"scram": {**SCRAM, "kdf": "argon2id13"}}, "memory (KiB) goes with the argon2 functions only"),
        ({"scram": {**SCRAM, "memory": 64}}, "memory (KiB) goes with the argon2 functions only"),
    ],
)
def test_error_names_the_key_and_what_is_allowed(user: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_joining(table({"authid": "a", **user}), ())
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ({"authid": "a", "ticket": "x"}, {"authid": "a", "ticket": "y"}, "users.authid: 'a' is there 2 times"),
        ({"authid": "a", "ticket": "x"}, {"authid": "b", "ticket": "x"}, "users.ticket: 'b' and 'a' have the same"),
        (
            {"authid": "a", "cryptosign": [PUBKEY]},
            {"authid": "b", "cryptosign": [PUBKEY]},
            "users.cryptosign: 'b' and 'a' have the same",
        ),
        (
            {"authid": "a", "tls": {"common_names": ["x"]}},
            {"authid": "b", "tls": {"common_names": ["x"]}},
            "users.tls.common_names: 'b' and 'a' have the same",
        ),
    ],
)
def test_no_two_users_are_the_same(first: dict[str, Any], second: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_joining(table(first, second), ())
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("users = 5", "users_file: "),
        ("[[user]]", "users_file: "),
        ("[[users]]\nauthid = 'a'", "users: 'a' has no method"),
        ("=", "users_file: "),
    ],
)
def test_mistake_in_a_users_file_names_it(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "users.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        check_joining(table(users_file=str(path)), ())
    assert message in str(caught.value)
    if message == "users_file: ":
        assert str(path) in str(caught.value)


def test_procedure_takes_methods_that_no_user_has() -> None:
    keys: dict[str, Any] = {"authenticator": "org.example.authenticate", "authenticator_methods": ["ticket", "tls"]}
    check_joining(table({"authid": "a", "wampcra": {"secret": "s"}}, **keys), ())
    with pytest.raises(ConfigError, match="authenticator_methods: 'ticket' is for other users of this realm already"):
        check_joining(table({"authid": "a", "ticket": "s"}, **keys), ())
    with pytest.raises(ConfigError, match="authenticator_methods: 'kerberos' is none of ticket, wampcra"):
        check_joining(table(authenticator="x", authenticator_methods=["kerberos"]), ())


@pytest.mark.parametrize("procedure", ["", "com..x", "com x", "wamp.authenticate", "fairlead.authz.token"])
def test_procedure_must_be_one_that_somebody_can_register(procedure: str) -> None:
    with pytest.raises(ConfigError, match=r"^authenticator: "):
        check_joining(table(authenticator=procedure, authenticator_methods=["ticket"]), ())


def test_methods_that_the_realm_has_already_are_not_given_twice(tmp_path: Path) -> None:
    (tmp_path / "users.toml").write_text("[[users]]\nauthid = 'b'\nticket = 't'\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"users.ticket: in the main realm a ticket is a token"):
        check_auth(MainAuthTable(users_file=str(tmp_path / "users.toml")), ())
