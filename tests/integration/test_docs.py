"""The programs of the documentation print what stands behind them, its configurations load, the README's run."""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path

import pytest

from fairlead_server import config
from support.docs import DOCS, README, fenced, programs, run

PORT_IN_README = "8090"

PROGRAMS = [
    pytest.param(program, output, id=f"{page.stem}-{number}")
    for page in sorted(DOCS.glob("*.md"))
    for number, (program, output) in enumerate(programs(page), 1)
]


@pytest.mark.parametrize(("program", "output"), PROGRAMS)
def test_program_prints_what_stands_behind_it(program: str, output: str) -> None:
    printed, logged = run(program)  # Autobahn logs to stderr
    assert printed == output, logged
    assert "Traceback" not in logged


# ---- configurations ----

CONFIGURATIONS = [
    pytest.param(text, id=f"{page.stem}-{number}")
    for page in sorted(DOCS.glob("*.md"))
    for number, text in enumerate(fenced(page, "toml"), 1)
]
USER = "[[users]]\nauthid = 'from a file'\nwampcra = { secret = 'x' }\n"


@pytest.mark.parametrize("text", CONFIGURATIONS)
def test_configuration_loads(text: str, tmp_path: Path) -> None:
    for name, content in (("users.toml", USER), ("dispatcher.secret", "d"), ("keeper.secret", "k")):
        (tmp_path / name).write_text(content, encoding="utf-8")
    path = tmp_path / "fairlead.toml"
    path.write_text(text.replace("/etc/fairlead", str(tmp_path)), encoding="utf-8")
    config.load(path)


def loaded(page: str, tmp_path: Path) -> config.Config:
    """The last configuration of the page."""
    text = fenced(DOCS / page, "toml")[-1]
    path = tmp_path / "fairlead.toml"
    path.write_text(text, encoding="utf-8")
    return config.load(path)


def test_configuration_of_authentication_loads(tmp_path: Path) -> None:
    realms = loaded("authentication.md", tmp_path).realms
    assert [realm.name for realm in realms] == ["org.example.sensors", "org.example.room."]


def test_configuration_of_authorization_loads(tmp_path: Path) -> None:
    [realm] = loaded("authorization.md", tmp_path).realms
    assert (realm.authorizer, len(realm.permissions)) == ("org.example.authorize", 3)


# ---- the README ----


async def _start(program: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, str(program), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )


async def _read_until(process: asyncio.subprocess.Process, expected: set[str]) -> None:
    assert process.stdout is not None
    while expected:
        line = (await process.stdout.readline()).decode()
        assert line, f"the program ended without {expected}: {(await process.communicate())[1].decode()}"
        expected -= {part for part in expected if part in line}


async def _end(process: asyncio.subprocess.Process) -> None:
    process.terminate()
    await process.communicate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_the_embedded_router_of_the_readme_serves_its_autobahn_client(tmp_path: Path) -> None:
    port = str(_free_port())
    embedding, client = tmp_path / "embedding.py", tmp_path / "client.py"
    for path, program in zip((embedding, client), fenced(README, "python"), strict=True):
        path.write_text(program.replace(PORT_IN_README, port), encoding="utf-8")
    router = await _start(embedding)
    try:
        await _read_until(router, {"is open"})
        peer = await _start(client)
        try:
            await _read_until(peer, {"{'sum': 5}", "tick"})
        finally:
            await _end(peer)
    finally:
        await _end(router)


def test_the_readme_embeds_in_about_twenty_lines_and_its_client_has_about_ten() -> None:
    programs_of_readme = fenced(README, "python")
    embedding, client = ([line for line in each.splitlines() if line.strip()] for each in programs_of_readme)
    assert len(embedding) <= 22
    assert len(client) <= 12
