"""the search: the words by which a request is found; the establishments' telephones"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_SLICE = 500


def upgrade() -> None:
    text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "request_word",
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("word", text, nullable=False),
        sa.ForeignKeyConstraint(
            ["reference"], ["delegation_request.reference"],
            name=op.f("fk_request_word_reference_delegation_request"),
        ),
        sa.PrimaryKeyConstraint("reference", "word", name=op.f("pk_request_word")),
    )  # fmt: skip
    op.create_index("ix_request_word", "request_word", ["word", "reference"])
    op.add_column("establishment", sa.Column("telephone", sa.String(), nullable=False, server_default=""))
    _fill(op.get_bind())


def _fill(connection: sa.Connection) -> None:
    """Write what the write path would have written of the existing requests."""
    rows = connection.execute(sa.text("SELECT reference, person, folded_mail FROM delegation_request")).all()
    words = [
        {"reference": row.reference, "word": word}
        for row in rows for word in sorted({*row.person.split(), row.folded_mail})
    ]  # fmt: skip
    insert = sa.text("INSERT INTO request_word (reference, word) VALUES (:reference, :word)")
    for start in range(0, len(words), _SLICE):
        connection.execute(insert, words[start : start + _SLICE])
