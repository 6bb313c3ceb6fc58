"""SASLprep: what names and passwords are brought into before they are compared or hashed (RFC 4013)."""

import stringprep
import unicodedata

_PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
    stringprep.in_table_a1,
)


def saslprep(text: str) -> str:
    """The prepared form. Raises ValueError for characters that RFC 4013 does not allow."""
    mapped = (" " if stringprep.in_table_c12(each) else each for each in text if not stringprep.in_table_b1(each))
    prepared = unicodedata.normalize("NFKC", "".join(mapped))
    if any(is_prohibited(each) for each in prepared for is_prohibited in _PROHIBITED):
        raise ValueError("the text has a character that SASLprep (RFC 4013) does not allow")
    _check_direction(prepared)
    return prepared


def _check_direction(text: str) -> None:
    """Right-to-left text stands alone, between characters of its own (RFC 3454, 6)."""
    if not any(map(stringprep.in_table_d1, text)):
        return
    is_closed = stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])
    if any(map(stringprep.in_table_d2, text)) or not is_closed:
        raise ValueError("the text mixes writing directions in a way that SASLprep (RFC 4013) does not allow")
