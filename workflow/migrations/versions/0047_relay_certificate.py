"""What each machine last saw of the relay's certificate: when it expires, or why it is refused (R115)."""

import sqlalchemy as sa
from alembic import op

from workflow.migrations.frozen import UtcDateTime

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("node", sa.Column("certificate_until", UtcDateTime(timezone=True), nullable=True))
    op.add_column("node", sa.Column("certificate_refused", sa.Integer(), nullable=True))
