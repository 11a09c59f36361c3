"""identity bindings: the SIRET of an establishment"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("establishment", sa.Column("siret", sa.Text(), nullable=False, server_default=""))
    is_known = sa.text("siret <> ''")
    op.create_index(
        "ix_establishment_siret", "establishment", ["siret"], sqlite_where=is_known, postgresql_where=is_known
    )
