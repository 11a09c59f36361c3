"""sessions: the way in which somebody signed in, and when they last proved who they are"""

import sqlalchemy as sa
from alembic import op

from workflow.migrations.frozen import UtcDateTime

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("web_session") as session:
        session.add_column(sa.Column("method", sa.Text(), nullable=False, server_default="mail_link"))
        session.add_column(sa.Column("provider", sa.Text(), nullable=False, server_default=""))
        session.add_column(sa.Column("proved_at", UtcDateTime(timezone=True), nullable=True))
        session.add_column(sa.Column("browser", sa.Text(), nullable=False, server_default=""))
    op.execute("UPDATE web_session SET proved_at = created_at")
    with op.batch_alter_table("web_session") as session:
        session.alter_column("proved_at", nullable=False)
        session.alter_column("method", server_default=None)
        session.alter_column("provider", server_default=None)
        session.alter_column("browser", server_default=None)
        session.create_check_constraint("method", "method IN ('mail_link', 'provider', 'trusted_headers')")
