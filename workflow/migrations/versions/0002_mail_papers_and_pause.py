"""mails in HTML, their papers, and the relay's pause"""

import sqlalchemy as sa
from alembic import op

from workflow.migrations.frozen import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "relay_pause",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("fault", sa.Text(), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("since", UtcDateTime(timezone=True), nullable=False),
        sa.Column("until", UtcDateTime(timezone=True), nullable=False),
        sa.Column("lasts_seconds", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "fault IN ('down', 'busy', 'login_refused', 'sender_refused', 'relay_denied')",
            name=op.f("ck_relay_pause_fault"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_relay_pause")),
    )
    with op.batch_alter_table("outgoing_mail") as outgoing_mail:
        outgoing_mail.add_column(sa.Column("html", sa.Text(), nullable=True))
        outgoing_mail.add_column(sa.Column("papers", sa.Text(), nullable=True))
