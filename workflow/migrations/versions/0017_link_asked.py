"""link asked: when somebody last asked for a link of an establishment that has no mailbox"""

import sqlalchemy as sa
from alembic import op

from workflow.migrations.frozen import UtcDateTime

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("establishment", sa.Column("link_asked_at", UtcDateTime(timezone=True), nullable=True))
