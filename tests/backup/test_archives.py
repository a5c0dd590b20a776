from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest

from tomo.backup.archive import (
    ArchiveReader,
    ArchiveSource,
    FilePart,
    PlainFile,
    VolumePart,
    VolumeSource,
    archive_chunks,
)
from tomo.backup.manifest import Manifest, VolumeDigest, is_archive_name, manifest_text, read_manifest
from tomo.backup.sealing import identities_in, opened, parsed_recipient, sealed
from tomo.backup.tar import TreeDigest, is_excluded, restored_entries, volume_entries
from tomo.errors import BackupDamaged, BackupError, BackupKeyRefused, UsageError

MANIFEST = Manifest("web@nas-20261121T212234Z-1f3c", "home", "web", "nas", "2026-11-21T21:22:34Z")
ROOT = Path(__file__).resolve().parents[2]


def member(name: str, content: bytes = b"", **more: object) -> tuple[tarfile.TarInfo, bytes]:
    made = tarfile.TarInfo(name)
    made.size = len(content)
    for key, value in more.items():
        setattr(made, key, value)
    return made, content


def docker_tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """A volume as Docker gives it: everything below a folder of the volume's own name."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for made, content in members:
            archive.addfile(made, io.BytesIO(content))
    return buffer.getvalue()


VOLUME = docker_tar(
    member("web-data", type=tarfile.DIRTYPE, mode=0o750, uid=33),
    member("web-data/notes", b"milk", mode=0o640, uid=1_000_000_000),
    member("web-data/same", type=tarfile.LNKTYPE, linkname="web-data/notes"),
    member("web-data/link", type=tarfile.SYMTYPE, linkname="/anywhere"),
    member(
        "web-data/" + "long" * 60 + "/ü \n", b"x", pax_headers={"SCHILY.xattr.security.capability": "\x01"}
    ),
)


def archive(
    *volumes: VolumeSource, files: tuple[PlainFile, ...] = ()
) -> tuple[bytes, dict[str, VolumeDigest]]:
    digests: dict[str, VolumeDigest] = {}
    return b"".join(archive_chunks(ArchiveSource(MANIFEST, files, volumes), digests)), digests


def source(raw: bytes, *exclude: str) -> VolumeSource:
    return VolumeSource("data", lambda: iter([raw]), exclude)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, str]:
    made = pyrage.x25519.Identity.generate()
    file = tmp_path / "backup.key"
    file.write_text(f"# public key: {made.to_public()}\n{made}\n")
    return file, str(made.to_public())


def test_what_goes_into_an_archive_comes_out_of_it_with_the_same_digest() -> None:
    raw, digests = archive(source(VOLUME), files=(PlainFile("fleet/fleet.yaml", b"fleet: home\n"),))

    reader = ArchiveReader(io.BytesIO(raw), "x")
    found: dict[str, object] = {}
    for part in reader.parts():
        if isinstance(part, FilePart):
            found[part.name] = part.content.read()
        else:
            digest = TreeDigest()
            put = b"".join(restored_entries(part.members, "below", digest))
            found[part.name] = digest.result

    assert found == {"fleet/fleet.yaml": b"fleet: home\n", "data": digests["data"]}
    assert reader.manifest == MANIFEST
    assert reader.digests == digests
    with tarfile.open(fileobj=io.BytesIO(put)) as unpacked:
        names = unpacked.getnames()
        assert names[:4] == ["below", "below/notes", "below/same", "below/link"]
        assert unpacked.getmember("below").mode == 0o750
        assert unpacked.getmember("below/notes").uid == 1_000_000_000
        assert unpacked.getmember("below/same").linkname == "below/notes"
        assert unpacked.getmember("below/link").linkname == "/anywhere"
        assert unpacked.getmember(names[4]).pax_headers["SCHILY.xattr.security.capability"] == "\x01"


def test_every_change_of_a_tree_but_of_times_changes_its_digest() -> None:
    def digest(**more: object) -> str:
        made = TreeDigest()
        raw = docker_tar(member("v", type=tarfile.DIRTYPE), member("v/a", b"1", **more))
        for _ in volume_entries(io.BytesIO(raw), "v", (), made):
            pass
        return made.result.sha256

    found = {digest(), digest(mode=0o600), digest(uid=5), digest(gid=5), digest(type=tarfile.CHRTYPE)}

    assert len(found) == 5
    assert digest(mtime=9) == digest()


@pytest.mark.parametrize(
    ("name", "patterns", "out"),
    [
        ("cache/x", ["cache"], True),
        ("deep/cache/x", ["cache"], True),
        ("a.tmp", ["*.tmp"], True),
        ("deep/a.tmp", ["deep/*.tmp"], True),
        ("deep/down/file", ["deep/down"], True),
        ("other/down", ["deep/down"], False),
        ("cached", ["cache"], False),
        ("", ["*"], False),
    ],
)
def test_patterns_leave_out_names_and_what_is_below_them(name: str, patterns: list[str], out: bool) -> None:
    assert is_excluded(name, patterns) is out


def test_a_second_name_of_what_is_left_out_is_told() -> None:
    with pytest.raises(BackupError) as caught:
        archive(source(VOLUME, "notes"))

    assert "another name" in caught.value.message


def read_through(raw: bytes) -> None:
    for part in ArchiveReader(io.BytesIO(raw), "x").parts():
        if isinstance(part, VolumePart):
            for _, content in part.members:
                if content is not None:
                    content.read()


@pytest.mark.parametrize("cut", [10, 700, -1600, -5000])
def test_an_archive_that_is_cut_off_is_damaged(cut: int) -> None:
    raw, _ = archive(source(VOLUME), files=(PlainFile("a", b"x" * 9000),))

    with pytest.raises(BackupDamaged):
        read_through(raw[:cut])


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/passwd"])
def test_an_entry_that_reaches_out_of_its_volume_is_refused(name: str) -> None:
    entries = iter([(member(f"volumes/data/{name}")[0], None)])

    with pytest.raises(BackupDamaged):
        list(restored_entries(entries, "below", TreeDigest()))


@pytest.mark.parametrize(
    "name", ["../../etc/x", "web", "web@nas", "", "a/b-20261121T212234Z-1f3c", "x\n-20261121T212234Z-1f3c"]
)
def test_what_is_no_archives_name_never_becomes_a_path(name: str) -> None:
    assert is_archive_name(MANIFEST.name)
    assert not is_archive_name(name)


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"{", manifest_text(MANIFEST).replace(b"/v1", b"/v9")])
def test_what_is_no_manifest_is_told(raw: bytes) -> None:
    with pytest.raises(BackupDamaged):
        read_manifest(raw, "x.json")


# --- sealing ------------------------------------------------------------------------------------------


def test_a_person_opens_an_archive_with_age_and_tar_alone(pair: tuple[Path, str], tmp_path: Path) -> None:
    if shutil.which("age") is None:
        pytest.skip("there is no age; scripts/debian-packages age installs it")
    raw, _ = archive(source(VOLUME))
    with (tmp_path / "sealed").open("wb") as target:
        sealed(iter([raw]), target, [pair[1]])
    plain = subprocess.run(
        ["age", "--decrypt", "-i", pair[0], tmp_path / "sealed"], capture_output=True, check=True
    ).stdout

    listed = subprocess.run(["tar", "--zstd", "-t"], input=plain, capture_output=True, check=True).stdout

    assert listed.decode().splitlines()[:4] == [
        "manifest.json", "volumes/data/", "volumes/data/notes", "volumes/data/same",
    ]  # fmt: skip


def test_what_the_age_program_sealed_is_opened(pair: tuple[Path, str], tmp_path: Path) -> None:
    if shutil.which("age") is None:
        pytest.skip("there is no age; scripts/debian-packages age installs it")
    raw, _ = archive(source(VOLUME))
    packed = subprocess.run(["zstd", "-c"], input=raw, capture_output=True, check=True).stdout
    made = subprocess.run(["age", "-r", pair[1]], input=packed, capture_output=True, check=True).stdout

    with opened(io.BytesIO(made), identities_in(pair[0]), "x") as plain:
        reader = ArchiveReader(plain, "x")
        names = [part.name for part in reader.parts()]

    assert names == ["data"]


def test_another_key_opens_nothing(pair: tuple[Path, str]) -> None:
    target = io.BytesIO()
    sealed(iter([b"x" * 100]), target, [pair[1]])
    other = [pyrage.x25519.Identity.generate()]

    with pytest.raises(BackupKeyRefused), opened(io.BytesIO(target.getvalue()), other, "x") as plain:
        plain.read()


def open_through(raw: bytes, key: Path) -> None:
    with opened(io.BytesIO(raw), identities_in(key), "x") as plain:
        while plain.read(65536):
            pass


@pytest.mark.parametrize("where", [30, 250, -20])
def test_a_changed_byte_is_found(where: int, pair: tuple[Path, str]) -> None:
    target = io.BytesIO()
    sealed(iter([bytes(range(256)) * 1000]), target, [pair[1]])
    raw = bytearray(target.getvalue())
    raw[where] ^= 1

    with pytest.raises(BackupError):
        open_through(bytes(raw), pair[0])


def test_what_breaks_at_the_source_is_raised_as_it_was(pair: tuple[Path, str]) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"x" * 1_000_000
        raise BackupError("the host is gone", hint="")

    with pytest.raises(BackupError, match="the host is gone"):
        sealed(chunks(), io.BytesIO(), [pair[1]])


def test_a_secret_key_is_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("AGE-SECRET-KEY-1NONSENSE\n")

    with pytest.raises(UsageError) as caught:
        identities_in(file)
    with pytest.raises(UsageError) as refused:
        parsed_recipient("nonsense")

    assert "NONSENSE" not in f"{caught.value} {caught.value.hint} {caught.value.detail}"
    assert "age1" in refused.value.hint


MEMORY = """
import io, resource, sys, tarfile
import pyrage
from pathlib import Path
from tomo.backup.archive import *
from tomo.backup.manifest import Manifest
from tomo.backup.sealing import sealed, opened
from tomo.backup.tar import TreeDigest, restored_entries

SIZE, FILES = 192 << 20, 3000
manifest = Manifest("web@nas-20261121T212234Z-1f3c", "home", "web", "nas", "2026-11-21T21:22:34Z")

def chunks():
    for number in range(FILES):
        head = tarfile.TarInfo(f"v/{number}")
        yield head.tobuf()
    head = tarfile.TarInfo("v/big")
    head.size = SIZE
    yield head.tobuf()
    block = bytes(range(256)) * 256
    for _ in range(SIZE // len(block)):
        yield block
    yield bytes(1024)

key = pyrage.x25519.Identity.generate()
sealed(iter([b"warm"]), io.BytesIO(), [str(key.to_public())])
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
limit = used + (64 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
file = Path(sys.argv[1])
with file.open("wb") as target:
    digests = {}
    source = ArchiveSource(manifest, (), [VolumeSource("v", chunks)])
    sealed(archive_chunks(source, digests), target, [str(key.to_public())])
with file.open("rb") as sealed_file, opened(sealed_file, [key], "x") as plain:
    reader = ArchiveReader(plain, "x")
    for part in reader.parts():
        digest = TreeDigest()
        for _ in restored_entries(part.members, "below", digest):
            pass
assert digest.result == digests["v"], (digest.result, digests)
assert digest.result.size == SIZE
print("ok")
"""


@pytest.mark.slow  # it moves 192 MiB twice, three times what it may use
def test_what_is_larger_than_all_memory_it_may_use_is_archived_and_opened(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", MEMORY, tmp_path / "big"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ran.stdout, ran.stderr) == ("ok\n", "")
