"""HOST:PORT, as `--listen` and the configuration have it."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

from fairlead_server.errors import ConfigError

LISTEN_RULE = "must be HOST:PORT with a port from 0 to 65535 (0: any free one), like 127.0.0.1:8080 or [::1]:8080"


class Address(NamedTuple):
    """Where to listen. `str()` gives it as it stands in a URL."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_listen(value: str, name: str) -> Address:
    """HOST:PORT as an Address. Raises ConfigError that begins with `name`."""
    host, colon, port = value.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not host or not re.fullmatch(r"\d{1,5}", port) or int(port) > 65535:
        raise ConfigError(f"{name}: {value!r} {LISTEN_RULE}")
    if (":" in host) != is_bracketed or not re.fullmatch(r"[A-Za-z0-9._:%\[\]-]+", host):
        raise ConfigError(f"{name}: {value!r} {LISTEN_RULE}")
    return Address(host.strip("[]"), int(port))
