"""A bundle holds what it says, and one that does not is refused before anything of it is used."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tomo.catalog.bundle import Bundle, BundleWriter
from tomo.errors import BundleDamaged, ImageNotFound, UsageError

LAYER = b"layer" * 1000


def add(archive: tarfile.TarFile, name: str, content: bytes, **fields: Any) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for field, value in fields.items():
        setattr(member, field, value)
    archive.addfile(member, io.BytesIO(content))


def saved(*tags: str, extra: Callable[[tarfile.TarFile], None] = lambda _: None) -> bytes:
    """What `docker save` gives, in its main lines: layers first, then a manifest."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        add(archive, f"{'a' * 64}/layer.tar", LAYER, mtime=1.5)
        extra(archive)
        manifest = [{"Config": "c.json", "RepoTags": list(tags), "Layers": []}]
        add(archive, "manifest.json", json.dumps(manifest).encode())
    return buffer.getvalue()


def made(file: Path, image: bytes = b"", name: str = "nginx:1.27") -> Bundle:
    with BundleWriter(file) as writer:
        writer.add_image(name, [image or saved("nginx:1.27")])
        writer.add_app("shop", b"id: shop\n")
    return Bundle(file)


def test_what_was_put_in_comes_out(tmp_path: Path) -> None:
    bundle = made(tmp_path / "b")

    contents = bundle.verify()
    with bundle.open("docker.io/library/nginx:1.27") as stream:
        whole = stream.read()

    assert [image.name for image in contents.images] == ["nginx:1.27"]
    assert bundle.app(contents.apps[0]) == b"id: shop\n"
    assert whole == saved("nginx:1.27")
    assert {each.name for each in tmp_path.iterdir()} == {"b"}


def test_any_tar_shows_what_is_in_it(tmp_path: Path) -> None:
    made(tmp_path / "b")

    with tarfile.open(tmp_path / "b") as archive:
        names = archive.getnames()

    assert names[-2:] == ["catalog/shop.yaml", "manifest.json"]


def test_an_image_that_is_not_in_it_is_told(tmp_path: Path) -> None:
    with pytest.raises(ImageNotFound, match="has no image `redis:7`"), made(tmp_path / "b").open("redis:7"):
        pass


def test_a_failure_while_writing_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"x"
        raise ImageNotFound("gone", host="nas")

    with pytest.raises(ImageNotFound), BundleWriter(tmp_path / "b") as writer:
        writer.add_image("nginx:1.27", broken())

    assert list(tmp_path.iterdir()) == []


def test_a_large_image_is_never_whole_in_memory(tmp_path: Path) -> None:
    def large(archive: tarfile.TarFile) -> None:
        add(archive, "big/layer.tar", bytes(48 << 20))

    image = saved("nginx:1.27", extra=large)
    pieces = [image[at : at + (1 << 20)] for at in range(0, len(image), 1 << 20)]

    tracemalloc.start()
    with BundleWriter(tmp_path / "b") as writer:
        writer.add_image("nginx:1.27", pieces)
    with Bundle(tmp_path / "b").open("nginx:1.27") as stream:
        while stream.read(1 << 20):
            pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 8 << 20


@pytest.mark.parametrize("tags", [(), ("redis:7",), ("nginx:1.27", "redis:7"), ("nginx:latest",)])
def test_an_image_may_bring_its_own_name_only(tags: tuple[str, ...], tmp_path: Path) -> None:
    bundle = made(tmp_path / "b", saved(*tags))

    with pytest.raises(BundleDamaged, match=r"as `nginx:1\.27`"):
        bundle.verify()


def index(name: str) -> Callable[[tarfile.TarFile], None]:
    notes = {"annotations": {"io.containerd.image.name": name}}
    return lambda archive: add(archive, "index.json", json.dumps({"manifests": [notes]}).encode())


def renamed(archive: tarfile.TarFile) -> None:
    content = json.dumps([{"RepoTags": ["redis:7"]}]).encode()
    add(archive, "harmless", content, pax_headers={"path": "manifest.json"})


@pytest.mark.parametrize(
    "extra",
    [
        index("docker.io/library/redis:7"),
        renamed,
        lambda archive: add(archive, "manifest.json", b'[{"RepoTags": ["redis:7"]}]'),
        lambda archive: add(archive, "./manifest.json", b'[{"RepoTags": ["redis:7"]}]'),
        lambda archive: add(archive, "repositories", b'{"redis": {"7": "x"}}'),
        lambda archive: add(archive, "index.json", b"{}"),
        lambda archive: add(archive, "manifest.json", b"not json"),
        lambda archive: add(archive, "manifest.json", bytes(5 << 20)),
    ],
)
def test_no_other_file_of_an_image_names_another_one(
    extra: Callable[[tarfile.TarFile], None], tmp_path: Path
) -> None:
    bundle = made(tmp_path / "b", saved("nginx:1.27", extra=extra))

    with pytest.raises(BundleDamaged):
        bundle.verify()


def test_an_image_of_a_newer_docker_is_known_by_its_index(tmp_path: Path) -> None:
    image = saved("nginx:1.27", extra=index("docker.io/library/nginx:1.27"))

    assert made(tmp_path / "b", image).verify().images[0].name == "nginx:1.27"


def test_a_changed_byte_is_found(tmp_path: Path) -> None:
    made(tmp_path / "b")
    whole = bytearray((tmp_path / "b").read_bytes())
    whole[whole.index(LAYER)] ^= 1
    (tmp_path / "b").write_bytes(whole)

    with pytest.raises(BundleDamaged, match=r"other bytes of `nginx:1\.27`"):
        Bundle(tmp_path / "b").verify()


def hostile(file: Path, *members: tuple[str, bytes, dict[str, Any]], manifest: Any = None) -> Bundle:
    with tarfile.open(file, "w", format=tarfile.GNU_FORMAT) as archive:
        for name, content, fields in members:
            add(archive, name, content, **fields)
        if manifest is not None:
            text = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
            add(archive, "manifest.json", text)
    return Bundle(file)


EMPTY = {"schema": "tomo.bundle/v1", "images": [], "apps": []}
SHA = hashlib.sha256(b"x").hexdigest()


@pytest.mark.parametrize(
    "members",
    [
        [("../../etc/passwd", b"x", {})],
        [("/etc/passwd", b"x", {})],
        [("catalog/../../x.yaml", b"x", {})],
        [("catalog/shop.yaml", b"", {"type": tarfile.SYMTYPE, "linkname": "/etc/shadow"})],
        [("catalog/shop.yaml", b"", {"type": tarfile.LNKTYPE, "linkname": "manifest.json"})],
        [("catalog", b"", {"type": tarfile.DIRTYPE})],
        [("catalog/shop.yaml", b"", {"type": tarfile.CHRTYPE})],
        [("catalog/shop.yaml", b"x", {}), ("catalog/shop.yaml", b"y", {})],
        [("catalog/unlisted.yaml", b"x", {})],
        [(f"images/{'0' * 64}.tar", b"x", {})],
        [("x" * 5000, b"x", {})],
    ],
)
def test_members_that_no_bundle_has_are_refused(members: Any, tmp_path: Path) -> None:
    bundle = hostile(tmp_path / "b", *members, manifest=EMPTY)

    with pytest.raises(BundleDamaged):
        bundle.verify()


@pytest.mark.parametrize(
    "manifest",
    [
        None,
        b"",
        b"[" * 100_000,
        {**EMPTY, "schema": "tomo.bundle/v2"},
        {"schema": "tomo.bundle/v1"},
        {**EMPTY, "images": [{"name": "a", "sha256": SHA, "size": -1}]},
        {**EMPTY, "images": [{"name": "a", "sha256": SHA, "size": True}]},
        {**EMPTY, "images": [{"name": "a", "sha256": "../../x", "size": 1}]},
        {**EMPTY, "images": [{"name": "a", "sha256": SHA, "size": 1}]},
        {**EMPTY, "apps": [{"id": "../x", "sha256": SHA, "size": 1}]},
        {**EMPTY, "apps": [{"id": "x", "sha256": SHA, "size": 1, "run": "id"}]},
    ],
)
def test_a_manifest_that_says_nonsense_is_refused(manifest: Any, tmp_path: Path) -> None:
    with pytest.raises(BundleDamaged):
        hostile(tmp_path / "b", manifest=manifest).verify()


@pytest.mark.parametrize("text", [b"", b"no tar at all" * 100, b"\x1f\x8b" + bytes(600)])
def test_what_is_no_bundle_is_told(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(text)

    with pytest.raises(BundleDamaged):
        Bundle(tmp_path / "b").verify()


def test_one_that_was_cut_off_is_told(tmp_path: Path) -> None:
    made(tmp_path / "b")
    whole = (tmp_path / "b").read_bytes()

    for length in range(0, len(whole) - 1024, 1500):
        (tmp_path / "b").write_bytes(whole[:length])
        with pytest.raises(BundleDamaged):
            Bundle(tmp_path / "b").verify()


def test_a_member_that_claims_to_be_huge_costs_nothing(tmp_path: Path) -> None:
    header = tarfile.TarInfo("manifest.json")
    header.size = 1 << 50
    (tmp_path / "b").write_bytes(header.tobuf(tarfile.GNU_FORMAT) + bytes(1024))

    with pytest.raises(BundleDamaged):
        Bundle(tmp_path / "b").verify()


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be read"):
        Bundle(tmp_path / "none").verify()
