"""the two lists: their imports, and the rows with which a request is compared"""

import sqlalchemy as sa
from alembic import op

from workflow.migrations.frozen import UtcDateTime

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

KINDS = "kind IN ('listing', 'delegation')"


def upgrade() -> None:
    op.create_table(
        "evidence_import",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("list_date", sa.Date(), nullable=False),
        sa.Column("imported_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("rows", "new", "changed", "gone", "refused")),
        sa.Column("digest", sa.String(), nullable=False),
        sa.CheckConstraint(KINDS, name=op.f("ck_evidence_import_kind")),
        sa.ForeignKeyConstraint(["actor"], ["actor.number"], name=op.f("fk_evidence_import_actor_actor")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_evidence_import")),
    )
    op.create_index("ix_evidence_import_kind", "evidence_import", ["kind", "number"])
    op.create_table(
        "evidence_entry",
        sa.Column("id", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("kind", "uai", "nom", "prenom", "usage_name")),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("mail", "folded_mail")),
        sa.Column("other_mails", sa.Text(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("begins", sa.Date(), nullable=True),
        sa.Column("ends", sa.Date(), nullable=True),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("recorded_on", sa.Date(), nullable=True),
        sa.Column("first_import", sa.Integer(), nullable=False),
        sa.Column("last_import", sa.Integer(), nullable=False),
        sa.CheckConstraint(KINDS, name=op.f("ck_evidence_entry_kind")),
        *(
            sa.ForeignKeyConstraint(
                [name], ["evidence_import.number"], name=op.f(f"fk_evidence_entry_{name}_evidence_import")
            )
            for name in ("first_import", "last_import")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence_entry")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_evidence_entry_uai", "evidence_entry", ["kind", "uai", "last_import"])
    op.create_index("ix_evidence_entry_last", "evidence_entry", ["kind", "last_import", "uai", "id"])
