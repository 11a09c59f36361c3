"""the version of the software by which each request was last written; empty for those written before this one"""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("delegation_request", sa.Column("written_by", sa.String(), nullable=False, server_default=""))
