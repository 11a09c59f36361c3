"""the doors of the web: links and their mails, sessions, tokens"""

import sqlalchemy as sa
from alembic import op

from workflow.migrations.frozen import UtcDateTime
from workflow.migrations.widening import widen

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


KINDS = (
    "declared", "delegated", "charter_signed", "submitted", "sent_back", "code_issued", "code_reissued",
    "key_extended", "change_reported", "withdrawn", "revoked", "year_end", "handover_reminder", "stalled_reminder",
    "year_end_notice", "renewal_invitation", "new_request", "removal_task", "change_to_handle", "change_due",
    "late_digest", "year_end_report", "brake_alert", "mail_undeliverable", "sign_in", "sign_in_rectorat",
)  # fmt: skip


ERASURES = ("handed_over", "revoked", "replaced", "overdue", "used")


def upgrade() -> None:
    widen("outgoing_mail", "kind", KINDS)
    widen("seal", "erased_why", ERASURES)
    op.create_table(
        "access_token",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("seen_at", UtcDateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "role IN ('chef', 'deputy', 'operator', 'reader', 'schedule')", name=op.f("ck_access_token_role")
        ),
        sa.CheckConstraint("scope IN ('read', 'act')", name=op.f("ck_access_token_scope")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_token")),
        sa.UniqueConstraint("digest", name=op.f("uq_access_token_digest")),
    )
    op.create_table(
        "door_knock",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_door_knock")),
    )
    with op.batch_alter_table("door_knock") as batch_op:
        batch_op.create_index("ix_door_knock_at", ["at"], unique=False)
        batch_op.create_index("ix_door_knock_key", ["key", "at"], unique=False)

    op.create_table(
        "sign_in_link",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("sent_to", sa.Text(), nullable=False),
        sa.Column("joins", sa.Text(), nullable=False),
        sa.Column("back", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("used_at", UtcDateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "role IN ('chef', 'deputy', 'operator', 'reader', 'schedule')", name=op.f("ck_sign_in_link_role")
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_sign_in_link")),
    )
    with op.batch_alter_table("sign_in_link") as batch_op:
        batch_op.create_index("ix_sign_in_link_expires_at", ["expires_at"], unique=False)
        batch_op.create_index("ix_sign_in_link_subject", ["subject"], unique=False)

    op.create_table(
        "web_session",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("seen_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("ended_at", UtcDateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "role IN ('chef', 'deputy', 'operator', 'reader', 'schedule')", name=op.f("ck_web_session_role")
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_web_session")),
    )
    with op.batch_alter_table("web_session") as batch_op:
        batch_op.create_index("ix_web_session_expires_at", ["expires_at"], unique=False)
        batch_op.create_index("ix_web_session_subject", ["subject"], unique=False)
