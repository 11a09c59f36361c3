"""The mail that tells an establishment that a removal it was told of is to be made after all (R49)."""

from workflow.migrations.widening import widen

revision = "0046"
down_revision = "0044"
branch_labels = None
depends_on = None

KINDS = (
    "declared", "delegated", "charter_signed", "submitted", "sent_back", "question", "code_issued", "code_reissued",
    "code_to_read", "key_extended", "change_reported", "report_settled", "withdrawn", "revoked", "removal_confirmed",
    "removal_reopened", "year_end", "handover_reminder", "stalled_reminder", "year_end_notice", "renewal_invitation", "new_request",
    "removal_task", "change_to_handle", "change_due", "late_digest", "year_end_report", "brake_alert",
    "mail_undeliverable", "clock_alert", "webhook_failing", "journal_seal", "mailbox_changed", "mailbox_to_confirm",
    "identity_bound", "new_sign_in", "factor_changed", "substitution", "substitution_chef",
    "sign_in", "sign_in_rectorat", "sign_in_rupn",
)  # fmt: skip


def upgrade() -> None:
    widen("outgoing_mail", "kind", KINDS)
