"""Bookmarks: where a watcher stands, sealed so that nothing can be read or counted from them.

One says of which store it is (epoch), up to which revision its holder has been told everything, and how many times
rights had moved by then. Sealed with the realm's secret it is opaque, and no other can be made from it. One revision
has one bookmark, whoever gets it, so it is made once.
"""

from __future__ import annotations

import base64
import binascii
import struct
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

_FORM: Final = struct.Struct(">QQQ")
_CHARACTERS_LIMIT: Final = 128


class Place(NamedTuple):
    """What is in a bookmark."""

    epoch: int
    revision: int
    rights: int
    """The mark of the holder's rights."""


class Bookmarks:
    """Makes and reads the bookmarks of one realm. AES-SIV (RFC 5297): the same place gives the same text."""

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESSIV(secret)
        self._last: tuple[Place, bytes] | None = None

    def make(self, place: Place) -> bytes:
        """The bookmark of a place, as ASCII."""
        if self._last is None or self._last[0] != place:
            sealed = self._cipher.encrypt(_FORM.pack(*place), None)
            self._last = place, base64.urlsafe_b64encode(sealed).rstrip(b"=")
        return self._last[1]

    def read(self, text: str) -> Place | None:
        """The place; None for what was not made here."""
        if len(text) > _CHARACTERS_LIMIT:
            return None
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            return Place(*_FORM.unpack(self._cipher.decrypt(sealed, None)))
        except (InvalidTag, binascii.Error, struct.error, ValueError):
            return None
