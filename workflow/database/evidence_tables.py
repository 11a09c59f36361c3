"""The tables of the two lists with which a request is compared: their imports, and their rows (R93).

A row is never changed: one that reads otherwise in a newer list is another row. Those in force are those that the
newest import of their kind has seen.
"""

from datetime import date, datetime
from typing import Final

from sqlalchemy import Column, Index, Text
from sqlmodel import Field, SQLModel

from notifications.sql import UtcDateTime, one_of
from states.vocabulary import Labelled
from workflow.database.tables import table_of


class ListKind(Labelled):
    """The two lists: of the RUPN declared to the DRANE, and of the delegations made in DelegCE."""

    LISTING = "listing", "liste des RUPN"
    DELEGATION = "delegation", "liste des délégations"


class EvidenceImport(SQLModel, table=True):
    """One import of a list. ``list_date``: the day on which it was drawn; ``digest``: the file's SHA-256, its name and
    its content not being kept (R64, R91).

    ``rows``: those of the list, ``new``, ``gone``, ``changed``, ``refused``: how many of them.
    """

    __tablename__ = "evidence_import"
    __table_args__ = (one_of("kind", ListKind), Index("ix_evidence_import_kind", "kind", "number"))

    number: int | None = Field(default=None, primary_key=True)
    kind: str
    list_date: date
    imported_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))
    actor: int = Field(foreign_key="actor.number")
    rows: int
    new: int
    changed: int
    gone: int
    refused: int
    digest: str


class EvidenceEntry(SQLModel, table=True):
    """One row of a list: personal data, erased after ``retention.lists`` when no request needs it.

    ``person`` is folded as a request's is (R17), ``folded_mail`` likewise; ``other_mails`` are folded, separated by
    spaces. ``application``, ``begins``, ``ends`` and ``author`` (who delegated) are a delegation's: empty when the list
    does not say; ``ends`` None is without end. ``recorded_on``: the day of the declaration, or of the delegation.
    ``first_import``, ``last_import``: the imports that saw it first and last; ``line``: its line in the file of the
    last one. The number of an erased one never serves again.
    """

    __tablename__ = "evidence_entry"
    __table_args__ = (
        one_of("kind", ListKind),
        Index("ix_evidence_entry_uai", "kind", "uai", "last_import"),
        Index("ix_evidence_entry_last", "kind", "last_import", "uai", "id"),
        Index("ix_evidence_entry_mail", "kind", "folded_mail", "last_import"),
        Index("ix_evidence_entry_person", "kind", "person", "last_import"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True)
    kind: str
    uai: str
    nom: str
    prenom: str
    usage_name: str
    mail: str
    folded_mail: str
    other_mails: str = Field(sa_column=Column(Text, nullable=False))
    person: str
    application: str = Field(sa_column=Column(Text, nullable=False))
    begins: date | None = None
    ends: date | None = None
    author: str
    recorded_on: date | None = None
    first_import: int = Field(foreign_key="evidence_import.number")
    last_import: int = Field(foreign_key="evidence_import.number")
    line: int = Field(default=0, sa_column_kwargs={"server_default": "0"})


EVIDENCE_IMPORT: Final = table_of(EvidenceImport)


EVIDENCE_ENTRY: Final = table_of(EvidenceEntry)
