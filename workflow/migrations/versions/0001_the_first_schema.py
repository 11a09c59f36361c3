"""the first schema"""

import sqlalchemy as sa
from alembic import op

from workflow.migrations.frozen import UtcDateTime
from workflow.migrations.guards import create_guards

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "actor",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_actor")),
        sa.UniqueConstraint("key", name=op.f("uq_actor_key")),
    )
    op.create_table(
        "counter",
        sa.Column("school_year", sa.String(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("school_year", name=op.f("pk_counter")),
    )
    op.create_table(
        "establishment",
        sa.Column("uai", sa.String(), nullable=False),
        sa.Column("nom", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("commune", sa.String(), nullable=False),
        sa.Column("departement", sa.String(), nullable=False),
        sa.Column("mailbox", sa.String(), nullable=True),
        sa.Column("set_mailbox", sa.String(), nullable=True),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("is_listed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("uai", name=op.f("pk_establishment")),
    )
    with op.batch_alter_table("establishment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_establishment_departement"), ["departement"], unique=False)

    op.create_table(
        "event",
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("from_state", sa.String(), nullable=True),
        sa.Column("to_state", sa.String(), nullable=True),
        sa.Column("actor", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("canonical", sa.Text(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("stream", "seq", name=op.f("pk_event")),
    )
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.create_index("ix_event_at", ["at"], unique=False)

    op.create_table(
        "event_note",
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("nonce", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("stream", "seq", "field", name=op.f("pk_event_note")),
    )
    op.create_table(
        "idempotency_key",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Integer(), nullable=False),
        sa.Column("trigger", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_idempotency_key")),
        sa.UniqueConstraint("actor", "trigger", "key", name=op.f("uq_idempotency_key_actor")),
    )
    with op.batch_alter_table("idempotency_key", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_idempotency_key_at"), ["at"], unique=False)

    op.create_table(
        "installation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("key_check", sa.String(), nullable=False),
        sa.Column("chain_head", sa.String(), nullable=False),
        sa.Column("chain_length", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
    )
    op.create_table(
        "node",
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("seen_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("host", name=op.f("pk_node")),
    )
    op.create_table(
        "occurrence",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_occurrence")),
    )
    op.create_table(
        "seal",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("ciphertext", sa.Text(), nullable=True),
        sa.Column("sealed_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("erased_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("erased_why", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "erased_why IN ('handed_over', 'revoked', 'replaced', 'overdue')", name=op.f("ck_seal_erased_why")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seal")),
    )
    with op.batch_alter_table("seal", schema=None) as batch_op:
        batch_op.create_index(
            "ix_seal_kept",
            ["sealed_at"],
            unique=False,
            sqlite_where=sa.text("ciphertext IS NOT NULL"),
            postgresql_where=sa.text("ciphertext IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_seal_reference"), ["reference"], unique=False)

    op.create_table(
        "year_end",
        sa.Column("school_year", sa.String(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("ends_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("held_why", sa.String(), nullable=True),
        sa.Column("held_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("confirmed_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("confirmed_by", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("school_year", name=op.f("pk_year_end")),
    )
    op.create_table(
        "delegation_request",
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("uai", sa.String(), nullable=False),
        sa.Column("school_year", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("nom", sa.String(), nullable=False),
        sa.Column("prenom", sa.String(), nullable=False),
        sa.Column("mail", sa.String(), nullable=False),
        sa.Column("folded_mail", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("drane_declared_on", sa.Date(), nullable=True),
        sa.Column("chef_name", sa.String(), nullable=False),
        sa.Column("delegation_why", sa.String(), nullable=False),
        sa.Column("delegated_on", sa.Date(), nullable=True),
        sa.Column("charter_signed_on", sa.Date(), nullable=True),
        sa.Column("charter_version", sa.String(), nullable=True),
        sa.Column("listing_outcome", sa.String(), nullable=True),
        sa.Column("listing_source", sa.String(), nullable=False),
        sa.Column("listing_checked_on", sa.Date(), nullable=True),
        sa.Column("listing_seen", sa.String(), nullable=False),
        sa.Column("delegation_outcome", sa.String(), nullable=True),
        sa.Column("delegation_source", sa.String(), nullable=False),
        sa.Column("delegation_checked_on", sa.Date(), nullable=True),
        sa.Column("delegation_seen", sa.String(), nullable=False),
        sa.Column("code_issued_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("extends", sa.String(), nullable=True),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column("expiry_seen_for", sa.Date(), nullable=True),
        sa.Column("handed_on", sa.Date(), nullable=True),
        sa.Column("renews", sa.String(), nullable=True),
        sa.Column("acted_on_behalf", sa.String(), nullable=False),
        sa.Column("issued_by", sa.Integer(), nullable=True),
        sa.Column("key_possible", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("last_trigger", sa.String(), nullable=False),
        sa.Column("last_actor", sa.String(), nullable=False),
        sa.Column("chain_head", sa.String(), nullable=False),
        sa.Column("chain_length", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "state IN ('declared', 'delegated', 'charter_signed', 'requested', 'code_issued', 'revoked')",
            name=op.f("ck_delegation_request_state"),
        ),
        sa.ForeignKeyConstraint(["uai"], ["establishment.uai"], name=op.f("fk_delegation_request_uai_establishment")),
        sa.PrimaryKeyConstraint("reference", name=op.f("pk_delegation_request")),
    )
    with op.batch_alter_table("delegation_request", schema=None) as batch_op:
        batch_op.create_index("ix_request_establishment", ["uai", "school_year"], unique=False)
        batch_op.create_index(
            "ix_request_live",
            ["school_year", "uai"],
            unique=False,
            sqlite_where=sa.text("state <> 'revoked'"),
            postgresql_where=sa.text("state <> 'revoked'"),
        )
        batch_op.create_index("ix_request_mail", ["folded_mail"], unique=False)
        batch_op.create_index("ix_request_person", ["person"], unique=False)
        batch_op.create_index(
            "uq_request_live",
            ["uai", "school_year", "folded_mail"],
            unique=True,
            sqlite_where=sa.text("state <> 'revoked'"),
            postgresql_where=sa.text("state <> 'revoked'"),
        )

    op.create_table(
        "outgoing_mail",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("uai", sa.Text(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("context", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("not_after", UtcDateTime(timezone=True), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.Text(), nullable=True),
        sa.Column("lease_until", UtcDateTime(timezone=True), nullable=True),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("dated_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("last_reply", sa.Text(), nullable=True),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.Column("sent_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("doubted_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("seal_id", sa.Text(), nullable=True),
        sa.Column("replaces_id", sa.Integer(), nullable=True),
        sa.Column("dedupe_key", sa.Text(), nullable=True),
        sa.CheckConstraint("audience IN ('establishment', 'operators')", name=op.f("ck_outgoing_mail_audience")),
        sa.CheckConstraint(
            "fault IN ('no_mailbox', 'too_late', 'code_erased', 'code_unreadable', 'rendering', 'bad_address', 'recipient_refused', 'message_refused', 'deferred', 'dropped', 'exhausted', 'lost_reply', 'lease_lost')",
            name=op.f("ck_outgoing_mail_fault"),
        ),
        sa.CheckConstraint(
            "kind IN ('declared', 'delegated', 'charter_signed', 'submitted', 'sent_back', 'code_issued', 'code_reissued', 'key_extended', 'change_reported', 'withdrawn', 'revoked', 'year_end', 'handover_reminder', 'stalled_reminder', 'year_end_notice', 'renewal_invitation', 'new_request', 'removal_task', 'change_to_handle', 'change_due', 'late_digest', 'year_end_report', 'brake_alert', 'mail_undeliverable')",
            name=op.f("ck_outgoing_mail_kind"),
        ),
        sa.CheckConstraint(
            "stage IN ('pending', 'sending', 'sent', 'retry', 'uncertain', 'cancelled', 'dead', 'discarded')",
            name=op.f("ck_outgoing_mail_stage"),
        ),
        sa.ForeignKeyConstraint(
            ["replaces_id"], ["outgoing_mail.id"], name=op.f("fk_outgoing_mail_replaces_id_outgoing_mail")
        ),
        sa.ForeignKeyConstraint(["seal_id"], ["seal.id"], name=op.f("fk_outgoing_mail_seal_id_seal")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outgoing_mail")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_outgoing_mail_dedupe_key")),
    )
    with op.batch_alter_table("outgoing_mail", schema=None) as batch_op:
        batch_op.create_index(
            "ix_outgoing_mail_due",
            ["priority", "next_attempt_at", "id"],
            unique=False,
            sqlite_where=sa.text("next_attempt_at IS NOT NULL"),
            postgresql_where=sa.text("next_attempt_at IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_outgoing_mail_lease",
            ["lease_until"],
            unique=False,
            sqlite_where=sa.text("lease_until IS NOT NULL"),
            postgresql_where=sa.text("lease_until IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_outgoing_mail_reference"), ["reference"], unique=False)
        batch_op.create_index(batch_op.f("ix_outgoing_mail_replaces_id"), ["replaces_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_outgoing_mail_seal_id"), ["seal_id"], unique=False)
        batch_op.create_index("ix_outgoing_mail_stage", ["stage", "id"], unique=False)
        batch_op.create_index("ix_outgoing_mail_uai", ["uai", "id"], unique=False)

    op.create_table(
        "change_report",
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("change", sa.String(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("reported_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("due_told_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("settlement", sa.String(), nullable=True),
        sa.Column("settled_at", UtcDateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "change IN ('mission', 'departure', 'absence', 'key_lost', 'key_compromised')",
            name=op.f("ck_change_report_change"),
        ),
        sa.CheckConstraint(
            "settlement IN ('revoked', 'reissued', 'no_effect')", name=op.f("ck_change_report_settlement")
        ),
        sa.ForeignKeyConstraint(
            ["reference"], ["delegation_request.reference"], name=op.f("fk_change_report_reference_delegation_request")
        ),
        sa.PrimaryKeyConstraint("reference", "number", name=op.f("pk_change_report")),
    )
    with op.batch_alter_table("change_report", schema=None) as batch_op:
        batch_op.create_index(
            "ix_report_due",
            ["effective_on"],
            unique=False,
            sqlite_where=sa.text("settlement IS NULL"),
            postgresql_where=sa.text("settlement IS NULL"),
        )

    op.create_table(
        "removal_task",
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("opened_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("closed_at", UtcDateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('remove_rights', 'key_enabled')", name=op.f("ck_removal_task_kind")),
        sa.CheckConstraint("outcome IN ('removed', 'absent', 'expired', 'kept')", name=op.f("ck_removal_task_outcome")),
        sa.ForeignKeyConstraint(
            ["reference"], ["delegation_request.reference"], name=op.f("fk_removal_task_reference_delegation_request")
        ),
        sa.PrimaryKeyConstraint("reference", name=op.f("pk_removal_task")),
    )
    with op.batch_alter_table("removal_task", schema=None) as batch_op:
        batch_op.create_index("ix_removal_open", ["closed_at", "reference"], unique=False)

    create_guards(op.get_bind())
