"""The table of what a RUPN's own identity has said of his delegation: a proposal, until an operator confirms it."""

from datetime import date
from typing import ClassVar, Final

from sqlalchemy import Text
from sqlmodel import Field, SQLModel

from workflow.database.tables import table_of


class DelegationClaim(SQLModel, table=True):
    """A live delegation of the application that the identity of a request's RUPN bore, on the day of ``said_on``.

    ``seen``: the digest of what a check of the delegation looks at in the request then (R35).
    """

    __tablename__: ClassVar[str] = "delegation_claim"

    reference: str = Field(primary_key=True, foreign_key="delegation_request.reference")
    said_on: date
    application: str = Field(sa_type=Text)
    begins: date | None = None
    ends: date | None = None
    seen: str = Field(sa_type=Text)


CLAIM: Final = table_of(DelegationClaim)
