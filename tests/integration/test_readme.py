"""The README's programs run as they stand there, but for the port."""

import asyncio
import re
import socket
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
PORT_IN_README = "8090"


def _programs() -> list[str]:
    return re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


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


async def test_the_embedded_router_serves_the_autobahn_client(tmp_path: Path) -> None:
    port = str(_free_port())
    embedding, client = tmp_path / "embedding.py", tmp_path / "client.py"
    for path, program in zip((embedding, client), _programs(), strict=True):
        path.write_text(program.replace(PORT_IN_README, port))
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


def test_the_embedding_program_has_about_twenty_lines_and_the_client_about_ten() -> None:
    embedding, client = ([line for line in program.splitlines() if line.strip()] for program in _programs())
    assert len(embedding) <= 22
    assert len(client) <= 12
