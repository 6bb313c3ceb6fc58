"""Python's `logging` into a stream.

    logging.getLogger().addHandler(LogHandler("ws://127.0.0.1:8080/ws", "my-service", token=token))

or by `logging.config.dictConfig`, with the same names as keys. The source of a record is its level's name in lower
case, so that a reader can ask for `sources=["error", "critical"]`, unless `source` names one for all. A text of several
lines, as an exception with its traceback, becomes one record a line, all of one time and handed over together.

A log call never waits for the server (`spool` says what it costs) and raises nothing: what goes wrong is told as
`logging` does, by `handleError`. What the handler's own thread logs is left out: to send it would be to log again.
After a fork the child gets a spool and a producer of its own, with its process id in the names that were given.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Unpack

from fairlead_client.records import records_of
from fairlead_client.requests import REALM
from fairlead_client.spooling import About
from fairlead_client.sync import EXIT_LINGER_S, Connection, LogWriter

# What `flush` may take: it is called at the interpreter's exit, and by programs that do not expect a network behind it.
FLUSH_S = 2.0


class LogHandler(logging.Handler):
    """Writes what it handles into one stream; the keywords of `About` tell more of a new one.

    `token`, or `token_file` that holds it. Raises ClientError, OSError where there can be no writer; a server that is
    away is no error. Who refuses us is told once on stderr, and what is logged from then on stays in the spool.
    """

    def __init__(  # noqa: PLR0913 (one keyword a key of a configuration)
        self,
        url: str,
        stream: str,
        *,
        level: int | str = logging.NOTSET,
        source: str | None = None,
        realm: str = REALM,
        token: str | None = None,
        token_file: str | Path | None = None,
        **about: Unpack[About],
    ) -> None:
        super().__init__(level)
        self._url = url
        self._stream = stream
        self._source = source
        self._realm = realm
        self._token = Path(token_file).read_text().strip() if token_file is not None else token
        self._about = about
        self._is_emitting = False
        self._has_told_failure = False
        self._process = os.getpid()
        self._begin(about)

    @property
    def connection(self) -> Connection:
        """What it has to itself."""
        return self._connection

    @property
    def writer(self) -> LogWriter:
        """What the records go through."""
        return self._writer

    def filter(self, record: logging.LogRecord) -> bool:
        """Leaves out what our own thread says; asked before the lock is taken, that the thread must never wait for."""
        return False if self._connection.is_own_thread else super().filter(record)

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one record; called with the handler's lock."""
        if self._is_emitting:  # something that is logged by what formats it
            return
        self._is_emitting = True
        try:
            if os.getpid() != self._process:
                self._begin_in_child()
            source = self._source or record.levelname.lower()
            self._writer.write_records(records_of(source, self.format(record), int(record.created * 1_000_000)))
            self._tell_failure()
        except Exception:  # noqa: BLE001 (a log call raises nothing)
            self.handleError(record)
        finally:
            self._is_emitting = False

    def flush(self) -> None:
        """Waits, FLUSH_S at most, until the service has everything; what it has not stays in the spool."""
        if os.getpid() == self._process and not self._writer.is_closed and self._writer.failure is None:
            self._writer.flush(FLUSH_S)

    def close(self) -> None:
        """Closes the writer, waiting no longer than at an exit."""
        if os.getpid() == self._process:
            self._writer.close(EXIT_LINGER_S)
            self._connection.close(0)
        super().close()

    def _begin(self, about: About) -> None:
        self._connection = Connection(self._url, realm=self._realm, token=self._token)
        try:
            self._writer = LogWriter(self._connection, self._stream, **about)
        except BaseException:
            self._connection.close(0)
            raise

    def _begin_in_child(self) -> None:
        self._process = os.getpid()
        about = self._about.copy()
        spool, producer = about.get("spool"), about.get("producer")
        if spool is not None:
            about["spool"] = Path(f"{spool}-{self._process}")
        if producer is not None:
            about["producer"] = f"{producer}-{self._process}"
        self._begin(about)

    def _tell_failure(self) -> None:
        failure = self._writer.failure
        if failure is None or self._has_told_failure:
            return
        self._has_told_failure = True
        if logging.raiseExceptions and sys.stderr is not None:
            sys.stderr.write(f"fairlead: the log {self._stream} takes no more: {failure}\n")
