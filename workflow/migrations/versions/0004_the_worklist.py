"""the worklist: since when, what the checks say, the name as it is sorted, and their indexes"""

import hashlib
from typing import Any

import sqlalchemy as sa
from alembic import op

from workflow.migrations.frozen import UtcDateTime, fold, person_key

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


_SLICE = 500


_NOT_HANDED = "state = 'code_issued' AND handed_on IS NULL AND extends IS NULL"


def upgrade() -> None:
    instant = UtcDateTime(timezone=True)
    long_ago = sa.text("'2000-01-01 00:00:00'")
    for column in (
        sa.Column("since", instant, nullable=False, server_default=long_ago),
        sa.Column("checks", sa.String(), nullable=False, server_default="to_do"),
        sa.Column("checked_on", sa.Date(), nullable=True),
        sa.Column("sorted_name", sa.String(), nullable=False, server_default=""),
    ):
        op.add_column("delegation_request", column)  # not in a batch, which would make the table anew without guards
    _fill(op.get_bind())
    _index("ix_request_state", "state", "since", "reference", "uai")
    _index("ix_request_waiting", "since", "reference", "uai", where="state <> 'revoked'")
    _index("ix_request_revoked", "school_year", "since", "reference", where="state = 'revoked'")
    _index("ix_request_checks", "checks", "since", "reference", "checked_on", where="state = 'requested'")
    _index("ix_request_not_handed", "state", "since", "reference", where=_NOT_HANDED)
    _index("ix_request_expiry", "school_year", "expiry_seen_for", where="state = 'code_issued'")
    _index("ix_request_name", "sorted_name", "reference")


def _index(name: str, *columns: str, where: str | None = None) -> None:
    condition = sa.text(where) if where else None
    op.create_index(name, "delegation_request", list(columns), sqlite_where=condition, postgresql_where=condition)


def _fill(connection: sa.Connection) -> None:
    """Write what the write path would have written of the existing requests."""
    connection.execute(
        sa.text(
            "UPDATE delegation_request SET since = (SELECT max(at) FROM event WHERE stream = reference"
            " AND (from_state IS NULL OR from_state <> to_state))"
        )
    )
    rows = connection.execute(sa.text("SELECT * FROM delegation_request")).mappings().all()
    mend = sa.text(
        "UPDATE delegation_request SET checks = :checks, checked_on = :checked_on, sorted_name = :sorted_name"
        " WHERE reference = :reference"
    ).bindparams(sa.bindparam("checked_on", type_=sa.String() if connection.dialect.name == "sqlite" else sa.Date()))
    values = [_of_row(row) for row in rows]
    for start in range(0, len(values), _SLICE):
        connection.execute(mend, values[start : start + _SLICE])


def _of_row(row: Any) -> dict[str, Any]:
    both = [(row[f"{check}_outcome"], row[f"{check}_seen"]) for check in ("listing", "delegation")]
    days = [row[f"{check}_checked_on"] for check in ("listing", "delegation")]
    return {
        "reference": row["reference"], "sorted_name": f"{fold(row['nom'])} {fold(row['prenom'])}",
        "checks": _standing(row, both), "checked_on": None if None in days else min(days),
    }  # fmt: skip


def _standing(row: Any, both: list[tuple[str | None, str]]) -> str:
    if any(outcome == "negative" for outcome, _ in both):
        return "negative"
    person = (row["nom"], row["prenom"], row["mail"], row["school_year"])
    delegation = (row["delegated_on"], row["delegation_why"], person_key(row["chef_name"], ""))
    now = (_digest(*person), _digest(*person, *delegation))
    return "positive" if both == [("positive", seen) for seen in now] else "to_do"


def _digest(*parts: object) -> str:
    return hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).hexdigest()[:32]
