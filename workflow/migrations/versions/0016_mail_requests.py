"""the other requests that a mail is about: one reminder a day and establishment names them all"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mail_request",
        sa.Column("mail_id", sa.Integer(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["mail_id"], ["outgoing_mail.id"], name=op.f("fk_mail_request_mail_id_outgoing_mail")),
        sa.PrimaryKeyConstraint("mail_id", "reference", name=op.f("pk_mail_request")),
    )
    op.create_index(op.f("ix_mail_request_reference"), "mail_request", ["reference"])
