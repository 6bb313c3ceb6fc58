"""What an export leaves when it is cut."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fairlead_client.following import Batch
from fairlead_server.commands._writing_out import Files
from fairlead_server.errors import CommandError


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """A disk that is full, as far as one file goes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_an_error_and_the_export_goes_on_when_there_is_room(tmp_path: Path) -> None:
    one = Batch([0], [[0, "stdout", "x" * 3000, 0]])
    two = Batch([1], [[0, "stdout", "y" * 3000, 0]])
    files = Files(tmp_path / "log.txt", "log", "text")
    files.write(one)
    files.came_to(1, 1)
    files.save()
    with files_of_at_most(4000):
        files.write(two)
        files.came_to(1, 2)
        with pytest.raises(CommandError, match=r"log\.txt"):
            files.finish()
        files.close()
    files = Files(tmp_path / "log.txt", "log", "text")
    assert files.place is not None
    assert files.place.next == 1
    files.write(two)
    files.came_to(1, 2)
    files.finish()
    assert (tmp_path / "log.txt").read_text() == "x" * 3000 + "\n" + "y" * 3000 + "\n"
