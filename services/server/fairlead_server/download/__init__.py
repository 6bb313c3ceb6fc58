"""Logs over plain HTTP: for browsers' downloads, `curl` and scripts that know nothing of WAMP."""

from fairlead_server.download.handler import PATH, Downloads

__all__ = ["PATH", "Downloads"]
