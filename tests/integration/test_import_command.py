"""`fairlead import` and `fairlead export` with a real server."""

from __future__ import annotations

import gzip
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from support.serving import Commands
from support.waiting import eventually

DATA = b"".join(b"2025-11-26T12:%02d:%02dZ line %d\n" % (n // 60 % 60, n % 60, n) for n in range(3600))


async def records(server: Commands, stream: str) -> list[dict[str, Any]]:
    done = await server.fairlead("logs", "--json", stream)
    return [each for each in map(json.loads, done.stdout.splitlines()) if "seq" in each]


def put(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def content(path: Path) -> bytes:
    return path.read_bytes()


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    put(path, DATA)
    return path


async def test_a_file_comes_back_byte_for_byte_with_its_times(server: Commands, job: str, log: Path) -> None:
    put(log, DATA + b"\xff\0\r\n" + b"x" * 200_000 + b"\n\nend")
    done = await server.fairlead("import", str(log), "--stream", job, "--seal", "--exit-code", "4", "--meta", "a=b")
    assert done.status == 0, done.stderr
    assert (await server.fairlead("export", job)).stdout == content(log)
    shown = await server.fairlead("logs", "-f", "--json", job)
    assert shown.status == 4
    first = json.loads(shown.lines[0])
    assert (first["time_us"], first["source"]) == (1_764_158_400_000_000, "app")


async def test_a_second_call_adds_only_what_is_new_wherever_the_file_is_by_now(
    server: Commands, job: str, log: Path, tmp_path: Path
) -> None:
    cut = len(DATA) // 2 + 5  # within a line
    put(log, DATA[:cut])
    await server.fairlead("import", str(log), "--stream", job)
    put(log, DATA)
    done = await server.fairlead("import", str(log), "--stream", job)
    assert "the rest was there already" in done.stderr
    rotated = tmp_path / "app.log.1.gz"
    put(rotated, gzip.compress(DATA))
    again = await server.fairlead("import", str(rotated), "--stream", job, "--json")
    assert json.loads(again.stdout)["files"][0]["records"] == 0
    assert (await server.fairlead("export", job)).stdout == DATA


async def test_a_call_that_is_stopped_is_gone_on_with(server: Commands, job: str, log: Path) -> None:
    data = DATA * 100
    put(log, data)
    async with server.running("import", str(log), "--stream", job) as process:

        async def has_begun() -> bool:
            return "line" in (await server.fairlead("logs", "--tail", "1", job)).stderr

        await eventually(has_begun, timeout_s=10)
        process.send_signal(signal.SIGINT)
        _, stderr = await process.communicate()
    assert process.returncode == 130
    assert b"the same call goes on from there" in stderr
    assert (await server.fairlead("import", str(log), "--stream", job)).status == 0
    assert (await server.fairlead("export", job)).stdout == data


async def test_records_make_the_round_trip_exactly(server: Commands, job: str, tmp_path: Path) -> None:
    script = r"printf 'a\r\nb'; echo err >&2; sleep 0.3; printf 'c\n\377\n'"
    await server.fairlead("run", "-q", "--object", job, "--", "sh", "-c", script)
    await server.fairlead("run", "-q", "--object", job, "--attempt", "next", "--", "echo", "again")
    file = tmp_path / "records.ndjson"
    assert (await server.fairlead("export", job, "-o", str(file), "--format", "ndjson")).status == 0
    copy = f"{job}-copy"
    for _ in range(2):
        assert (await server.fairlead("import", str(file), "--stream", copy, "--format", "ndjson")).status == 0
    assert await records(server, copy) == await records(server, job)


async def test_a_directory_has_a_file_for_each_source(server: Commands, job: str, tmp_path: Path) -> None:
    await server.fairlead("run", "-q", "--object", job, "--", "sh", "-c", "echo out; echo err >&2")
    directory = tmp_path / "there"
    done = await server.fairlead("export", job, "-o", str(directory), "--format", "dir")
    assert done.status == 0, done.stderr
    assert {file.name: file.read_bytes() for file in directory.iterdir()} == {
        "stdout.txt": b"out\n",
        "stderr.txt": b"err\n",
    }
    assert [name for name in names(tmp_path) if name.startswith("there")] == ["there"]


async def test_an_export_goes_on_where_it_was_cut(server: Commands, job: str, log: Path, tmp_path: Path) -> None:
    await server.fairlead("import", str(log), "--stream", job)
    entry = (await records(server, job))[99]
    epoch = json.loads((await server.fairlead("streams", job, "--json")).stdout)["streams"][0]["epoch"]
    out = tmp_path / "out"
    size = sum(len(line) for line in DATA.splitlines(keepends=True)[:100])
    put(out, DATA[:size] + b"what was written after that")
    place = {"stream": job, "kind": "text", "epoch": epoch, "next": entry["seq"] + 1, "sizes": {"": size}}
    (tmp_path / "out.fairlead-export").write_text(json.dumps(place))
    assert (await server.fairlead("export", job, "-o", str(out))).status == 0
    assert out.read_bytes() == DATA
    refused = await server.fairlead("export", job, "-o", str(out))
    assert refused.status == 125
    assert "is there already" in refused.stderr


def rotate(log: Path, last: bytes, first: bytes) -> None:
    """As programs do it that find out some time after that: they write a last line into the file that was moved."""
    with log.open("ab") as file:
        log.rename(log.with_name("app.log.1"))
        log.touch()
        file.write(last)
    with log.open("ab") as file:
        file.write(first)


async def test_following_goes_on_across_a_rotation(server: Commands, job: str, log: Path, tmp_path: Path) -> None:
    put(log, b"one\n")
    async with server.running("import", str(log), "--stream", job, "--follow") as process:

        async def shows(*lines: str) -> bool:
            return (await server.fairlead("logs", "--source", "app", job)).stderr.splitlines() == [*lines]

        await eventually(lambda: shows("one"), timeout_s=10)
        rotate(log, b"two\n", b"three\n")
        await eventually(lambda: shows("one", "two", "three"), timeout_s=10)
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 130
    both = [str(tmp_path / "app.log.1"), str(log)]
    assert (await server.fairlead("import", *both, "--stream", job)).status == 0
    assert (await server.fairlead("export", job)).stdout == b"one\ntwo\nthree\n"


async def test_docker_and_arvados_files_are_read(server: Commands, job: str, tmp_path: Path) -> None:
    docker, crunch = tmp_path / "c-json.log", tmp_path / "stderr.txt"
    docker.write_bytes(b'{"log":"hello\\n","stream":"stdout","time":"2025-11-26T12:00:00Z"}\n')
    crunch.write_bytes(b"2025-11-26T12:00:01.000000000Z oops\n")
    for path, name in ((docker, "docker"), (crunch, "crunch")):
        assert (await server.fairlead("import", str(path), "--stream", job, "--format", name)).status == 0
    assert [(each["source"], each["text"]) for each in await records(server, job)] == [
        ("stdout", "hello"),
        ("stderr", "oops"),
    ]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["nosuch.log"], "cannot read 'nosuch.log': No such file"),
        (["/"], "cannot read '/': Is a directory"),
        (["/dev/null", "--format", "csv"], "--format 'csv' is none of plain, docker, crunch, ndjson"),
        (["/dev/null", "--follow", "--seal"], "no --seal"),
        (["/dev/null", "/dev/zero", "--exit-code", "1"], "--seal"),
        (["/dev/null", "--timestamps", "%Q"], "%Q is none of"),
        (["/etc/passwd", "/etc/passwd"], "the same source and first line"),
    ],
)
async def test_what_is_wrong_is_one_line(server: Commands, job: str, arguments: list[str], text: str) -> None:
    done = await server.fairlead("import", *arguments, "--stream", job)
    assert done.status == 125
    assert done.stderr.startswith("fairlead: ")
    assert done.stderr.count("\n") == 1
    assert text in done.stderr
