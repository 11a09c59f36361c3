"""The tables of codes drawn in batches: each batch, and the requests that it was drawn for (R97).

No code is here: the codes are sealed (``notifications.outbox.tables.Seal``).
"""

from datetime import datetime
from typing import ClassVar, Final

from sqlalchemy import Column, Table, UniqueConstraint
from sqlmodel import Field, SQLModel

from notifications.sql import UtcDateTime, one_of
from states.vocabulary import ReissueReason


class CodeBatchRow(SQLModel, table=True):
    """A batch of drawn codes; it is open while a request still waits in it.

    ``key``: a digest of the form that drew it, so that a double click draws once. ``downloads`` counts how often its
    file was taken, ``download_key`` is of the last form that took it; ``done_at``: the last time that somebody said
    that its codes were on the ODA server.
    """

    __tablename__: ClassVar[str] = "code_batch"
    __table_args__ = (UniqueConstraint("key"),)

    number: int | None = Field(default=None, primary_key=True)
    key: str
    drawn_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))
    drawn_by: int = Field(foreign_key="actor.number")
    size: int
    downloads: int = 0
    downloaded_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime(), nullable=True))
    downloaded_by: int | None = Field(default=None, foreign_key="actor.number")
    download_key: str = ""
    done_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime(), nullable=True))
    done_by: int | None = Field(default=None, foreign_key="actor.number")


class CodeBatchRequestRow(SQLModel, table=True):
    """A request for which a batch drew a code; ``reason``: why, of one that had a code already (R44)."""

    __tablename__: ClassVar[str] = "code_batch_request"
    __table_args__ = (one_of("reason", ReissueReason),)

    batch: int = Field(primary_key=True, foreign_key="code_batch.number")
    reference: str = Field(primary_key=True, foreign_key="delegation_request.reference", index=True)
    reason: str | None = None


BATCH: Final[Table] = SQLModel.metadata.tables["code_batch"]

BATCH_REQUEST: Final[Table] = SQLModel.metadata.tables["code_batch_request"]
