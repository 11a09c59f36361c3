"""journal seals: the seals of the journal and their keys; a salt beside each actor"""

import secrets

import sqlalchemy as sa
from alembic import op

from workflow.migrations.frozen import UtcDateTime
from workflow.migrations.guards import create_seal_guards, without_actor_guards
from workflow.migrations.widening import widen

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


KINDS = (
    "declared", "delegated", "charter_signed", "submitted", "sent_back", "question", "code_issued", "code_reissued",
    "key_extended", "change_reported", "report_settled", "withdrawn", "revoked", "removal_confirmed", "year_end",
    "handover_reminder", "stalled_reminder", "year_end_notice", "renewal_invitation", "new_request",
    "removal_task", "change_to_handle", "change_due", "late_digest", "year_end_report", "brake_alert",
    "mail_undeliverable", "clock_alert", "mailbox_changed", "mailbox_to_confirm", "identity_bound", "sign_in",
    "sign_in_rectorat", "new_sign_in", "factor_changed", "journal_seal",
)  # fmt: skip


def upgrade() -> None:
    widen("outgoing_mail", "kind", KINDS)
    op.add_column("actor", sa.Column("nonce", sa.Text(), nullable=False, server_default=""))
    _salt_actors()
    op.create_table(
        "journal_signing_key",
        sa.Column("public", sa.Text(), nullable=False),
        sa.Column("started_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("first_seal", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("public", name=op.f("pk_journal_signing_key")),
    )
    op.create_table(
        "journal_seal",
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_journal_seal")),
    )
    op.create_table(
        "journal_seal_head",
        sa.Column("seal", sa.Integer(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seal", "stream", name=op.f("pk_journal_seal_head")),
    )
    op.create_index("ix_journal_seal_head_stream", "journal_seal_head", ["stream", "seal"])
    create_seal_guards(op.get_bind())


def _salt_actors() -> None:
    """Give each actor its salt, which no guard would let in later."""
    connection = op.get_bind()
    numbers = connection.execute(sa.text("SELECT number FROM actor")).scalars().all()
    with without_actor_guards(connection):
        if numbers:
            salts = [{"number": number, "nonce": secrets.token_hex(16)} for number in numbers]
            connection.execute(sa.text("UPDATE actor SET nonce = :nonce WHERE number = :number"), salts)
