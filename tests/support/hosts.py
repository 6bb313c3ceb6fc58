"""Two hosts on one cable that a test can pull: network namespaces of Linux, joined by a veth pair.

    with Hosts() as hosts:
        Program(ROUTER, hosts.server_address, prefix=hosts.on_server)
        hosts.pull_cable()

That takes root and `ip` (iproute2), which is installed where apt can. A test that cannot have them fails and says what
to type; it never skips.
"""

from __future__ import annotations

import os
import subprocess
from typing import Self

from support.debian import NoProgram, program

LEAVE_OUT = 'or leave them out: make interop ARGS="--deselect tests/integration/test_hosts.py"'


class NoHosts(Exception):
    """Namespaces cannot be made here; the text is what to do about it."""


def find_or_install() -> str:
    """The path of `ip`, after installing it with apt where this is possible. Raises NoHosts."""
    if os.geteuid() != 0:
        raise NoHosts(f"hosts in network namespaces need root: sudo make interop; {LEAVE_OUT}")
    try:
        return program("ip", "iproute2")
    except NoProgram as error:
        raise NoHosts(f"{error}; {LEAVE_OUT}") from None


class Hosts:
    """A server and a client, with an address each. Enter it, and the cable is in. Raises NoHosts."""

    server_address = "10.77.0.1"
    client_address = "10.77.0.2"

    def __init__(self) -> None:
        self._ip = find_or_install()
        self._server = f"fairlead-server-{os.getpid()}"
        self._client = f"fairlead-client-{os.getpid()}"

    def __enter__(self) -> Self:
        try:
            for host in (self._server, self._client):
                self._run("netns", "add", host)
                self._run("-n", host, "link", "set", "lo", "up")
            ends = ("cable", "netns", self._server, "type", "veth", "peer", "name", "cable", "netns", self._client)
            self._run("link", "add", *ends)
            for host, address in ((self._server, self.server_address), (self._client, self.client_address)):
                self._run("-n", host, "address", "add", f"{address}/24", "dev", "cable")
                self._run("-n", host, "link", "set", "cable", "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for host in (self._server, self._client):
            subprocess.run([self._ip, "netns", "delete", host], stderr=subprocess.DEVNULL, check=False)

    @property
    def on_server(self) -> tuple[str, ...]:
        """What a command begins with to run there."""
        return (self._ip, "netns", "exec", self._server)

    @property
    def on_client(self) -> tuple[str, ...]:
        return (self._ip, "netns", "exec", self._client)

    def pull_cable(self) -> None:
        """At the client's end: its packets do not even leave, the server's vanish. No connection is told."""
        self._run("-n", self._client, "link", "set", "cable", "down")

    def plug_in(self) -> None:
        self._run("-n", self._client, "link", "set", "cable", "up")

    def _run(self, *arguments: str) -> None:
        done = subprocess.run([self._ip, *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise NoHosts(
                f"`ip {' '.join(arguments)}`: {done.stderr.strip()}; a container needs NET_ADMIN; {LEAVE_OUT}"
            )
