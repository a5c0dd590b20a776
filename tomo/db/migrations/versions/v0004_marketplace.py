"""Repositories of catalogs with their apps, words and versions; what people rated and put first."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None

_WORD = sa.String(80).with_variant(sa.String(80, collation="C"), "postgresql")


def _repository(*, primary_key: bool = False) -> sa.Column[str]:
    owner = sa.ForeignKey("catalog_repositories.name", ondelete="CASCADE")
    return sa.Column("repository", sa.String(40), owner, primary_key=primary_key, nullable=False)


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "catalog_repositories",
        sa.Column("name", sa.String(40), primary_key=True),
        *_texts("url", "branch"),
        sa.Column("commit", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(80), nullable=False),
        *_numbers("added", "synced"),
        *_texts("refused"),
    )
    op.create_table(
        "catalog_apps",
        _repository(primary_key=True),
        sa.Column("app", sa.String(40), primary_key=True),
        *_texts("title", "tagline", "version", "categories", "tags", "description"),
        sa.Column("risk", sa.String(32), nullable=False),
        *_texts("architectures"),
        *_numbers("memory", "disk"),
        sa.Column("cpu", sa.Float, nullable=False),
    )
    op.create_table(
        "catalog_words",
        sa.Column("word", _WORD, primary_key=True),
        sa.Column("repository", sa.String(40), primary_key=True),
        sa.Column("app", sa.String(40), primary_key=True),
        sa.Column("weight", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(
            ["repository", "app"],
            ["catalog_apps.repository", "catalog_apps.app"],
            name="fk_catalog_words_app",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_catalog_words_repository_app", "catalog_words", ["repository", "app"])
    op.create_table(
        "catalog_versions",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        _repository(),
        sa.Column("app", sa.String(40), nullable=False),
        *_texts("version"),
        sa.Column("commit", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(80), nullable=False),
        *_numbers("time"),
    )
    op.create_index("ix_catalog_versions_repository", "catalog_versions", ["repository"])
    _make_opinions()


def _make_opinions() -> None:
    op.create_table(
        "catalog_ratings",
        sa.Column("ref", sa.String(81), primary_key=True),
        sa.Column("person", sa.String(128), primary_key=True),
        sa.Column("stars", sa.Integer, nullable=False),
        *_texts("note"),
        *_numbers("time"),
    )
    op.create_table(
        "catalog_featured",
        sa.Column("ref", sa.String(81), primary_key=True),
        sa.Column("person", sa.String(128), nullable=False),
        *_numbers("time"),
    )


def downgrade() -> None:
    """Removes the tables with every repository, rating and flag in them."""
    op.drop_table("catalog_featured")
    op.drop_table("catalog_ratings")
    op.drop_index("ix_catalog_versions_repository", "catalog_versions")
    op.drop_table("catalog_versions")
    op.drop_index("ix_catalog_words_repository_app", "catalog_words")
    op.drop_table("catalog_words")
    op.drop_table("catalog_apps")
    op.drop_table("catalog_repositories")
