"""working together: who handles a request, and the notes between operators"""

import sqlalchemy as sa
from alembic import op

from workflow.migrations.frozen import UtcDateTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "assignment",
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("actor", sa.Integer(), nullable=False),
        sa.Column("taken_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("until", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["actor"], ["actor.number"], name=op.f("fk_assignment_actor_actor")),
        sa.ForeignKeyConstraint(
            ["reference"], ["delegation_request.reference"], name=op.f("fk_assignment_reference_delegation_request")
        ),
        sa.PrimaryKeyConstraint("reference", name=op.f("pk_assignment")),
    )
    with op.batch_alter_table("assignment") as batch_op:
        batch_op.create_index("ix_assignment_until", ["until"], unique=False)
    op.create_table(
        "private_note",
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["actor"], ["actor.number"], name=op.f("fk_private_note_actor_actor")),
        sa.ForeignKeyConstraint(
            ["reference"], ["delegation_request.reference"], name=op.f("fk_private_note_reference_delegation_request")
        ),
        sa.PrimaryKeyConstraint("reference", "number", name=op.f("pk_private_note")),
    )
