"""Proposals, each step of their lives, and the texts that they are made of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None

_SHORT = (("kind", 32), ("state", 32), ("surface", 32), ("replaces", 32), ("digest", 80))
_SAID = ("title", "why", "assistant", "person", "account", "begun_by")
_WHERE = ("project", "stack", "stack_id", "place")
_JSON = ("change", "base", "review", "output")
_TIMES = ("created", "expires", "begun")


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "proposals",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(32), nullable=False, unique=True),
        *(sa.Column(name, sa.String(length), nullable=False) for name, length in _SHORT),
        *(sa.Column(name, sa.Text, nullable=False) for name in (*_SAID, *_WHERE, *_JSON)),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in _TIMES),
    )
    op.create_index("ix_proposals_state", "proposals", ["state"])
    op.create_table(
        "proposal_transitions",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column(
            "proposal_id", sa.String(32), sa.ForeignKey("proposals.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.create_index("ix_proposal_transitions_proposal_id", "proposal_transitions", ["proposal_id"])
    op.create_table(
        "proposal_texts",
        sa.Column(
            "proposal_id", sa.String(32), sa.ForeignKey("proposals.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("name", sa.String(80), primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    """Removes the tables with every proposal in them."""
    op.drop_table("proposal_texts")
    op.drop_index("ix_proposal_transitions_proposal_id", "proposal_transitions")
    op.drop_table("proposal_transitions")
    op.drop_index("ix_proposals_state", "proposals")
    op.drop_table("proposals")
