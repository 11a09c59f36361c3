"""sessions have a public number, and say who ended them; second factors of operators, and their recovery codes"""

import sqlalchemy as sa
from alembic import op

from workflow.migrations.frozen import UtcDateTime
from workflow.migrations.widening import widen

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

KINDS = (
    "declared", "delegated", "charter_signed", "submitted", "sent_back", "question", "code_issued", "code_reissued",
    "key_extended", "change_reported", "report_settled", "withdrawn", "revoked", "removal_confirmed", "year_end",
    "handover_reminder", "stalled_reminder", "year_end_notice", "renewal_invitation", "new_request", "removal_task",
    "change_to_handle", "change_due", "late_digest", "year_end_report", "brake_alert", "mail_undeliverable",
    "clock_alert", "mailbox_changed", "mailbox_to_confirm", "identity_bound", "sign_in", "sign_in_rectorat", "new_sign_in",
    "factor_changed",
)  # fmt: skip


def upgrade() -> None:
    _number_sessions()
    op.create_table(
        "second_factor",
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("sealed_key", sa.Text(), nullable=False),
        sa.Column("begun_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_second_factor")),
    )
    op.create_table(
        "recovery_code",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["address"], ["second_factor.address"], name=op.f("fk_recovery_code_address_second_factor")
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_recovery_code")),
    )
    op.create_index("ix_recovery_code_address", "recovery_code", ["address"])
    widen("outgoing_mail", "kind", KINDS)


def _number_sessions() -> None:
    """Make the table anew, for its key becomes the number; those who are signed in stay so."""
    connection = op.get_bind()
    rows = [
        dict(row) for row in connection.execute(sa.text("SELECT * FROM web_session ORDER BY created_at")).mappings()
    ]
    op.drop_table("web_session")
    op.create_table(
        "web_session",
        sa.Column("number", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("digest", "role", "subject", "name")),
        *(sa.Column(name, UtcDateTime(timezone=True), nullable=False) for name in ("created_at", "seen_at")),
        sa.Column("expires_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("ended_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("method", "provider")),
        sa.Column("proved_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("browser", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False, server_default="") for name in ("identity", "identity_name")),
        sa.Column("awaits_factor", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.CheckConstraint(
            "role IN ('chef', 'deputy', 'operator', 'reader', 'schedule', 'connector')",
            name=op.f("ck_web_session_role"),
        ),
        sa.CheckConstraint(
            "method IN ('mail_link', 'provider', 'trusted_headers')", name=op.f("ck_web_session_method")
        ),
        sa.CheckConstraint("ended_by IN ('owner', 'rectorat')", name=op.f("ck_web_session_ended_by")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_web_session")),
        sa.UniqueConstraint("digest", name=op.f("uq_web_session_digest")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_web_session_subject", "web_session", ["subject"])
    op.create_index("ix_web_session_expires_at", "web_session", ["expires_at"])
    if rows:
        names = list(rows[0])
        values = ", ".join(f":{name}" for name in names)
        connection.execute(sa.text(f"INSERT INTO web_session ({', '.join(names)}) VALUES ({values})"), rows)
