"""drawn codes: their batches, and the code that waits for each request to be said on the ODA server"""

import sqlalchemy as sa
from alembic import op

from workflow.migrations.frozen import UtcDateTime

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

REASONS = "reason IN ('not_received', 'lost', 'refused', 'pin_forgotten', 'compromised', 'typing_error')"


def upgrade() -> None:
    op.create_table(
        "code_batch",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("drawn_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("drawn_by", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("downloads", sa.Integer(), nullable=False),
        sa.Column("downloaded_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("downloaded_by", sa.Integer(), nullable=True),
        sa.Column("download_key", sa.String(), nullable=False),
        sa.Column("done_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("done_by", sa.Integer(), nullable=True),
        *(
            sa.ForeignKeyConstraint([column], ["actor.number"], name=op.f(f"fk_code_batch_{column}_actor"))
            for column in ("drawn_by", "downloaded_by", "done_by")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_code_batch")),
        sa.UniqueConstraint("key", name=op.f("uq_code_batch_key")),
    )
    op.create_table(
        "code_batch_request",
        sa.Column("batch", sa.Integer(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.CheckConstraint(REASONS, name=op.f("ck_code_batch_request_reason")),
        sa.ForeignKeyConstraint(["batch"], ["code_batch.number"], name=op.f("fk_code_batch_request_batch_code_batch")),
        sa.ForeignKeyConstraint(
            ["reference"], ["delegation_request.reference"],
            name=op.f("fk_code_batch_request_reference_delegation_request"),
        ),
        sa.PrimaryKeyConstraint("batch", "reference", name=op.f("pk_code_batch_request")),
    )  # fmt: skip
    op.create_index(op.f("ix_code_batch_request_reference"), "code_batch_request", ["reference"])
    op.add_column("delegation_request", sa.Column("drawn_at", UtcDateTime(timezone=True), nullable=True))
    op.add_column("delegation_request", sa.Column("drawn_in", sa.Integer(), nullable=True))
    waits = sa.text("drawn_at IS NOT NULL")
    op.create_index("ix_request_drawn", "delegation_request", ["drawn_at"], sqlite_where=waits, postgresql_where=waits)
