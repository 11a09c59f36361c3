"""substitutions: who stands in for whom within the software, from a day to a day"""

import sqlalchemy as sa
from alembic import op

from workflow.migrations.frozen import UtcDateTime

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "substitution",
        sa.Column("number", sa.Integer(), nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("role", "giver", "giver_name", "substitute", "substitute_name")
        ),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("given_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Integer(), nullable=True),
        sa.Column("ended_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "role IN ('chef', 'deputy', 'operator', 'reader', 'schedule', 'connector', 'rupn')",
            name=op.f("ck_substitution_role"),
        ),
        sa.CheckConstraint(
            "ended_by IN ('giver', 'substitute', 'operator', 'expired', 'role_lost')",
            name=op.f("ck_substitution_ended_by"),
        ),
        sa.ForeignKeyConstraint(["actor"], ["actor.number"], name=op.f("fk_substitution_actor_actor")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_substitution")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_substitution_giver", "substitution", ["giver"])
    op.create_index("ix_substitution_substitute", "substitution", ["substitute"])
