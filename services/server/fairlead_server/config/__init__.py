"""The configuration of a server: one TOML file, checked into Structs; one module a table.

Every key has a default that is safe, so an empty file and no file serve the same: loopback only, nothing for
strangers. `deploy/fairlead.toml` shows all keys with comments; a test loads it. An error is one line that names the
file, the key, the value and what is allowed.
"""

from fairlead_server.config.file import Config, load, read

__all__ = ["Config", "load", "read"]
