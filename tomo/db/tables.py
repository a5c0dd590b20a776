"""The tables, as the newest migration leaves them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

NAMES: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
METADATA: Final = MetaData(naming_convention=NAMES)

NEWEST: Final = "0004"
"""The newest migration, known without loading Alembic."""

AUDIT_ENTRIES: Final = Table(
    "audit_entries",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("id", String(64), nullable=False, unique=True),
    Column("time", String(40), nullable=False),
    Column("actor", Text, nullable=False),
    Column("role", String(32), nullable=False),
    Column("surface", String(32), nullable=False),
    Column("action", String(64), nullable=False),
    Column("object", Text, nullable=False),
    Column("outcome", String(32), nullable=False),
    Column("plan", Text, nullable=False),
    Column("approval", Text, nullable=False),
    Column("run", Text, nullable=False),
    Column("correlation", String(64), nullable=False, index=True),
    Column("details", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
)
"""Added to and, by retention alone, shortened at its beginning; `details` is JSON text."""

AUDIT_HEAD: Final = Table(
    "audit_head",
    METADATA,
    Column("id", Integer, CheckConstraint("id = 1", name="single"), primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("digest", String(64), nullable=False),
)
"""One row: the newest entry. Who appends locks it."""

USERS: Final = Table(
    "users",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("role", String(32), nullable=False),
    Column("account", Text, nullable=True, unique=True),
    Column("password", Text, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("created", BigInteger, nullable=False),
)
"""`password` is a digest, or `""` for somebody who can't log in with one."""

SESSIONS: Final = Table(
    "sessions",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("user_id", String(64), ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("address", Text, nullable=False),
)
"""`id` is the digest of what the session's own text holds; an ended one has no row."""

TOKENS: Final = Table(
    "tokens",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("user_id", String(64), ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("prefix", String(32), nullable=False),
    Column("digest", String(64), nullable=False, unique=True),
    Column("scopes", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("last_used", BigInteger, nullable=False),
)

ATTEMPTS: Final = Table(
    "attempts",
    METADATA,
    Column("key", String(80), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last", BigInteger, nullable=False),
)
"""Failed logins in a row, by the digest of a name or address."""

KEYS: Final = Table(
    "keys",
    METADATA,
    Column("name", String(32), primary_key=True),
    Column("value", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
)
"""The key that signs sessions, and the digest of the code that makes the first admin."""

PROPOSALS: Final = Table(
    "proposals",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("kind", String(32), nullable=False),
    Column("state", String(32), nullable=False, index=True),
    Column("surface", String(32), nullable=False),
    Column("replaces", String(32), nullable=False),
    Column("digest", String(80), nullable=False),
    Column("title", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("assistant", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("project", Text, nullable=False),
    Column("stack", Text, nullable=False),
    Column("stack_id", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("change", Text, nullable=False),
    Column("base", Text, nullable=False),
    Column("review", Text, nullable=False),
    Column("output", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("begun", BigInteger, nullable=False),
    Column("begun_by", Text, nullable=False),
)
"""`state` is that of the last transition; `change`, `base`, `review` and `output` are JSON texts."""

PROPOSAL_TRANSITIONS: Final = Table(
    "proposal_transitions",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column(
        "proposal_id",
        String(32),
        ForeignKey("proposals.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("state", String(32), nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("note", Text, nullable=False),
)

PROPOSAL_TEXTS: Final = Table(
    "proposal_texts",
    METADATA,
    Column("proposal_id", String(32), ForeignKey("proposals.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(80), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)
"""The bytes of a proposal's plan, of the fleet file before and after, and of approvals without a stack."""

REPOSITORIES: Final = Table(
    "catalog_repositories",
    METADATA,
    Column("name", String(40), primary_key=True),
    Column("url", Text, nullable=False),
    Column("branch", Text, nullable=False),
    Column("commit", String(64), nullable=False),
    Column("digest", String(80), nullable=False),
    Column("added", BigInteger, nullable=False),
    Column("synced", BigInteger, nullable=False),
    Column("refused", Text, nullable=False),
)
"""Repositories of catalogs, each at the state that was checked last; `refused` is JSON text."""

CATALOG_APPS: Final = Table(
    "catalog_apps",
    METADATA,
    Column(
        "repository",
        String(40),
        ForeignKey("catalog_repositories.name", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("app", String(40), primary_key=True),
    Column("title", Text, nullable=False),
    Column("tagline", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("categories", Text, nullable=False),
    Column("tags", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("risk", String(32), nullable=False),
    Column("architectures", Text, nullable=False),
    Column("memory", BigInteger, nullable=False),
    Column("disk", BigInteger, nullable=False),
    Column("cpu", Float, nullable=False),
)
"""What lists and searches show of a repository's apps; lists of words are JSON texts."""

# Both kinds of database are to compare words by their bytes, so that a range finds what begins with one.
_WORD: Final = String(80).with_variant(String(80, collation="C"), "postgresql")

CATALOG_WORDS: Final = Table(
    "catalog_words",
    METADATA,
    Column("word", _WORD, primary_key=True),
    Column("repository", String(40), primary_key=True),
    Column("app", String(40), primary_key=True),
    Column("weight", Integer, nullable=False),
    ForeignKeyConstraint(
        ["repository", "app"],
        ["catalog_apps.repository", "catalog_apps.app"],
        name="fk_catalog_words_app",
        ondelete="CASCADE",
    ),
    Index("ix_catalog_words_repository_app", "repository", "app"),
)
"""Every word that an app is found by, with what it counts."""

CATALOG_VERSIONS: Final = Table(
    "catalog_versions",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column(
        "repository",
        String(40),
        ForeignKey("catalog_repositories.name", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("app", String(40), nullable=False),
    Column("version", Text, nullable=False),
    Column("commit", String(64), nullable=False),
    Column("digest", String(80), nullable=False),
    Column("time", BigInteger, nullable=False),
)
"""Each version that an app of a repository had, since when; `digest` is that of the app's file."""

RATINGS: Final = Table(
    "catalog_ratings",
    METADATA,
    Column("ref", String(81), primary_key=True),
    Column("person", String(128), primary_key=True),
    Column("stars", Integer, nullable=False),
    Column("note", Text, nullable=False),
    Column("time", BigInteger, nullable=False),
)

FEATURED: Final = Table(
    "catalog_featured",
    METADATA,
    Column("ref", String(81), primary_key=True),
    Column("person", String(128), nullable=False),
    Column("time", BigInteger, nullable=False),
)
"""Apps that somebody put first, by their refs."""
