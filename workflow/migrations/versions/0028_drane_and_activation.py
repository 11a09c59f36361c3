"""what is transmitted to the DRANE, on the request and by file; the EduConnect accounts that were activated"""

import sqlalchemy as sa
from alembic import op

from workflow.migrations.frozen import UtcDateTime

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

WHATS = "what IN ('to_add', 'to_correct', 'to_remove')"
ACCOUNTS = ("college", "lycee", "pupil", "parent")


def upgrade() -> None:
    _add_columns()
    _create_transmissions()
    numbers = [f"{name}_{part}" for name in ACCOUNTS for part in ("accounts", "activated")]
    op.create_table(
        "activation_count",
        sa.Column("counted_on", sa.Date(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("departement", sa.String(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=True) for name in numbers),
        *(
            sa.CheckConstraint(
                f"{name}_activated BETWEEN 0 AND {name}_accounts", name=op.f(f"ck_activation_count_{name}")
            )
            for name in ACCOUNTS
        ),
        sa.PrimaryKeyConstraint("counted_on", "place", name=op.f("pk_activation_count")),
    )


def _add_columns() -> None:
    for column in (
        sa.Column("drane_sent_on", sa.Date(), nullable=True),
        sa.Column("drane_seen", sa.String(), nullable=False, server_default=""),
        sa.Column("drane", sa.String(), nullable=False, server_default="nothing"),
    ):
        op.add_column("delegation_request", column)
    op.execute(sa.text("UPDATE delegation_request SET drane = 'to_add' WHERE state <> 'revoked'"))
    to_send = sa.text("drane IN ('to_add', 'to_correct', 'to_remove')")
    op.create_index(
        "ix_request_drane", "delegation_request", ["school_year", "uai", "reference"], sqlite_where=to_send,
        postgresql_where=to_send,
    )  # fmt: skip


def _create_transmissions() -> None:
    op.create_table(
        "drane_transmission",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("prepared_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("prepared_by", sa.Integer(), nullable=False),
        sa.Column("prepared", sa.Integer(), nullable=False),
        sa.Column("sent_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["prepared_by"], ["actor.number"], name=op.f("fk_drane_transmission_prepared_by_actor")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_drane_transmission")),
    )
    op.create_table(
        "drane_transmission_line",
        sa.Column("transmission", sa.Integer(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("seen", sa.String(), nullable=False),
        sa.CheckConstraint(WHATS, name=op.f("ck_drane_transmission_line_what")),
        sa.ForeignKeyConstraint(
            ["transmission"], ["drane_transmission.number"],
            name=op.f("fk_drane_transmission_line_transmission_drane_transmission"),
        ),
        sa.ForeignKeyConstraint(
            ["reference"], ["delegation_request.reference"],
            name=op.f("fk_drane_transmission_line_reference_delegation_request"),
        ),
        sa.PrimaryKeyConstraint("transmission", "reference", name=op.f("pk_drane_transmission_line")),
    )  # fmt: skip
    op.create_index("ix_drane_line_reference", "drane_transmission_line", ["reference"])
