"""The commands of the demo do what their descriptions say."""

from __future__ import annotations

import time

import pytest

from fairlead_server import demo_programs
from fairlead_server.children import ended_how


def test_verification_ends_with_status_3_and_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 15 <= demo_programs.FILES * demo_programs.FILE_S <= 25
    monkeypatch.setattr(demo_programs, "FILE_S", 0)
    assert demo_programs.verify() == 3
    said = capsys.readouterr()
    assert "damaged" in said.err
    assert said.out.count("ok ") == demo_programs.FILES - 1


def test_training_draws_its_bar_with_carriage_returns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo_programs, "BATCH_S", 0)
    assert demo_programs.train() == 0
    said = capsys.readouterr()
    assert said.err.count("\r") == demo_programs.EPOCHS * demo_programs.BATCHES
    assert said.out.count("loss") == demo_programs.EPOCHS


@pytest.mark.parametrize(("status", "said"), [("0", ""), ("1", "no column")])
def test_conversion_takes_and_ends_as_it_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], status: str, said: str
) -> None:
    paused: list[float] = []
    monkeypatch.setattr(time, "sleep", paused.append)
    assert demo_programs.convert("4", status) == int(status)
    assert sum(paused) == 4
    assert said in capsys.readouterr().err


def test_an_end_is_said_in_words() -> None:
    assert ended_how(-9) == "ended by SIGKILL"
    assert ended_how(3) == "ended with status 3"
