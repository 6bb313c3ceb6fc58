"""The composition: configuration, the `fairlead` command, HTTP.

This package puts the router, the permissions and the log service together on one port, and holds the command that
serves them and talks to them. Nothing here is needed to embed the router in a program of one's own.

Start reading at `main` (the table of commands), then `serve` (what a server is made of).
"""

from __future__ import annotations

__all__ = ["VERSION"]

# Said by `fairlead --version` and in HTTP's Server header; a test compares it with the distribution's version. Asking
# importlib.metadata instead costs every start of every command 20 ms.
VERSION = "0.1.0"
