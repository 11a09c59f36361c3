"""time: clocks that differ, an alert about them, the connector to the ODA server"""

import sqlalchemy as sa
from alembic import op

from workflow.migrations.frozen import UtcDateTime
from workflow.migrations.widening import widen

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


KINDS = (
    "declared", "delegated", "charter_signed", "submitted", "sent_back", "code_issued", "code_reissued",
    "key_extended", "change_reported", "withdrawn", "revoked", "year_end", "handover_reminder", "stalled_reminder",
    "year_end_notice", "renewal_invitation", "new_request", "removal_task", "change_to_handle", "change_due",
    "late_digest", "year_end_report", "brake_alert", "mail_undeliverable", "clock_alert", "sign_in",
    "sign_in_rectorat",
)  # fmt: skip


ROLES = ("chef", "deputy", "operator", "reader", "schedule", "connector")


def upgrade() -> None:
    widen("outgoing_mail", "kind", KINDS)
    for table in ("sign_in_link", "web_session", "access_token"):
        widen(table, "role", ROLES)
    with op.batch_alter_table("node") as batch_op:
        batch_op.add_column(sa.Column("skew_seconds", sa.Float(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("refused_at", UtcDateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("heard_at", UtcDateTime(timezone=True), nullable=True))
    op.create_table(
        "removal_call",
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("asked", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("leased_until", UtcDateTime(timezone=True), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("changed_at", UtcDateTime(timezone=True), nullable=False),
        sa.CheckConstraint("stage IN ('waiting', 'done', 'refused')", name=op.f("ck_removal_call_stage")),
        sa.ForeignKeyConstraint(
            ["reference"], ["removal_task.reference"], name=op.f("fk_removal_call_reference_removal_task")
        ),
        sa.PrimaryKeyConstraint("reference", name=op.f("pk_removal_call")),
    )
    with op.batch_alter_table("removal_call") as batch_op:
        batch_op.create_index("ix_removal_call_next", ["stage", "next_at"], unique=False)
