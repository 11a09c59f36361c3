"""the clock: why it is not believed"""

import sqlalchemy as sa
from alembic import op

from workflow.migrations.frozen import UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "clock_hold",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("fault", sa.String(), nullable=False),
        sa.Column("held_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("seen_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("known_at", UtcDateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "fault IN ('too_early', 'too_late', 'absence', 'ahead', 'back')", name=op.f("ck_clock_hold_fault")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clock_hold")),
    )
