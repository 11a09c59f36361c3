"""identity bindings: who is bound to an establishment, whose session it is at a provider, the SIRET, a mail"""

import sqlalchemy as sa
from alembic import op

from workflow.migrations.frozen import UtcDateTime
from workflow.migrations.widening import widen

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


KINDS = (
    "declared", "delegated", "charter_signed", "submitted", "sent_back", "question", "code_issued", "code_reissued",
    "key_extended", "change_reported", "report_settled", "withdrawn", "revoked", "removal_confirmed", "year_end",
    "handover_reminder", "stalled_reminder", "year_end_notice", "renewal_invitation", "new_request",
    "removal_task", "change_to_handle", "change_due", "late_digest", "year_end_report", "brake_alert",
    "mail_undeliverable", "clock_alert", "mailbox_changed", "mailbox_to_confirm", "identity_bound", "sign_in",
    "sign_in_rectorat",
)  # fmt: skip


def upgrade() -> None:
    widen("outgoing_mail", "kind", KINDS)
    op.add_column("establishment", sa.Column("siret", sa.String(), nullable=False, server_default=""))
    is_known = sa.text("siret <> ''")
    op.create_index(
        "ix_establishment_siret", "establishment", ["siret"], sqlite_where=is_known, postgresql_where=is_known
    )
    for column in ("identity", "identity_name"):
        op.add_column("web_session", sa.Column(column, sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "identity_binding",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("identity", sa.String(), nullable=False),
        sa.Column("uai", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("bound_at", UtcDateTime(timezone=True), nullable=False),
        sa.CheckConstraint("role IN ('', 'chef', 'deputy')", name=op.f("ck_identity_binding_role")),
        sa.ForeignKeyConstraint(["uai"], ["establishment.uai"], name=op.f("fk_identity_binding_uai_establishment")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_identity_binding")),
        sa.UniqueConstraint("identity", "uai", name=op.f("uq_identity_binding_identity_uai")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_identity_binding_uai", "identity_binding", ["uai"])
