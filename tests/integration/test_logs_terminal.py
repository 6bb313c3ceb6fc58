"""`fairlead logs` on a terminal, and where only one of its outputs is one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from support.serving import Commands, Serving
from support.terminal import Terminal


@pytest.fixture(scope="module")
async def serving(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Serving]:
    async with Serving(tmp_path_factory.mktemp("serving")) as serving:
        yield serving


class Shell:
    """Runs `fairlead` on terminals, and without."""

    def __init__(self, serving: Serving, directory: Path) -> None:
        self._url = serving.url
        self._environment = Commands(serving.url, serving.data, directory).environment()
        self._started: list[Terminal] = []

    def on_terminal(self, *arguments: str, **variables: str) -> Terminal:
        command = [sys.executable, "-m", "fairlead_server", arguments[0], "--url", self._url, *arguments[1:]]
        return self.start(command, **variables)

    def start(self, command: list[str], **variables: str) -> Terminal:
        self._started.append(Terminal(command, {**self._environment, "NO_COLOR": "", **variables}))
        return self._started[-1]

    def log(self, stream: str, script: str) -> None:
        command = [sys.executable, "-m", "fairlead_server", "run", "-q", "--url", self._url, "--object", stream, "--"]
        subprocess.run([*command, "sh", "-c", script], env=self._environment, check=True, capture_output=True)

    def close(self) -> None:
        for terminal in self._started:
            terminal.close()


@pytest.fixture
def shell(serving: Serving, tmp_path: Path) -> Iterator[Shell]:
    shell = Shell(serving, tmp_path)
    yield shell
    shell.close()


def test_a_progress_bar_is_one_line_and_stderr_is_red(shell: Shell) -> None:
    shell.log("bar", r"printf '10%%\r50%%\r100%%\n'; echo oops >&2")
    terminal = shell.on_terminal("logs", "bar")
    assert terminal.status() == 0
    lines = terminal.output.split(b"\r\n")
    assert {*lines} == {b"", b"100%", b"\x1b[31moops\x1b[0m"}


def test_no_color_has_no_colours(shell: Shell) -> None:
    shell.log("plain", "echo oops >&2")
    terminal = shell.on_terminal("logs", "plain", NO_COLOR="1")
    assert terminal.status() == 0
    assert terminal.output == b"oops\r\n"


def test_a_file_gets_every_byte_though_stderr_is_a_terminal(shell: Shell, tmp_path: Path) -> None:
    shell.log("file", r"printf '1%%\r'; sleep 0.4; printf '2%%\r'; echo oops >&2; sleep 0.4; echo done")
    command = f"{sys.executable} -m fairlead_server logs --url {shell._url} file"
    terminal = shell.start(["sh", "-c", f"{command} > {tmp_path / 'out'}"])
    assert terminal.status() == 0
    assert (tmp_path / "out").read_bytes() == b"1%\r2%\rdone\n"
    assert terminal.output == b"\x1b[31moops\x1b[0m\r\n"


def test_ctrl_c_is_heard_while_the_terminal_takes_nothing(shell: Shell) -> None:
    shell.log("much", "seq 200000")
    terminal = shell.on_terminal("logs", "-f", "much")
    terminal.expect(b"1\r\n")
    terminal.type(b"\x03")
    assert terminal.status() == 130


def test_an_import_shows_how_far_it_is_on_a_terminal(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "app.log"
    file.write_bytes(b"".join(b"line %d\n" % number for number in range(200_000)))
    terminal = shell.on_terminal("import", str(file), "--stream", "imported")
    terminal.expect(b"app.log [#")
    assert terminal.status() == 0
    assert b"200000 lines more in imported" in terminal.output
