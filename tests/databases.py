"""SQLite files with their tables, made once: Alembic takes half a second each time."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from tomo.db.address import DatabaseAddress
from tomo.db.database import Database
from tomo.db.migrate import upgrade


@cache
def _template() -> tuple[bytes, str]:
    with TemporaryDirectory(prefix="tomo-db-") as folder:
        file = Path(folder) / "tomo.db"
        database = Database(DatabaseAddress(str(file), file))
        upgrade(database)
        database.close()
        return file.read_bytes(), file.name


def put_database(folder: Path) -> Path:
    """Puts an empty database into a folder where there is none, with the newest tables."""
    content, name = _template()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / name
    if file.exists():
        return file
    file.write_bytes(content)
    file.chmod(0o600)
    return file
