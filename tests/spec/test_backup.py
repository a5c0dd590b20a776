from __future__ import annotations

from pathlib import Path

import pytest

from tomo.errors import SpecError
from tomo.spec.load import load_fleet

PUBLIC = "age1mvw0h3773ugqrp82zma02n7enhkvjccfe649hgszee6rlnkjhfwqakkacc"
FLEET = "fleet: home\nbackup:\n{block}servers: {{}}\napps: {{}}\n"


def problems(tmp_path: Path, *lines: str) -> list[str]:
    file = tmp_path / "fleet.yaml"
    file.write_text(FLEET.format(block="".join(f"  {line}\n" for line in lines)))
    with pytest.raises(SpecError) as caught:
        load_fleet(file)
    return [f"{each.line}: {each.message} | {each.hint}" for each in caught.value.problems]


@pytest.mark.parametrize(
    ("to", "told"),
    [
        ("ftp://x/y", "backups can't go to `ftp://`"),
        ("ssh://root:pw@nas/srv", "the address holds a password"),
        ("ssh://nas", "names no folder of a server"),
        ("ssh://-oProxyCommand=x/srv", "names no folder of a server"),
        ("ssh://nas:port/srv", "is no address"),
        ("s3://", "names no bucket"),
        ("s3://UPPER/x", "names no bucket"),
        ("s3://a-bucket?endpoint=x", "names no bucket"),
    ],
)
def test_a_place_for_backups_that_is_none_is_told_with_its_line(to: str, told: str, tmp_path: Path) -> None:
    (found,) = problems(tmp_path, f"to: {to}", f"recipients: [{PUBLIC}]")

    assert found.startswith("3: ")
    assert told in found


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["recipients: [nonsense]"], "is no recipient"),
        (["recipients: [AGE-SECRET-KEY-1QQQQ]"], "secret half of a key"),
        (["recipients: []"], "nobody could open these backups"),
        ([f"recipients: [{PUBLIC}]", "keep: {last: -1}"], "less than 0"),
        ([f"recipients: [{PUBLIC}]", "s3: {region: x}"], "`s3` belongs to `to: s3://…`"),
        ([f"recipients: [{PUBLIC}]", "schedule: daily"], "schedule"),
        ([f"recipients: [{PUBLIC}]", "restic: {password: plain}"], "password"),
    ],
)
def test_each_mistake_in_the_backup_block_is_told(lines: list[str], told: str, tmp_path: Path) -> None:
    found = problems(tmp_path, "to: backups", *lines)

    assert told in " ".join(found)
    assert "1QQQQ" not in " ".join(found)
