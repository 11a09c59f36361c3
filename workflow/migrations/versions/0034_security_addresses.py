"""security addresses: where an event of the security journal came from, apart from its chain and for a time"""

import sqlalchemy as sa
from alembic import op

from workflow.migrations.frozen import UtcDateTime

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "security_address",
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("browser", sa.Text(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("stream", "seq", "rank", name=op.f("pk_security_address")),
    )
    op.create_index("ix_security_address_at", "security_address", ["at"])
    with op.batch_alter_table("try_count") as count:
        count.add_column(sa.Column("network", sa.Text(), nullable=False, server_default=""))
        count.add_column(sa.Column("browser", sa.Text(), nullable=False, server_default=""))
    own = sa.text("stream = 'installation'")
    op.create_index("ix_event_installation", "event", ["kind", "seq"], sqlite_where=own, postgresql_where=own)
