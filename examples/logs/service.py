"""A service whose log is a stream: `python service.py ws://127.0.0.1:8080/ws my-service`."""

from __future__ import annotations

import logging
import logging.config
import os
import sys

log = logging.getLogger("service")


def configure(url: str, stream: str) -> None:
    """All loggers into the stream."""
    handler = {
        "class": "fairlead_client.logs.LogHandler",
        "formatter": "plain",
        "url": url,
        "stream": stream,
        "token": os.environ.get("FAIRLEAD_TOKEN"),
        "metadata": {"program": "service.py"},
    }
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"plain": {"format": "%(name)s: %(message)s"}},
            "handlers": {"stream": handler},
            "root": {"handlers": ["stream"], "level": "INFO"},
        }
    )


def main(url: str, stream: str) -> None:
    """Does its work."""
    configure(url, stream)
    log.info("begins")
    try:
        print(1 / 0)
    except ZeroDivisionError:
        log.exception("cannot divide")
    log.warning("ends")


if __name__ == "__main__":
    main(*sys.argv[1:])
