"""machine counter: what it showed at a machine's last ticks, for the next process of the same boot"""

import sqlalchemy as sa
from alembic import op

from workflow.migrations.frozen import UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "machine_counter",
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("boot", sa.Text(), nullable=False),
        sa.Column("believed_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("believed_seconds", sa.Float(), nullable=True),
        sa.Column("doubted_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("doubted_seconds", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("host", name=op.f("pk_machine_counter")),
    )
