"""stand-ins: the operators who can act in an establishment's stead, by its mailbox or by a token

Two kinds of mails tell of a mailbox that has become another. The stand-ins of the mailboxes in force and of the valid
tokens are read from the journal; a mailbox that was set before has had its time to be looked at.
"""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from workflow.migrations.frozen import UtcDateTime
from workflow.migrations.widening import widen

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


KINDS = (
    "declared", "delegated", "charter_signed", "submitted", "sent_back", "code_issued", "code_reissued",
    "key_extended", "change_reported", "report_settled", "withdrawn", "revoked", "removal_confirmed", "year_end",
    "handover_reminder", "stalled_reminder", "year_end_notice", "renewal_invitation", "new_request",
    "removal_task", "change_to_handle", "change_due", "late_digest", "year_end_report", "brake_alert",
    "mail_undeliverable", "clock_alert", "mailbox_changed", "mailbox_to_confirm", "sign_in", "sign_in_rectorat",
)  # fmt: skip


def upgrade() -> None:
    widen("outgoing_mail", "kind", KINDS)
    op.create_table(
        "stand_in",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uai", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("operator", sa.Integer(), nullable=False),
        sa.Column("token", sa.Integer(), nullable=True),
        sa.Column("since", UtcDateTime(timezone=True), nullable=False),
        sa.Column("until", UtcDateTime(timezone=True), nullable=True),
        sa.Column("confirmed_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("confirmed_by", sa.Integer(), nullable=True),
        sa.CheckConstraint("kind IN ('mailbox', 'token')", name=op.f("ck_stand_in_kind")),
        sa.ForeignKeyConstraint(["uai"], ["establishment.uai"], name=op.f("fk_stand_in_uai_establishment")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stand_in")),
    )
    op.create_index("ix_stand_in_uai", "stand_in", ["uai"])
    connection = op.get_bind()
    rows = [*_mailboxes(connection), *_tokens(connection)]
    if rows:
        names = ("uai", "kind", "operator", "token", "since", "until", "confirmed_at")
        instants = ("since", "until", "confirmed_at")
        types: dict[str, Any] = {name: UtcDateTime(timezone=True) if name in instants else sa.Text() for name in names}
        types |= dict.fromkeys(("operator", "token"), sa.Integer())
        op.bulk_insert(sa.table("stand_in", *(sa.column(name, types[name]) for name in names)), rows)


def _events(connection: sa.Connection, kind: str) -> list[Any]:
    event = sa.table(
        "event", sa.column("stream"), sa.column("seq"), sa.column("kind"), sa.column("actor"), sa.column("canonical"),
        sa.column("at", UtcDateTime(timezone=True)),
    )  # fmt: skip
    return list(connection.execute(sa.select(event).where(event.c.kind == kind).order_by(event.c.seq)).all())


def _mailboxes(connection: sa.Connection) -> list[dict[str, Any]]:
    last: dict[str, Any] = {}
    for event in _events(connection, "mailbox_set"):
        data = json.loads(event.canonical)["data"]
        last[data["uai"]] = None if data["cleared"] else event
    return [
        {"uai": uai, "kind": "mailbox", "operator": event.actor, "token": None, "since": event.at, "until": None,
         "confirmed_at": event.at}
        for uai, event in last.items() if event
    ]  # fmt: skip


def _tokens(connection: sa.Connection) -> list[dict[str, Any]]:
    makers = {json.loads(event.canonical)["data"]["token"]: event for event in _events(connection, "token_created")}
    token = sa.table(
        "access_token", sa.column("id"), sa.column("role"), sa.column("subject"), sa.column("scope"),
        sa.column("expires_at", UtcDateTime(timezone=True)), sa.column("revoked_at", UtcDateTime(timezone=True)),
    )  # fmt: skip
    acting = sa.select(token).where(token.c.role.in_(["chef", "deputy"]), token.c.scope == "act")
    known = set(connection.execute(sa.text("SELECT uai FROM establishment")).scalars())
    return [
        {"uai": uai, "kind": "token", "operator": makers[row.id].actor, "token": row.id, "since": makers[row.id].at,
         "until": row.revoked_at or row.expires_at, "confirmed_at": None}
        for row in connection.execute(acting).all() if row.id in makers
        for uai in row.subject.split(",") if uai in known
    ]  # fmt: skip
