"""What a server keeps of a password for SCRAM (spec: WAMP-SCRAM, Data Stored on the Server).

Slow on purpose, 0.1 s and more: not for the loop, but for the program that makes or changes an account.
"""

import base64
import hashlib
import hmac
import secrets

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from fairlead_router.auth.saslprep import saslprep
from fairlead_router.auth.scram import Kdf, ScramUser
from fairlead_router.authorization import Principal

_SALT_BYTES = 16
_KEY_BYTES = 32


def derive(
    principal: Principal,
    password: str,
    *,
    kdf: Kdf = "argon2id13",
    iterations: int = 3,
    memory: int | None = 1 << 16,
    salt: bytes | None = None,
) -> ScramUser:
    """The user of a password; by default as RFC 9106 recommends for little memory (64 MiB).

    `memory` is in KiB and counts for Argon2 only; for `pbkdf2` give at least 4096 iterations (RFC 7677).
    Raises ValueError for a password that SASLprep does not allow.
    """
    salt = salt or secrets.token_bytes(_SALT_BYTES)
    secret = saslprep(password).encode()
    if kdf == "pbkdf2":
        memory = None
        salted = hashlib.pbkdf2_hmac("sha256", secret, salt, iterations, _KEY_BYTES)
    else:
        assert memory is not None, "Argon2 needs a memory"
        hasher = Argon2id(salt=salt, length=_KEY_BYTES, iterations=iterations, lanes=1, memory_cost=memory)
        salted = hasher.derive(secret)
    if kdf == "argon2id-13":
        salted = base64.b64encode(salted).rstrip(b"=")
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    return ScramUser(
        principal=principal,
        kdf=kdf,
        salt=base64.b64encode(salt).decode(),
        iterations=iterations,
        memory=memory,
        stored_key=hashlib.sha256(client_key).digest(),
        server_key=hmac.digest(salted, b"Server Key", "sha256"),
    )
