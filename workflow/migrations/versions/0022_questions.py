"""questions: of the rectorat to an establishment about a request, and the mail that asks; RUPN without a DRANE date"""

import sqlalchemy as sa
from alembic import op

from workflow.migrations.frozen import UtcDateTime
from workflow.migrations.widening import widen

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


KINDS = (
    "declared", "delegated", "charter_signed", "submitted", "sent_back", "question", "code_issued", "code_reissued",
    "key_extended", "change_reported", "report_settled", "withdrawn", "revoked", "removal_confirmed", "year_end",
    "handover_reminder", "stalled_reminder", "year_end_notice", "renewal_invitation", "new_request",
    "removal_task", "change_to_handle", "change_due", "late_digest", "year_end_report", "brake_alert",
    "mail_undeliverable", "clock_alert", "mailbox_changed", "mailbox_to_confirm", "sign_in", "sign_in_rectorat",
)  # fmt: skip


def upgrade() -> None:
    widen("outgoing_mail", "kind", KINDS)
    for column in ("question_asked_at", "question_answered_at"):
        op.add_column("delegation_request", sa.Column(column, UtcDateTime(timezone=True), nullable=True))
    undeclared = sa.text("drane_declared_on IS NULL AND state <> 'revoked'")
    op.create_index(
        "ix_request_no_drane_date", "delegation_request", ["since", "reference"], sqlite_where=undeclared,
        postgresql_where=undeclared,
    )  # fmt: skip
    there = sa.text("question_answered_at IS NOT NULL")
    op.create_index(
        "ix_request_answered", "delegation_request", ["question_answered_at"], sqlite_where=there,
        postgresql_where=there,
    )  # fmt: skip
