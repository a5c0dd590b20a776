"""The contract of storages, kept by a folder of this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contracts.storage import StorageContract, small_disk
from tomo.model.storage import Storage
from tomo.state.local import LocalStorage

__all__ = ["small_disk"]


class TestLocalStorage(StorageContract):
    """A folder of this machine."""

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        return tmp_path / "store"

    @pytest.fixture
    def storage(self, root: Path) -> Storage:
        return LocalStorage(root)

    @pytest.fixture
    def others(self, root: Path) -> Callable[[], Storage]:
        return lambda: LocalStorage(root)

    @pytest.fixture
    def small_root(self, small_disk: Path) -> Path:
        return small_disk

    @pytest.fixture
    def small(self, small_root: Path) -> Storage:
        return LocalStorage(small_root)
