"""reports: what a chef comes for, a revocation on a day to come, two mails; a negative check that is void is to be made

``key_lost`` stays, for the reports that bear it.
"""

import hashlib
from typing import Any

import sqlalchemy as sa
from alembic import op

from workflow.migrations.frozen import person_key
from workflow.migrations.widening import widen

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


CHANGES = (
    "mission", "departure", "absence", "code_not_received", "code_refused", "pin_forgotten", "not_needed",
    "key_compromised", "key_lost",
)  # fmt: skip

SETTLEMENTS = ("revoked", "reissued", "revocation_dated", "no_effect")

KINDS = (
    "declared", "delegated", "charter_signed", "submitted", "sent_back", "code_issued", "code_reissued",
    "key_extended", "change_reported", "report_settled", "withdrawn", "revoked", "removal_confirmed", "year_end",
    "handover_reminder", "stalled_reminder", "year_end_notice", "renewal_invitation", "new_request", "removal_task",
    "change_to_handle", "change_due", "late_digest", "year_end_report", "brake_alert", "mail_undeliverable",
    "clock_alert", "sign_in", "sign_in_rectorat",
)  # fmt: skip


FAULTS = (
    "no_mailbox", "too_late", "obsolete", "code_erased", "code_unreadable", "rendering", "bad_address",
    "recipient_refused", "message_refused", "disputed", "deferred", "dropped", "exhausted", "lost_reply", "lease_lost",
)  # fmt: skip


def upgrade() -> None:
    op.add_column("change_report", sa.Column("revoke_on", sa.Date(), nullable=True))
    widen("change_report", "change", CHANGES)
    widen("change_report", "settlement", SETTLEMENTS)
    widen("outgoing_mail", "kind", KINDS)
    widen("outgoing_mail", "fault", FAULTS)
    condition = sa.text("revoke_on IS NOT NULL")
    op.create_index(
        "ix_report_revocation", "change_report", ["revoke_on"], sqlite_where=condition, postgresql_where=condition
    )
    _mend_void_checks(op.get_bind())


def _mend_void_checks(connection: sa.Connection) -> None:
    """Let requests whose negative checks saw other data be to check, as the write path now writes them (R35)."""
    query = "SELECT * FROM delegation_request WHERE state = 'requested' AND checks = 'negative'"
    rows = connection.execute(sa.text(query)).mappings().all()
    void = [{"reference": row["reference"]} for row in rows if not _is_negative(row)]
    if void:
        mend = "UPDATE delegation_request SET checks = 'to_do' WHERE reference = :reference"
        connection.execute(sa.text(mend), void)


def _is_negative(row: Any) -> bool:
    person = (row["nom"], row["prenom"], row["mail"], row["school_year"])
    delegation = (*person, row["delegated_on"], row["delegation_why"], person_key(row["chef_name"], ""))
    checks = (("listing", person), ("delegation", delegation))
    return any(row[f"{name}_outcome"] == "negative" and row[f"{name}_seen"] == _digest(*seen) for name, seen in checks)


def _digest(*parts: object) -> str:
    return hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).hexdigest()[:32]
