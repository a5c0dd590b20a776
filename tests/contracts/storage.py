"""What every storage must do, whether its files are here or on a server."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tomo.errors import StateError, StateFileExists, StateFileMissing
from tomo.model.storage import Storage, exists, newest

HOSTILE = ("", ".", "..", "/etc/passwd", "a/../../b", "a//b", "a/", "./a", "a/./b", "a\0b")


class StorageContract:
    """Subclasses give `storage`, whose files lie below `root` of this machine, and `others`: more like it."""

    def test_what_is_written_is_read(self, storage: Storage) -> None:
        for path, content in (("a.json", b"{}"), ("deep/er/b.json", b""), ("big", os.urandom(1_000_003))):
            storage.write(path, content)

            assert storage.read(path) == content

    def test_a_written_file_is_private_and_one_that_is_open_to_others_stays_so(
        self, storage: Storage, root: Path
    ) -> None:
        storage.write("a", b"1")
        storage.write("meta.yaml", b"1", mode=0o644)
        first = stat.S_IMODE((root / "a").stat().st_mode)
        (root / "a").chmod(0o640)

        storage.write("a", b"2")

        assert first == 0o600
        assert stat.S_IMODE((root / "a").stat().st_mode) == 0o640
        assert stat.S_IMODE((root / "meta.yaml").stat().st_mode) == 0o644

    def test_the_content_before_is_kept_under_another_name(self, storage: Storage, root: Path) -> None:
        for content in (b"1", b"2", b"3"):
            storage.write("a", content, keep="a.bak")

        assert storage.read("a") == b"3"
        assert storage.read("a.bak") == b"2"
        assert sorted(path.name for path in root.iterdir()) == ["a", "a.bak"]

    def test_the_first_write_keeps_nothing(self, storage: Storage, root: Path) -> None:
        storage.write("a", b"1", keep="a.bak")

        assert [path.name for path in root.iterdir()] == ["a"]

    def test_readers_see_the_old_or_the_new_content(self, storage: Storage, root: Path) -> None:
        contents = [bytes([65 + n]) * 300_000 for n in range(8)]
        storage.write("a", contents[0])
        seen: set[bytes] = set()
        done = threading.Event()

        def read() -> None:
            while not done.is_set():
                seen.add((root / "a").read_bytes())

        reader = threading.Thread(target=read)
        reader.start()
        for content in contents:
            storage.write("a", content, keep="a.bak")
        done.set()
        reader.join()

        assert seen <= set(contents)

    def test_a_file_that_is_not_there_is_named(self, storage: Storage) -> None:
        for act in (lambda: storage.read("deep/a"), lambda: storage.rename("deep/a", "b")):
            with pytest.raises(StateFileMissing, match="deep/a"):
                act()

    def test_what_is_there_is_read_at_once(self, storage: Storage) -> None:
        storage.write("a", b"1")
        storage.write("c/d", b"2" * 100_000)

        found = storage.read_many(["a", "b", "c/d", "e/f", "a/x"])

        assert {path: content.raw for path, content in found.items()} == {"a": b"1", "c/d": b"2" * 100_000}
        assert {path: content.modified for path, content in found.items()} == storage.modified(["a", "c/d"])

    def test_the_newest_of_several_is_found(self, storage: Storage, root: Path) -> None:
        for name, seconds in (("a", 100), ("b", 300), ("c", 200)):
            storage.write(name, b"")
            os.utime(root / name, (seconds, seconds))

        assert newest(storage, ["a", "b", "c", "d"]) == "b"
        assert newest(storage, ["d", "e/f"]) is None
        assert exists(storage, "a")
        assert not exists(storage, "d")

    def test_times_are_told_by_the_clock_of_the_storage(self, storage: Storage) -> None:
        before = storage.now()
        storage.write("a", b"")
        after = storage.now()

        second = 1_000_000_000
        assert before - second <= storage.modified(["a"])["a"] <= after + second

    def test_a_folder_is_listed_by_name(self, storage: Storage) -> None:
        for name in ("b", "a", ".hidden", "folder/c", "with space", "-rf", "ünï"):
            storage.write(f"top/{name}", b"")

        entries = storage.list("top")

        assert [entry.name for entry in entries] == sorted(
            ["b", "a", ".hidden", "folder", "with space", "-rf", "ünï"]
        )
        assert [entry.name for entry in entries if not entry.is_file] == ["folder"]

    def test_many_entries_are_all_listed(self, storage: Storage, root: Path) -> None:
        (root / "many").mkdir(parents=True)
        for number in range(700):
            (root / "many" / f"{number}-{'x' * 100}").touch()

        assert len(storage.list("many")) == 700

    def test_a_folder_that_is_not_there_holds_nothing(self, storage: Storage) -> None:
        storage.write("file", b"")

        assert storage.list("none/at/all") == []
        assert storage.list("file") == []

    # --- new files ---

    def test_a_new_file_is_made_once(self, storage: Storage, root: Path) -> None:
        storage.create("locks/a", b"1")

        with pytest.raises(StateFileExists, match="locks/a"):
            storage.create("locks/a", b"2")

        assert storage.read("locks/a") == b"1"
        assert stat.S_IMODE((root / "locks" / "a").stat().st_mode) == 0o600

    def test_of_many_that_make_a_file_at_once_one_wins(
        self, storage: Storage, others: Callable[[], Storage]
    ) -> None:
        clients = [storage, others(), others(), others()]
        start, won = threading.Barrier(8), []

        def make(number: int) -> None:
            content = str(number).encode()
            start.wait()
            try:
                clients[number % 4].create("deep/lock", content)
            except StateFileExists:
                return
            won.append(content)

        threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert [storage.read("deep/lock")] == won

    # --- appending ---

    def test_a_file_grows_at_its_end(self, storage: Storage) -> None:
        appender = storage.append("deep/journal")
        parts = [b"one\n", b"two\n", b"", b"3" * 200_000 + b"\n"]
        seen = []
        for part in parts:
            appender.append(part)
            seen.append(storage.read("deep/journal"))
        appender.close()

        again = storage.append("deep/journal")
        again.append(b"four\n")
        again.close()

        assert seen == [b"".join(parts[: count + 1]) for count in range(len(parts))]
        assert storage.read("deep/journal") == b"".join(parts) + b"four\n"

    def test_parts_of_several_threads_stay_whole(self, storage: Storage) -> None:
        appender = storage.append("journal")
        lines = [f"{number} {'x' * 500}\n".encode() for number in range(24)]
        threads = [threading.Thread(target=appender.append, args=(line,)) for line in lines]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        appender.close()

        assert sorted(storage.read("journal").splitlines(keepends=True)) == sorted(lines)

    # --- names ---

    def test_a_copy_stands_for_itself(self, storage: Storage, root: Path) -> None:
        storage.write("a", b"1" * 70_000)

        storage.copy("a", "history/b", "backups/c")
        (root / "a").write_bytes(b"edited in place")

        assert storage.read("history/b") == storage.read("backups/c") == b"1" * 70_000
        assert len(list((root / "history").iterdir())) == 1
        with pytest.raises(StateError, match="none"):
            storage.copy("none", "b")

    def test_a_rename_takes_the_place_of_what_was_there(self, storage: Storage) -> None:
        storage.write("a", b"1")
        storage.write("deep/b", b"2")

        storage.rename("a", "deep/b")

        assert storage.read("deep/b") == b"1"
        assert not exists(storage, "a")

    def test_removing_twice_is_fine(self, storage: Storage) -> None:
        storage.write("a", b"1")
        storage.write("b", b"1")

        storage.remove("a", "none/at/all", "b")
        storage.remove("a")

        assert storage.modified(["a", "b"]) == {}

    @pytest.mark.parametrize("path", HOSTILE)
    def test_no_path_leads_out_of_the_store(self, storage: Storage, path: str) -> None:
        for act in (
            lambda: storage.read(path),
            lambda: storage.read_many([path]),
            lambda: storage.modified([path]),
            lambda: storage.list(path),
            lambda: storage.write(path, b""),
            lambda: storage.write("a", b"", keep=path),
            lambda: storage.create(path, b""),
            lambda: storage.append(path),
            lambda: storage.copy("a", path),
            lambda: storage.copy(path, "a"),
            lambda: storage.rename(path, "a"),
            lambda: storage.rename("a", path),
            lambda: storage.remove(path),
        ):
            with pytest.raises(StateError, match="no path inside"):
                act()

    @pytest.mark.parametrize("name", ["$(touch x)", "a;b", "a'b", 'a"b', "-rf", "a b", "ü", "%2e%2e", "a\nb"])
    def test_odd_names_are_names(self, storage: Storage, root: Path, name: str) -> None:
        storage.write(f"top/{name}", b"1", keep=f"top/{name}.bak")
        storage.write(f"top/{name}", b"2", keep=f"top/{name}.bak")

        assert sorted(path.name for path in (root / "top").iterdir()) == sorted([name, f"{name}.bak"])
        assert storage.read(f"top/{name}") == b"2"

    # --- what the disk refuses ---

    def test_a_file_in_the_way_of_a_folder_is_named(self, storage: Storage, root: Path) -> None:
        storage.write("a", b"1")

        for act in (
            lambda: storage.write("a/b", b""),
            lambda: storage.create("a/b", b""),
            lambda: storage.append("a/b"),
        ):
            with pytest.raises(StateError, match=r"a/b|/a\b"):
                act()

        assert [path.name for path in root.iterdir()] == ["a"]
        assert storage.read_many(["a/b"]) == {}

    def test_a_folder_in_the_way_of_a_file_is_named(self, storage: Storage, root: Path) -> None:
        (root / "a" / "b").mkdir(parents=True)

        for act in (
            lambda: storage.read("a"),
            lambda: storage.write("a", b""),
            lambda: storage.append("a"),
        ):
            with pytest.raises(StateError, match=r"`[^`]*/a`"):
                act()
        with pytest.raises(StateFileExists):
            storage.create("a", b"")

        assert [path.name for path in root.iterdir()] == ["a"]

    def test_a_full_disk_leaves_everything_as_it_was(self, small: Storage, small_root: Path) -> None:
        small.write("a", b"1" * 1000, keep="a.bak")
        small.write("a", b"2" * 1000, keep="a.bak")
        appender = small.append("journal")
        appender.append(b"one\n")
        too_much = os.urandom(4 << 20)

        for act in (
            lambda: small.write("a", too_much, keep="a.bak"),
            lambda: small.create("new", too_much),
            lambda: appender.append(too_much),
        ):
            with pytest.raises(StateError) as caught:
                act()
            assert "space" in caught.value.message
            assert "df -h" in caught.value.hint
        appender.append(b"two\n")
        appender.close()

        assert small.read("a") == b"2" * 1000
        assert small.read("a.bak") == b"1" * 1000
        assert small.read("journal") == b"one\ntwo\n"
        assert sorted(path.name for path in small_root.iterdir()) == ["a", "a.bak", "journal"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one mebibyte; needs root."""
    import subprocess

    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small disk")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)
