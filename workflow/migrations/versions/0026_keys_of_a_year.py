"""keys of a year: the index by which the renewals of a campaign are counted"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    issued = sa.text("code_issued_at IS NOT NULL")
    op.create_index(
        "ix_request_keys", "delegation_request", ["school_year", "state", "reference", "uai"], sqlite_where=issued,
        postgresql_where=issued,
    )  # fmt: skip
