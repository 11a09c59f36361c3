"""The table of identities bound to an establishment (R103)."""

from datetime import datetime
from typing import ClassVar, Final

from sqlalchemy import CheckConstraint, Column, Index, Table, UniqueConstraint
from sqlmodel import Field, SQLModel

from notifications.sql import UtcDateTime


class IdentityBindingRow(SQLModel, table=True):
    """An identity that an establishment's mailbox has vouched for; a binding that ends is erased.

    ``identity`` is a keyed digest of who it is at its provider; ``provider`` and ``name`` are as people read them;
    ``role`` is empty until that person says whether they are the chef or a deputy. A number never serves again: the
    journal names a binding by it, and so does a page that shows one.
    """

    __tablename__: ClassVar[str] = "identity_binding"
    __table_args__ = (
        UniqueConstraint("identity", "uai"),
        CheckConstraint("role IN ('', 'chef', 'deputy')", name="role"),
        Index("ix_identity_binding_uai", "uai"),
        {"sqlite_autoincrement": True},
    )

    number: int | None = Field(default=None, primary_key=True)
    identity: str
    uai: str = Field(foreign_key="establishment.uai")
    provider: str
    name: str
    role: str = ""
    bound_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))


BINDING: Final[Table] = SQLModel.metadata.tables["identity_binding"]
