"""spreadsheets: columns chosen by hand, imports that wait for their confirmation; more of what the directory says"""

import sqlalchemy as sa
from alembic import op

from workflow.migrations.frozen import UtcDateTime

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "column_choice",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("titles", sa.String(), nullable=False),
        sa.Column("places", sa.Text(), nullable=False),
        sa.Column("chosen_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kind", "titles", name=op.f("pk_column_choice")),
    )
    op.create_table(
        "staged_import",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("actor", sa.Integer(), nullable=False),
        sa.Column("kept_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["actor"], ["actor.number"], name=op.f("fk_staged_import_actor_actor")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_staged_import")),
        sa.UniqueConstraint("kind", "actor", name=op.f("uq_staged_import_kind_actor")),
    )
    op.create_index("ix_staged_import_kept_at", "staged_import", ["kept_at"])
    for column in ("departement_name", "nature", "chef_civility"):
        op.add_column("establishment", sa.Column(column, sa.String(), nullable=False, server_default=""))
