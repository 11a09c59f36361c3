"""codes read on the portal: since when one waits, and when it was read; what a RUPN's own page adds"""

import sqlalchemy as sa
from alembic import op

from workflow.migrations.frozen import UtcDateTime
from workflow.migrations.widening import widen

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

KINDS = (
    "declared", "delegated", "charter_signed", "submitted", "sent_back", "question", "code_issued", "code_reissued",
    "code_to_read", "key_extended", "change_reported", "report_settled", "withdrawn", "revoked", "removal_confirmed",
    "year_end", "handover_reminder", "stalled_reminder", "year_end_notice", "renewal_invitation", "new_request",
    "removal_task", "change_to_handle", "change_due", "late_digest", "year_end_report", "brake_alert",
    "mail_undeliverable", "clock_alert", "mailbox_changed", "mailbox_to_confirm", "identity_bound",
    "new_sign_in", "factor_changed", "sign_in", "sign_in_rectorat", "sign_in_rupn", "journal_seal",
)  # fmt: skip
AUDIENCES = ("establishment", "operators", "rupn")
ERASURES = ("handed_over", "revoked", "replaced", "taken_back", "overdue", "used", "read")
ROLES = ("chef", "deputy", "operator", "reader", "schedule", "connector", "rupn")
CHANGES = (
    "mission", "departure", "absence", "code_not_received", "code_refused", "pin_forgotten", "not_needed",
    "key_compromised", "key_lost", "listing_lost", "delegation_ended", "not_rupn",
)  # fmt: skip


def upgrade() -> None:
    op.add_column("delegation_request", sa.Column("code_unread_since", UtcDateTime(timezone=True), nullable=True))
    op.add_column("delegation_request", sa.Column("code_read_at", UtcDateTime(timezone=True), nullable=True))
    waits = sa.text("code_unread_since IS NOT NULL")
    op.create_index(
        "ix_request_unread", "delegation_request", ["code_unread_since"], sqlite_where=waits, postgresql_where=waits
    )
    op.create_table(
        "delegation_claim",
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("said_on", sa.Date(), nullable=False),
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("begins", sa.Date(), nullable=True),
        sa.Column("ends", sa.Date(), nullable=True),
        sa.Column("seen", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reference"], ["delegation_request.reference"],
            name=op.f("fk_delegation_claim_reference_delegation_request"),
        ),
        sa.PrimaryKeyConstraint("reference", name=op.f("pk_delegation_claim")),
    )  # fmt: skip
    widen("outgoing_mail", "kind", KINDS)
    widen("outgoing_mail", "audience", AUDIENCES)
    widen("seal", "erased_why", ERASURES)
    widen("change_report", "change", CHANGES)
    for table in ("web_session", "sign_in_link", "access_token"):
        widen(table, "role", ROLES)
