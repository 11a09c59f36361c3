"""limits and access: tries counted in one row a window, the table of actors guarded"""

import sqlalchemy as sa
from alembic import op

from workflow.migrations.frozen import UtcDateTime
from workflow.migrations.guards import create_actor_guards

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_table("door_knock")  # what was counted for half an hour at most
    op.create_table(
        "try_count",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("ends_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("limit_name", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", "ends_at", name=op.f("pk_try_count")),
    )
    with op.batch_alter_table("try_count") as batch_op:
        batch_op.create_index("ix_try_count_ends_at", ["ends_at"], unique=False)
    create_actor_guards(op.get_bind())
