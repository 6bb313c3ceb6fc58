"""Python's logging into a stream: what is logged arrives, and no log call ever waits, raises or goes round."""

from __future__ import annotations

import asyncio
import logging
import logging.config
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fairlead_client import Record
from fairlead_client.errors import CallFailed, SpoolError
from fairlead_client.logs import LogHandler
from fairlead_client.spool import Spool
from fairlead_client.sync import Connection
from fairlead_logstream import LogService
from fairlead_router import Router

NOBODY = "ws://127.0.0.1:1/ws"


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    router = Router()
    logs = await LogService.open(f"sqlite:///{tmp_path / 'logs.sqlite'}")
    logs.bind(router.add_realm("realm1"))
    listener = await router.listen("tcp://127.0.0.1:0")
    yield f"ws://127.0.0.1:{listener.port}/ws"
    await router.close()
    await logs.close()


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.Logger("test_logs", logging.DEBUG)  # noqa: LOG001 (not one of the tree, where pytest listens)
    yield logger
    for handler in [*logger.handlers]:
        logger.removeHandler(handler)
        handler.close()


def spooled(path: Path) -> list[Record]:
    """What a handler has put into its spool, as a reader of the stream would see it."""
    spool = Spool.open(path)
    batch = spool.read(spool.oldest)
    spool.close()
    return [] if batch is None else [Record(batch.first + at, *record) for at, record in enumerate(batch.records)]


@pytest.fixture
def logged(logger: logging.Logger, tmp_path: Path) -> Callable[..., list[Record]]:
    """What is in the spool after the given work with a logger, without a server."""

    def logged(work: Callable[[logging.Logger], Any], **about: Any) -> list[Record]:
        handler = LogHandler(NOBODY, "log", spool=tmp_path / "spool", **about)
        logger.addHandler(handler)
        work(logger)
        logger.removeHandler(handler)
        handler.writer.close(0)
        handler.close()
        return spooled(tmp_path / "spool")

    return logged


async def test_what_is_logged_is_in_the_stream(url: str, logger: logging.Logger, tmp_path: Path) -> None:
    def work() -> list[list[Any]]:
        handler = LogHandler(url, "log", spool=tmp_path / "spool")
        handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
        logger.addHandler(handler)
        logger.info("hello %s", "world")
        logger.error("oh")
        handler.flush()
        with Connection(url) as connection:
            return list(connection.read("log")["records"])

    records = await asyncio.to_thread(work)
    assert [record[1:] for record in records] == [
        ["info", "test_logs: hello world", 0],
        ["error", "test_logs: oh", 0],
    ]


def test_an_exception_is_one_record_a_line_of_one_time(logged: Callable[..., list[Record]]) -> None:
    def work(logger: logging.Logger) -> None:
        try:
            raise ValueError("first\nsecond")
        except ValueError:
            logger.exception("it failed")

    records = logged(work)
    assert [records[0].text, records[-2].text, records[-1].text] == ["it failed", "ValueError: first", "second"]
    assert {(record.source, record.time_us) for record in records} == {("error", records[0].time_us)}


def test_one_source_may_be_named_for_all_levels(logged: Callable[..., list[Record]]) -> None:
    records = logged(lambda logger: (logger.info("a"), logger.error("b")), source="app", level="WARNING")
    assert [(record.source, record.text) for record in records] == [("app", "b")]


def test_a_mistake_in_a_log_call_is_told_as_logging_does_and_raises_nothing(
    logged: Callable[..., list[Record]], capsys: pytest.CaptureFixture[str]
) -> None:
    records = logged(lambda logger: (logger.info("%d", "no number"), logger.info("goes on")))
    assert [record.text for record in records] == ["goes on"]
    assert "--- Logging error ---" in capsys.readouterr().err


def test_what_is_logged_while_a_record_is_formatted_goes_not_round(
    logged: Callable[..., list[Record]], logger: logging.Logger
) -> None:
    class Chatty:
        def __str__(self) -> str:
            logger.info("%s", self)
            return "chatty"

    assert [record.text for record in logged(lambda logger: logger.info("%s", Chatty()))] == ["chatty"]


def test_what_the_handlers_own_thread_logs_is_left_out(
    logged: Callable[..., list[Record]], logger: logging.Logger
) -> None:
    def work(logger: logging.Logger) -> None:
        [handler] = logger.handlers
        assert isinstance(handler, LogHandler)

        async def log() -> None:
            logger.info("from within")

        handler.connection.run(log(), 5)
        logger.info("from without")

    assert [record.text for record in logged(work)] == ["from without"]


def test_a_closed_handler_raises_nothing(logger: logging.Logger, tmp_path: Path) -> None:
    handler = LogHandler(NOBODY, "log", spool=tmp_path / "spool")
    handler.writer.close(0)
    handler.close()
    handler.close()
    logger.addHandler(handler)
    handler.flush()
    raises, logging.raiseExceptions = logging.raiseExceptions, False
    logger.info("too late")
    logging.raiseExceptions = raises


async def test_who_refuses_us_is_told_once(
    url: str, logger: logging.Logger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> CallFailed | None:
        with Connection(url) as connection:
            connection.call("fairlead.log.create", "log")
            connection.call("fairlead.log.seal", "log")
        handler = LogHandler(url, "log", spool=tmp_path / "spool")
        logger.addHandler(handler)
        assert not handler.writer.opened(5)
        logger.info("one")
        logger.info("two")
        handler.flush()
        return handler.writer.failure

    failure = await asyncio.to_thread(work)
    assert failure is not None
    assert capsys.readouterr().err.count("takes no more") == 1


def test_it_is_configured_by_a_dict(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret\n")
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"short": {"format": "%(message)s!"}},
            "handlers": {
                "log": {
                    "class": "fairlead_client.logs.LogHandler",
                    "url": NOBODY,
                    "stream": "log",
                    "level": "INFO",
                    "formatter": "short",
                    "token_file": str(tmp_path / "token"),
                    "spool": str(tmp_path / "spool"),
                    "metadata": {"host": "here"},
                }
            },
            "loggers": {"test_logs.configured": {"handlers": ["log"], "level": "DEBUG"}},
        }
    )
    logger = logging.getLogger("test_logs.configured")
    logger.debug("no")
    logger.info("yes")
    [handler] = [each for each in logger.handlers if isinstance(each, LogHandler)]
    logger.removeHandler(handler)
    handler.writer.close(0)
    handler.close()
    assert [record.text for record in spooled(tmp_path / "spool")] == ["yes!"]


def test_what_cannot_be_is_an_error_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolError):
        LogHandler(NOBODY, "log", spool=tmp_path / "file" / "spool")
    with pytest.raises(FileNotFoundError):
        LogHandler(NOBODY, "log", token_file=tmp_path / "nowhere")
    misspelt: Any = {"produccer": "p"}
    with pytest.raises(TypeError, match="produccer: nothing of that name"):
        LogHandler(NOBODY, "log", **misspelt)


def test_a_forked_child_logs_into_a_spool_of_its_own(logger: logging.Logger, tmp_path: Path) -> None:
    handler = LogHandler(NOBODY, "log", spool=tmp_path / "spool", producer="me")
    logger.addHandler(handler)
    logger.info("parent")
    child = os.fork()
    if child == 0:
        try:
            logger.info("child")
            handler.writer.close(0)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    handler.writer.close(0)
    assert [record.text for record in spooled(tmp_path / "spool")] == ["parent"]
    [of_child] = tmp_path.glob("spool-*")
    assert [record.text for record in spooled(of_child)] == ["child"]
    spool = Spool.open(of_child)
    assert spool.meta.producer == f"me-{child}"
    spool.close()
