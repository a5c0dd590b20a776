"""The log's file: private, of bounded size, shared by processes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tomo.errors import UsageError
from tomo.logs.file import LogFile


def opened(path: Path, most: int = 100, kept: int = 2) -> LogFile:
    file = LogFile(path, most, kept)
    file.open()
    return file


def test_a_log_is_for_its_owner_alone(tmp_path: Path) -> None:
    file = opened(tmp_path / "logs" / "tomo.log")
    for number in range(9):
        file.write(f"line {number} " + "x" * 40)

    modes = {each.name: each.stat().st_mode & 0o777 for each in (tmp_path / "logs").iterdir()}

    assert set(modes.values()) == {0o600}
    assert {"tomo.log", "tomo.log.1", "tomo.log.2"} <= modes.keys()


def test_a_full_file_makes_room_and_the_oldest_goes(tmp_path: Path) -> None:
    file = opened(tmp_path / "tomo.log", most=10)

    for text in ("aaaaaa", "bbbbbb", "cccccc", "dddddd"):
        file.write(text)

    read = [(tmp_path / name).read_text() for name in ("tomo.log", "tomo.log.1", "tomo.log.2")]
    assert read == ["dddddd\n", "cccccc\n", "bbbbbb\n"]
    assert not (tmp_path / "tomo.log.3").exists()


def test_without_older_ones_a_full_file_begins_anew(tmp_path: Path) -> None:
    file = opened(tmp_path / "tomo.log", most=10, kept=0)

    file.write("aaaaaa")
    file.write("bbbbbb")

    assert (tmp_path / "tomo.log").read_text() == "bbbbbb\n"
    assert [each.name for each in tmp_path.iterdir() if not each.name.startswith(".")] == ["tomo.log"]


def test_a_line_longer_than_the_file_may_be_is_kept_whole(tmp_path: Path) -> None:
    opened(tmp_path / "tomo.log", most=10).write("x" * 50)

    assert (tmp_path / "tomo.log").read_text() == "x" * 50 + "\n"


def test_two_writers_lose_no_line_when_one_rotates(tmp_path: Path) -> None:
    path = tmp_path / "tomo.log"
    one, two = opened(path, most=400, kept=50), opened(path, most=400, kept=50)

    def write(file: LogFile, name: str) -> None:
        for number in range(100):
            file.write(f"{name}{number:03}")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, (one, two), "ab"))

    written = [line for each in tmp_path.glob("tomo.log*") for line in each.read_text().splitlines()]
    assert sorted(written) == sorted(f"{name}{number:03}" for name in "ab" for number in range(100))
    # Who looked just before the other rotated adds one line to a file that is full.
    assert all(each.stat().st_size <= 420 for each in tmp_path.glob("tomo.log*"))


def test_a_file_that_was_taken_away_is_made_again(tmp_path: Path) -> None:
    file = opened(tmp_path / "tomo.log")
    file.write("one")
    (tmp_path / "tomo.log").unlink()

    file.write("two")

    assert (tmp_path / "tomo.log").read_text() == "two\n"


def test_a_place_that_can_not_be_written_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(UsageError, match="can't be written"):
        opened(tmp_path / "file" / "tomo.log")


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("mine")
    (tmp_path / "tomo.log").symlink_to(tmp_path / "target")

    with pytest.raises(UsageError):
        opened(tmp_path / "tomo.log")
