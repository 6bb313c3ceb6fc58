"""Where the page is found."""

from __future__ import annotations

from pathlib import Path

from fairlead_server import page


def build(directory: Path) -> Path:
    directory.mkdir(parents=True)
    (directory / "index.html").write_text("<!doctype html>", encoding="ascii")
    return directory


def test_the_installed_page_comes_before_the_checkout(tmp_path: Path) -> None:
    installed, checkout = build(tmp_path / "installed"), build(tmp_path / "checkout")
    assert page.find_page((installed, checkout)) == installed


def test_the_checkout_serves_where_nothing_is_installed(tmp_path: Path) -> None:
    checkout = build(tmp_path / "checkout")
    assert page.find_page((tmp_path / "installed", checkout)) == checkout


def test_a_directory_without_an_index_is_no_page(tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    assert page.find_page((tmp_path / "dist",)) is None


def test_the_checkout_is_the_one_that_this_test_is_in() -> None:
    assert Path(__file__).parents[3] / "web" / "dist" == page.CHECKOUT
