"""kept forms: what was typed in a form that was sent after the end of its session"""

import sqlalchemy as sa
from alembic import op

from workflow.migrations.frozen import UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kept_form",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("kept_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_kept_form")),
        sa.UniqueConstraint("session", name=op.f("uq_kept_form_session")),
    )
    with op.batch_alter_table("kept_form") as batch_op:
        batch_op.create_index("ix_kept_form_kept_at", ["kept_at"], unique=False)
