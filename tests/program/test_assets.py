import hashlib
import tarfile

import pytest

from tomo.errors import NotSupported, ProgramFailed
from tomo.model.values import Archive, Asset, Secret
from tomo.program.assets import hashed_archive, hashed_asset, with_hashes

TWO_FILES = "de250737e59d84b2a80db789abfd7cf4f61f1661a6c3558edba9179c4a7b209a"
LONG_NAME = "9534292b73a6c83c9c0087c2d90b0f8ab0143536f6b92f98427ad7ca56e79692"
"""Digests of tar streams that Go's archive/tar wrote with the header fields Pulumi sets."""


def test_a_text_has_the_digest_of_its_bytes(tmp_path):
    asset = hashed_asset(Asset(text="grün"), tmp_path)

    assert asset.hash == hashlib.sha256("grün".encode()).hexdigest()


def test_a_relative_path_starts_at_the_programs_folder(tmp_path):
    (tmp_path / "conf").write_bytes(b"abc")

    asset = hashed_asset(Asset(path="conf"), tmp_path)

    assert asset == Asset(path="conf", hash=hashlib.sha256(b"abc").hexdigest())


def test_a_file_address_is_read(tmp_path):
    (tmp_path / "a b").write_bytes(b"abc")

    asset = hashed_asset(Asset(uri=f"file://{tmp_path}/a%20b"), tmp_path)

    assert asset.hash == hashlib.sha256(b"abc").hexdigest()


def test_a_web_address_is_refused(tmp_path):
    with pytest.raises(NotSupported, match="`https` address"):
        hashed_asset(Asset(uri="https://example.com/x?token=hush"), tmp_path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ProgramFailed, match=r"nowhere\.txt"):
        hashed_asset(Asset(path="nowhere.txt"), tmp_path)


def test_a_folder_has_the_digest_that_pulumi_gives_it(tmp_path):
    (tmp_path / "d" / "sub").mkdir(parents=True)
    (tmp_path / "d" / "sub" / "b.txt").write_text("content of b.txt")
    (tmp_path / "d" / "a.txt").write_text("content of a.txt")

    assert hashed_archive(Archive(path="d"), tmp_path).hash == TWO_FILES


def test_assets_by_name_have_the_digest_of_the_same_files(tmp_path):
    (tmp_path / "b.txt").write_text("content of b.txt")
    below = Archive(assets={"b.txt": Asset(path="b.txt")})

    archive = hashed_archive(
        Archive(assets={"sub": below, "a.txt": Asset(text="content of a.txt")}), tmp_path
    )

    assert archive.hash == TWO_FILES
    assert all(item.hash for item in archive.assets.values())


def test_a_long_name_is_split_as_go_splits_it(tmp_path):
    name = "d" * 90 + "/" + "e" * 60 + ".txt"

    archive = hashed_archive(Archive(assets={name: Asset(text="content of e.txt")}), tmp_path)

    assert archive.hash == LONG_NAME


def test_a_name_beyond_ascii_has_a_digest_of_its_own(tmp_path):
    one = hashed_archive(Archive(assets={"ü": Asset(text="x")}), tmp_path)
    other = hashed_archive(Archive(assets={"ö": Asset(text="x")}), tmp_path)

    assert one.hash != other.hash


def test_an_archive_file_has_the_digest_of_its_bytes(tmp_path):
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("empty"))

    archive = hashed_archive(Archive(path="x.tar.gz"), tmp_path)

    assert archive.hash == hashlib.sha256((tmp_path / "x.tar.gz").read_bytes()).hexdigest()


def test_a_plain_file_is_no_archive(tmp_path):
    (tmp_path / "x.txt").write_text("x")

    with pytest.raises(ProgramFailed, match=r"`x\.txt` is neither a folder nor an archive"):
        hashed_archive(Archive(path="x.txt"), tmp_path)


def test_an_archive_file_inside_another_archive_is_refused(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"PK")

    with pytest.raises(NotSupported, match=r"`x\.zip`"):
        hashed_archive(Archive(assets={"x": Archive(path="x.zip")}), tmp_path)


def test_assets_deep_in_the_properties_and_in_secrets_get_digests(tmp_path):
    properties = {"list": [{"a": Asset(text="1")}], "hidden": Secret({"b": Asset(text="2")})}

    hashed = with_hashes(properties, tmp_path)

    assert hashed["list"][0]["a"].hash
    assert hashed["hidden"].reveal()["b"].hash


def test_a_digest_that_is_there_is_kept(tmp_path):
    asset = Asset(path="gone", hash="kept")

    assert hashed_asset(asset, tmp_path) is asset
