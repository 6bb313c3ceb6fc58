"""What a command tells its user when it cannot go on.

One class, one place that prints it (`fairlead_server.main`), one exit status. Raise it where the fact is known, with
a text that names the value and the rule, and never a secret; it becomes one line on stderr: "fairlead: <text>".
"""

from __future__ import annotations

# Of our own making, as `timeout`, `env` and `docker run` do: 125 the tool itself failed, 124 it was cut short.
# A command that we run may end with any status, so these are the values that are least likely to be its own.
EXIT_ERROR = 125
EXIT_REVOKED = 124
EXIT_INTERRUPTED = 130
# As for a program that was ended by SIGPIPE.
EXIT_OUTPUT_CLOSED = 141


class CommandError(Exception):
    """The command cannot go on; the text is what the user reads, `status` what the process ends with."""

    def __init__(self, text: str, status: int = EXIT_ERROR) -> None:
        super().__init__(text)
        self.status = status


class ConfigError(CommandError):
    """A value of the configuration or of an option that overrides it breaks a rule."""
