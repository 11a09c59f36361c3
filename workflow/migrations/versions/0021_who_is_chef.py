"""who is chef: the last chef known of an establishment, whom another one has to succeed in words"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("establishment", sa.Column("chef_name", sa.Text(), server_default="", nullable=False))
