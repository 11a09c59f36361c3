"""The tables of the webhooks: what is to be told to other systems, and how each of these fares (R118).

Nobody is named in them: a RUPN whom an endpoint is told of is read when the delivery leaves.
"""

from datetime import datetime
from typing import ClassVar, Final

from sqlalchemy import Column, Index, Table, Text, text
from sqlmodel import Field, SQLModel

from notifications.sql import UtcDateTime, one_of
from states.vocabulary import Labelled
from workflow.database.tables import table_of


class DeliveryStage(Labelled):
    """The stages of a delivery."""

    WAITING = "waiting", "à envoyer"
    DELIVERED = "delivered", "reçu"
    GIVEN_UP = "given_up", "abandonné"
    DISCARDED = "discarded", "écarté"


class WebhookDelivery(SQLModel, table=True):
    """One event on its way to one endpoint.

    ``next_at`` is when it is due; while a machine sends it, when its lease runs out. ``started_at`` is the beginning of
    its attempts: its creation, or the last time that somebody had it sent again. ``answer`` is ours: no word of the
    other system is kept.
    """

    __tablename__: ClassVar[str] = "webhook_delivery"
    __table_args__ = (
        one_of("stage", DeliveryStage),
        Index(
            "ix_webhook_due", "endpoint", "next_at", "number",
            sqlite_where=text("stage = 'waiting'"), postgresql_where=text("stage = 'waiting'"),
        ),
        Index("ix_webhook_ended", "ended_at"),
    )  # fmt: skip

    number: int | None = Field(default=None, primary_key=True)
    endpoint: str = Field(sa_type=Text)
    webhook_id: str = Field(unique=True, sa_type=Text)
    kind: str = Field(sa_type=Text)
    reference: str = Field(index=True, sa_type=Text)
    payload: str = Field(sa_type=Text)
    stage: str = Field(sa_type=Text)
    attempts: int = 0
    status: int | None = None
    answer: str = Field(default="", sa_type=Text)
    created_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))
    started_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))
    next_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime(), nullable=True))
    leased_until: datetime | None = Field(default=None, sa_column=Column(UtcDateTime(), nullable=True))
    ended_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime(), nullable=True))


class WebhookEndpointState(SQLModel, table=True):
    """The state of an endpoint, shared by all machines; no row while nothing was sent to it.

    ``failures``: the calls in a row that it did not take, since ``failing_since``; nothing is sent before
    ``rests_until``. ``gone_setting``: the digest of the settings under which it said to be gone (410).
    """

    __tablename__: ClassVar[str] = "webhook_endpoint"

    name: str = Field(primary_key=True, sa_type=Text)
    failures: int = 0
    failing_since: datetime | None = Field(default=None, sa_column=Column(UtcDateTime(), nullable=True))
    rests_until: datetime | None = Field(default=None, sa_column=Column(UtcDateTime(), nullable=True))
    delivered_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime(), nullable=True))
    gone_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime(), nullable=True))
    gone_setting: str = Field(default="", sa_type=Text)
    answer: str = Field(default="", sa_type=Text)


DELIVERY: Final[Table] = table_of(WebhookDelivery)

ENDPOINT_STATE: Final[Table] = table_of(WebhookEndpointState)
