"""link asked: when somebody last asked for a link of an establishment that has no mailbox"""

import sqlalchemy as sa
from alembic import op

from workflow.migrations.frozen import UtcDateTime

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("establishment", sa.Column("link_asked_at", UtcDateTime(timezone=True), nullable=True))
