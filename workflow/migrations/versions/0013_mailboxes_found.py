"""mailboxes found: whether an address is an establishment's is asked of an index"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_establishment_mailbox", "establishment", [sa.text("lower(mailbox)")])
    op.create_index("ix_establishment_set_mailbox", "establishment", [sa.text("lower(set_mailbox)")])
