"""checks from lists: the row from which a check was made, what ends when the row goes, and how a row is found"""

import sqlalchemy as sa
from alembic import op

from workflow.migrations.widening import widen

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

CHANGES = (
    "mission", "departure", "absence", "code_not_received", "code_refused", "pin_forgotten", "not_needed",
    "key_compromised", "key_lost", "listing_lost", "delegation_ended",
)  # fmt: skip


def upgrade() -> None:
    for check in ("listing", "delegation"):
        op.add_column("delegation_request", sa.Column(f"{check}_entry", sa.Integer(), nullable=True))
        op.add_column(
            "delegation_request",
            sa.Column(f"{check}_automatic", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        )
    op.add_column("evidence_entry", sa.Column("line", sa.Integer(), nullable=False, server_default="0"))
    op.create_index("ix_evidence_entry_mail", "evidence_entry", ["kind", "folded_mail", "last_import"])
    op.create_index("ix_evidence_entry_person", "evidence_entry", ["kind", "person", "last_import"])
    widen("change_report", "change", CHANGES)
