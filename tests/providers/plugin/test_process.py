"""A plugin's process: its port, its last words, its end. The plugins are shell scripts."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tomo.errors import ProviderFailed
from tomo.providers.plugin.process import PluginProcess

PASSPHRASES = {"TOMO_PASSPHRASE": "psst", "PULUMI_CONFIG_PASSPHRASE": "psst"}


class Shop:
    """Starts scripts as plugins and ends them all."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self.heard: list[str] = []
        self.hears = threading.Event()

    def start(self, script: str, patience: float = 5.0) -> PluginProcess:
        path = self._folder / "pulumi-resource-notes"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        process = PluginProcess(
            [str(path), "127.0.0.1:1"],
            directory=self._folder,
            environment={"PATH": os.environ["PATH"], **PASSPHRASES},
            heard=self._hear,
            patience=patience,
        )
        self._stack.callback(process.end)
        return process

    def _hear(self, line: str) -> None:
        self.heard.append(line)
        self.hears.set()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with ExitStack() as stack:
        yield Shop(tmp_path, stack)


def test_its_first_line_is_its_port(shop: Shop) -> None:
    process = shop.start("echo 54321; exec sleep 60")

    assert process.port() == 54321


def test_lines_after_the_port_are_heard(shop: Shop) -> None:
    process = shop.start('echo 1; echo "engine at $1"; exec sleep 60')
    process.port()

    assert shop.hears.wait(5)
    assert shop.heard == ["engine at 127.0.0.1:1"]


def test_it_runs_in_the_program_s_folder_and_knows_no_passphrase(shop: Shop, tmp_path: Path) -> None:
    process = shop.start('echo 1; echo "$(pwd) <$TOMO_PASSPHRASE$PULUMI_CONFIG_PASSPHRASE>"; exec sleep 60')
    process.port()

    assert shop.hears.wait(5)
    assert shop.heard == [f"{tmp_path} <>"]


def test_one_that_ends_before_it_names_its_port_says_why(shop: Shop) -> None:
    process = shop.start("echo no license >&2; exit 1")

    with pytest.raises(ProviderFailed, match="ended before it named its port") as caught:
        process.port()

    assert caught.value.detail == "no license"


def test_one_that_says_something_else_is_refused(shop: Shop) -> None:
    process = shop.start("echo usage: notes; exec sleep 60")

    with pytest.raises(ProviderFailed, match="said `usage: notes` instead of its port"):
        process.port()


def test_one_that_says_nothing_is_given_up(shop: Shop) -> None:
    process = shop.start("exec sleep 60", patience=0.01)

    with pytest.raises(ProviderFailed, match="did not name its port within 0 s"):
        process.port()

    assert process.exit_code is not None


def test_one_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    path = tmp_path / "pulumi-resource-notes"
    path.write_text("no program")

    with pytest.raises(ProviderFailed, match="can't be started"):
        PluginProcess([str(path)], directory=tmp_path, environment={}, heard=print)


def test_the_end_is_also_that_of_what_it_started(shop: Shop) -> None:
    process = shop.start('sleep 60 & echo "$!"; wait')
    child = process.port()

    process.end()

    assert process.exit_code is not None
    assert is_over(child)


def is_over(pid: int) -> bool:
    """Whether a process is gone; where nobody else is its parent, it stays as a zombie."""
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_second_end_is_none(shop: Shop) -> None:
    process = shop.start("echo 1; exec sleep 60")
    process.end()

    process.end()

    assert process.exit_code is not None
