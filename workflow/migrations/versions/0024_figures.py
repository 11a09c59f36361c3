"""figures: what the journal says of each day, and an index of the mails' events"""

import sqlalchemy as sa
from alembic import op

from workflow.migrations.frozen import UtcDateTime

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


COUNTS = (
    "declared", "delegated", "charter_signed", "requested", "code_issued", "revoked", "handed_over", "extended",
    "undeliverable", "handovers", "late_checks", "late_steps", "late_handovers", "keys", "renewed", "establishments",
    "key_establishments",
)  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "daily_figure",
        sa.Column("school_year", sa.String(), nullable=False),
        sa.Column("departement", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in COUNTS),
        sa.PrimaryKeyConstraint("school_year", "departement", "day", name=op.f("pk_daily_figure")),
    )
    op.create_table(
        "handover_delay",
        sa.Column("school_year", sa.String(), nullable=False),
        sa.Column("departement", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("school_year", "departement", "day", "days", name=op.f("pk_handover_delay")),
    )
    op.create_table(
        "figure_place",
        sa.Column("uai", sa.String(), nullable=False),
        sa.Column("departement", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("uai", name=op.f("pk_figure_place")),
    )
    op.create_table(
        "figure_progress",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("through", UtcDateTime(timezone=True), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("rules", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_figure_progress")),
    )
    of_mails = sa.text("kind IN ('mail_dead', 'mail_retried', 'mail_discarded')")
    op.create_index("ix_event_mail", "event", ["at"], sqlite_where=of_mails, postgresql_where=of_mails)
