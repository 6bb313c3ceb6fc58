"""The cookies of a handshake, and the one that this router may set: an id by which a browser is known again.

The id proves nothing by itself. What it stands for, an authenticator keeps.
"""

import re
import secrets

from fairlead_router.transports.http_request import HttpRequest

COOKIE_NAME = "fairlead_id"

SECURE_NAME = f"__Host-{COOKIE_NAME}"
"""With TLS. Browsers take a cookie of this prefix over TLS only and for one host only: a sibling domain, or somebody in
the way of a request without TLS, cannot plant one that they know (RFC 6265bis, 4.1.3.2)."""

_ID_BYTES = 24
"""192 random bits cannot be guessed."""

_COOKIE = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(\"?)([\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*)\2")


def read_cookies(request: HttpRequest) -> dict[str, str]:
    """By name (RFC 6265, 4.2), malformed ones left out. Of two with one name the first counts: its path is longer."""
    cookies: dict[str, str] = {}
    for value in request.values("cookie"):
        for pair in value.split(";"):
            cookie = _COOKIE.fullmatch(pair.strip())
            if cookie is not None:
                cookies.setdefault(cookie[1], cookie[3])
    return cookies


def new_cookie_id() -> str:
    """An id for a browser that has none."""
    return secrets.token_urlsafe(_ID_BYTES)


def take_cookie_id(cookies: dict[str, str], is_secure: bool) -> str | None:
    """The id among the cookies, out of them; None if there is none, or none under the name that it must have."""
    plain, secure = cookies.pop(COOKIE_NAME, None), cookies.pop(SECURE_NAME, None)
    return secure if is_secure else plain


def set_cookie(cookie_id: str, path: str, is_secure: bool) -> str:
    """The value of Set-Cookie: out of reach for scripts, and for requests that another site makes."""
    if is_secure:
        return f"{SECURE_NAME}={cookie_id}; Path=/; HttpOnly; SameSite=Lax; Secure"
    return f"{COOKIE_NAME}={cookie_id}; Path={path}; HttpOnly; SameSite=Lax"
