"""What ends an import, in words for who started it.

ArvadosError
    BadSource       what was read is not what Arvados' API answers
    Unavailable     the API does not answer, or not now
    Denied          the API does not take the token
"""


class ArvadosError(Exception):
    """The import cannot go on. The text names the value and the rule, never a token."""


class BadSource(ArvadosError):
    """A file, a directory or an answer does not hold what it should."""


class Unavailable(ArvadosError):
    """The API could not be reached, or failed again and again."""


class Denied(ArvadosError):
    """The API does not take the token, or its user is no administrator."""
