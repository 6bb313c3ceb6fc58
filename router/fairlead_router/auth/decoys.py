"""Decoys: who names a user that does not exist is asked for the same proof as a real one, and always for the same.

Otherwise a stranger could learn who has an account, from a refusal that comes early or a salt that changes.
"""

import hmac
import secrets
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

_KEY_BYTES = 32


class Decoys:
    """Values that depend on the authid and on a key, which is this process's own unless it is given.

    With a key that is kept, also a restart does not change them.
    """

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(_KEY_BYTES)

    def value(self, purpose: str, authid: str) -> bytes:
        """32 bytes that nobody without the key can tell from random ones."""
        return hmac.digest(self._key, f"{purpose}:{authid}".encode(errors="replace"), "sha256")

    def like(self, authid: str, models: Sequence[T]) -> T:
        """The one of the models that a user of this name resembles."""
        return models[int.from_bytes(self.value("like", authid)) % len(models)]
