"""refusals: those of which nobody knows yet whose fault they are, a mail's patience, the deaths that were told"""

import sqlalchemy as sa
from alembic import op

from workflow.migrations.frozen import UtcDateTime
from workflow.migrations.widening import widen

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


FAULTS = (
    "no_mailbox", "too_late", "code_erased", "code_unreadable", "rendering", "bad_address", "recipient_refused",
    "message_refused", "disputed", "deferred", "dropped", "exhausted", "lost_reply", "lease_lost",
)  # fmt: skip


def upgrade() -> None:
    widen("outgoing_mail", "fault", FAULTS)
    for column in (
        sa.Column("put_off_since", UtcDateTime(timezone=True), nullable=True),
        sa.Column("disputed", sa.Text(), nullable=True),
        sa.Column("others_accepted", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("proofs", sa.Integer(), server_default="0", nullable=False),
        sa.Column("relay_blamed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("reported_at", UtcDateTime(timezone=True), nullable=True),
    ):
        op.add_column("outgoing_mail", column)
    op.execute("UPDATE outgoing_mail SET reported_at = created_at WHERE stage = 'dead'")  # each had its own alert
    for name, indexed, condition in (
        ("ix_outgoing_mail_disputed", "disputed", "disputed IS NOT NULL"),
        ("ix_outgoing_mail_to_report", "id", "stage = 'dead' AND reported_at IS NULL"),
    ):
        where = sa.text(condition)
        op.create_index(name, "outgoing_mail", [indexed], sqlite_where=where, postgresql_where=where)
