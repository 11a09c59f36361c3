"""sign-in links: the browser that asked, the six digits for it, from where it was asked, and whether it is a proof"""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

TEXTS = ("browser", "code_digest", "network", "browser_name")


def upgrade() -> None:
    """A link of before is bound to no browser and would open nowhere: it is over, and its page offers another."""
    with op.batch_alter_table("sign_in_link") as link:
        for name in TEXTS:
            link.add_column(sa.Column(name, sa.Text(), nullable=False, server_default=""))
        link.add_column(sa.Column("is_proof", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("sign_in_link") as link:
        for name in (*TEXTS, "is_proof"):
            link.alter_column(name, server_default=None)
        link.create_index("ix_sign_in_link_browser", ["browser"])
    op.execute("UPDATE sign_in_link SET used_at = created_at WHERE used_at IS NULL")
