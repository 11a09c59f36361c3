"""mailbox mails: the news of a mailbox that has become another"""

from workflow.migrations.widening import widen

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


KINDS = (
    "declared", "delegated", "charter_signed", "submitted", "sent_back", "code_issued", "code_reissued", "key_extended",
    "change_reported", "withdrawn", "revoked", "year_end", "handover_reminder", "stalled_reminder", "year_end_notice",
    "renewal_invitation", "new_request", "removal_task", "change_to_handle", "change_due", "late_digest",
    "year_end_report", "brake_alert", "mail_undeliverable", "clock_alert", "mailbox_changed", "mailbox_to_confirm",
    "sign_in", "sign_in_rectorat",
)  # fmt: skip


def upgrade() -> None:
    widen("outgoing_mail", "kind", KINDS)
