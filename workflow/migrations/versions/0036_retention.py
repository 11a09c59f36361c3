"""what is personal is erased after its time: when, in each row that stays, and what the database lets be erased"""

import sqlalchemy as sa
from alembic import op

from workflow.migrations.frozen import UtcDateTime
from workflow.migrations.guards import create_erasure_guards

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("delegation_request", "outgoing_mail"):
        op.add_column(table, sa.Column("erased_at", UtcDateTime(timezone=True), nullable=True))
    to_erase = sa.text("state = 'revoked' AND erased_at IS NULL")
    op.create_index(
        "ix_request_to_erase", "delegation_request", ["since", "reference"], sqlite_where=to_erase,
        postgresql_where=to_erase,
    )  # fmt: skip
    to_erase = sa.text("erased_at IS NULL AND next_attempt_at IS NULL")
    op.create_index(
        "ix_outgoing_mail_to_erase", "outgoing_mail", ["created_at"], sqlite_where=to_erase, postgresql_where=to_erase
    )
    create_erasure_guards(op.get_bind())
