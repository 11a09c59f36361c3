"""webhooks: what other systems are told of the requests' events, and how each of them fares"""

import sqlalchemy as sa
from alembic import op

from workflow.migrations.frozen import UtcDateTime
from workflow.migrations.widening import widen

revision = "0042"
down_revision = "0040"
branch_labels = None
depends_on = None

KINDS = (
    "declared", "delegated", "charter_signed", "submitted", "sent_back", "question", "code_issued", "code_reissued",
    "code_to_read", "key_extended", "change_reported", "report_settled", "withdrawn", "revoked", "removal_confirmed",
    "year_end", "handover_reminder", "stalled_reminder", "year_end_notice", "renewal_invitation", "new_request",
    "removal_task", "change_to_handle", "change_due", "late_digest", "year_end_report", "brake_alert",
    "mail_undeliverable", "clock_alert", "webhook_failing", "journal_seal", "mailbox_changed", "mailbox_to_confirm",
    "identity_bound", "new_sign_in", "factor_changed", "sign_in", "sign_in_rectorat", "sign_in_rupn",
)  # fmt: skip
STAGES = ("waiting", "delivered", "given_up", "discarded")


def _instant(name: str, *, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, UtcDateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "webhook_delivery",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("webhook_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        _instant("created_at", nullable=False),
        _instant("started_at", nullable=False),
        _instant("next_at"),
        _instant("leased_until"),
        _instant("ended_at"),
        sa.CheckConstraint(
            f"stage IN ({', '.join(repr(stage) for stage in STAGES)})", name=op.f("ck_webhook_delivery_stage")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_webhook_delivery")),
        sa.UniqueConstraint("webhook_id", name=op.f("uq_webhook_delivery_webhook_id")),
    )
    op.create_index(op.f("ix_webhook_delivery_reference"), "webhook_delivery", ["reference"])
    waits = sa.text("stage = 'waiting'")
    op.create_index(
        "ix_webhook_due", "webhook_delivery", ["endpoint", "next_at", "number"], sqlite_where=waits,
        postgresql_where=waits,
    )  # fmt: skip
    op.create_index("ix_webhook_ended", "webhook_delivery", ["ended_at"])
    op.create_table(
        "webhook_endpoint",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        _instant("failing_since"),
        _instant("rests_until"),
        _instant("delivered_at"),
        _instant("gone_at"),
        sa.Column("gone_setting", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_webhook_endpoint")),
    )
    widen("outgoing_mail", "kind", KINDS)
