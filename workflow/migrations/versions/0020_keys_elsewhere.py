"""keys elsewhere: one that other applications use too, and a code taken back before it leaves"""

import sqlalchemy as sa
from alembic import op

from workflow.migrations.frozen import UtcDateTime
from workflow.migrations.widening import widen

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "delegation_request", sa.Column("key_elsewhere", sa.Boolean(), nullable=False, server_default=sa.text("false"))
    )
    op.add_column("delegation_request", sa.Column("previous_code_at", UtcDateTime(timezone=True), nullable=True))
    widen("seal", "erased_why", ("handed_over", "revoked", "replaced", "taken_back", "overdue", "used"))
