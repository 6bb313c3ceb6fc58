"""The head of an HTTP request, read strictly: what is ambiguous is refused, never guessed (RFC 9112, 3 and 5)."""

import re
from collections.abc import Mapping
from http import HTTPStatus

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST_LINE = re.compile(rf"({_TOKEN}) (\S+) HTTP/(1\.[0-9])")
_FIELD = re.compile(rf"({_TOKEN}):(.*)")

FIRST_BYTES = frozenset(b"!#$%&'*+.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-")
"""What a request may begin with: that of a method."""


class HttpRefusal(Exception):
    """The request is answered with this status and sentence, and the connection ends."""

    def __init__(self, status: HTTPStatus, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.headers = headers or {}

    def response(self) -> bytes:
        """The whole answer."""
        body = f"{self.text}\n".encode()
        headers = {
            "Content-Type": "text/plain; charset=utf-8",
            "Content-Length": str(len(body)),
            "Connection": "close",
            **self.headers,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {self.status.value} {self.status.phrase}\r\n{lines}\r\n".encode() + body


class HttpRequest:
    """Method, target, version (`1.1`) and headers of a request."""

    def __init__(self, method: str, target: str, version: str, fields: dict[str, list[str]]) -> None:
        self.method = method
        self.target = target
        self.version = version
        self._fields = fields

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.split("?", 1)[0]

    def values(self, name: str) -> list[str]:
        """Every value of a header, by its lower-case name."""
        return self._fields.get(name, [])

    def value(self, name: str) -> str | None:
        """The value of a header that may come once, None if it is absent. Raises HttpRefusal for several."""
        values = self.values(name)
        if len(values) > 1:
            raise HttpRefusal(HTTPStatus.BAD_REQUEST, f"the request has {len(values)} {name} headers")
        return values[0] if values else None

    def elements(self, name: str) -> list[str]:
        """The elements of a header that is a list, also where it is spread over several lines (RFC 9110, 5.6.1)."""
        elements = (element.strip() for value in self.values(name) for element in value.split(","))
        return [element for element in elements if element]


def parse_request(head: bytes) -> HttpRequest:
    """The head, without the empty line behind it. Raises HttpRefusal."""
    first, *lines = head.decode("latin-1").split("\r\n")
    request_line = _REQUEST_LINE.fullmatch(first)
    if request_line is None:
        raise HttpRefusal(HTTPStatus.BAD_REQUEST, "this is not an HTTP request")
    fields: dict[str, list[str]] = {}
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            raise HttpRefusal(HTTPStatus.BAD_REQUEST, f"the header line {line[:100]!r} is malformed")
        fields.setdefault(field[1].lower(), []).append(field[2].strip(" \t"))
    return HttpRequest(request_line[1], request_line[2], request_line[3], fields)
