"""`tomo catalog import` as somebody sees it."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Tomo
from tests.worlds import World

COMPOSE = """\
name: shop
services:
  web:
    image: shop:1.2.3
    ports: ["8080:80"]
    environment: {DB_PASSWORD: example}
    volumes: ["./content:/content", "/var/run/docker.sock:/var/run/docker.sock"]
"""


def test_one_app_is_shown_line_by_line(bare: World, tomo: Tomo, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(COMPOSE)

    ran = tomo(bare, "catalog", "import", str(tmp_path / "compose.yaml"), "--into", str(bare.folder / "mine"))

    assert ran.code == 0
    assert "shop: new" in ran.out
    assert "mapped: folder `./content` is the volume `content`" in ran.out
    assert "generated: secret `DB_PASSWORD`" in ran.out
    assert "needs a grant: docker_socket" in ran.out
    assert "example" not in ran.out
    assert "Format: compose (found by itself)" in ran.err
    assert "catalogs:" in ran.err
    assert all(len(line) <= 80 for line in ran.out.splitlines())


def test_an_imported_app_is_applied_like_any_other(bare: World, tomo: Tomo, tmp_path: Path) -> None:
    text = COMPOSE.replace(', "/var/run/docker.sock:/var/run/docker.sock"', "").replace(
        "shop:1.2.3", "tomo-test/web:1.0"
    )
    (tmp_path / "compose.yaml").write_text(text)
    fleet = bare.folder / "fleet.yaml"
    fleet.write_text(fleet.read_text() + "catalogs: [mine]\n")
    (bare.folder / "mine").mkdir()

    assert tomo(bare, "catalog", "import", str(tmp_path / "compose.yaml")).code == 0
    assert "shop" in tomo(bare, "catalog", "search", "shop").out
    assert tomo(bare, "app", "add", "shop", "--server", "nas").code == 0
    assert "app shop@nas" in tomo(bare, "plan").out
    applied = tomo(bare, "apply", "--yes")

    assert applied.code == 0, applied.err
    assert tomo(bare, "plan", "--expect-no-changes").code == 0


def test_many_apps_are_a_table_and_refused_ones_have_their_reason(
    bare: World, tomo: Tomo, tmp_path: Path
) -> None:
    for number in range(5):
        (tmp_path / "copy" / f"app{number}").mkdir(parents=True)
        (tmp_path / "copy" / f"app{number}" / "compose.yaml").write_text(
            COMPOSE.replace("shop\n", f"app{number}\n")
        )
    (tmp_path / "copy" / "app0" / "compose.yaml").write_text("services:\n  web:\n    ports: [80]\n")

    ran = tomo(bare, "catalog", "import", str(tmp_path / "copy"), "--into", str(bare.folder / "mine"))

    assert ran.code == 0
    assert "FOR A PERSON" in ran.out
    assert "app4" in ran.out
    assert "Refused" in ran.out
    assert "no `image`" in ran.out
    assert "4 of 5 apps are in" in ran.err


def test_when_nothing_can_be_imported_the_exit_code_says_so(bare: World, tomo: Tomo, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services:\n  web: {}\n")

    ran = tomo(bare, "catalog", "import", str(tmp_path / "compose.yaml"), "--into", str(bare.folder / "mine"))

    assert ran.code == 1
    assert "compose.yaml:2:" in ran.out.replace("\n", "")
    assert not (bare.folder / "mine").exists()


def test_json_is_the_report(bare: World, tomo: Tomo, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(COMPOSE)

    ran = tomo(
        bare,
        "catalog",
        "import",
        str(tmp_path / "compose.yaml"),
        "--into",
        str(bare.folder / "mine"),
        "--json",
    )

    assert ran.json["apps"][0]["needs_grant"] == ["docker_socket"]
    assert ran.json["counts"] == {"new": 1, "changed": 0, "unchanged": 0, "edited": 0, "refused": 0}
