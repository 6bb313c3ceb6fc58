"""Bookmarks: where a watcher stands, sealed so that nothing can be read or counted from them.

One says of which store it is (epoch), up to which revision its holder has been told everything, and how many times
rights had moved by then. Sealed with the realm's secret it is opaque, and no other can be made from it. Two of the same
place have nothing in common: who could tell that they are equal would know that nothing was changed in between, and so
when something was that it may not read.
"""

from __future__ import annotations

import base64
import binascii
import os
import struct
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

_FORM: Final = struct.Struct(">QQQ8s")
"""A place, and random bytes."""
_CHARACTERS_LIMIT: Final = 128


class Place(NamedTuple):
    """What is in a bookmark."""

    epoch: int
    revision: int
    rights: int
    """The mark of the holder's rights."""


class Bookmarks:
    """Makes and reads the bookmarks of one realm. AES-SIV (RFC 5297): nothing comes apart where random bytes repeat."""

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESSIV(secret)

    def make(self, place: Place) -> bytes:
        """A bookmark of a place, as ASCII."""
        sealed = self._cipher.encrypt(_FORM.pack(*place, os.urandom(8)), None)
        return base64.urlsafe_b64encode(sealed).rstrip(b"=")

    def read(self, text: str) -> Place | None:
        """The place; None for what was not made here."""
        if len(text) > _CHARACTERS_LIMIT:
            return None
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            epoch, revision, rights, _random = _FORM.unpack(self._cipher.decrypt(sealed, None))
        except (InvalidTag, binascii.Error, struct.error, ValueError):
            return None
        return Place(epoch, revision, rights)
