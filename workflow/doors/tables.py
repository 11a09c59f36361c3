"""What the doors store. A secret is never kept: only its digest, by which it is found again."""

from datetime import datetime
from typing import ClassVar, Final

from sqlalchemy import Index, Table, Text
from sqlmodel import Field, SQLModel

from notifications.columns import UtcDateTime, one_of
from states.vocabulary import Role
from workflow.doors.vocabulary import Scope


class SignInLink(SQLModel, table=True):
    """A link sent by mail. ``subject``: the UAI asked for, or the address of an operator or a reader.

    ``sent_to``: the mailbox, whose establishments it opens; ``joins``: the digest of the session that asked to add
    them to itself; ``back``: the page that was asked for before signing in.
    """

    __tablename__: ClassVar[str] = "sign_in_link"
    __table_args__ = (
        one_of("role", Role),
        Index("ix_sign_in_link_expires_at", "expires_at"),
        Index("ix_sign_in_link_subject", "subject"),
    )

    digest: str = Field(primary_key=True, sa_type=Text)
    role: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text)
    sent_to: str = Field(sa_type=Text)
    joins: str = Field(default="", sa_type=Text)
    back: str = Field(default="", sa_type=Text)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class WebSession(SQLModel, table=True):
    """Somebody who signed in. ``subject``: the UAI, by commas, or the address; ``name``: what a chef gives (R37).

    ``role`` of a mailbox that has not said yet who it is stays ``chef`` and ``name`` empty: it may only say it.
    """

    __tablename__: ClassVar[str] = "web_session"
    __table_args__ = (
        one_of("role", Role),
        Index("ix_web_session_subject", "subject"),
        Index("ix_web_session_expires_at", "expires_at"),
    )

    digest: str = Field(primary_key=True, sa_type=Text)
    role: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text)
    name: str = Field(default="", sa_type=Text)
    created_at: datetime = Field(sa_type=UtcDateTime)
    seen_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class AccessToken(SQLModel, table=True):
    """A program's key to the API, for one person (``role``, ``subject``) and one ``scope``, until ``expires_at``."""

    __tablename__: ClassVar[str] = "access_token"
    __table_args__ = (one_of("role", Role), one_of("scope", Scope))

    id: int | None = Field(default=None, primary_key=True)
    digest: str = Field(unique=True, sa_type=Text)
    label: str = Field(sa_type=Text)
    role: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text)
    scope: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    seen_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class DoorKnock(SQLModel, table=True):
    """One try at a door, counted for a while: ``key`` is a digest of who or what is tried."""

    __tablename__: ClassVar[str] = "door_knock"
    __table_args__ = (Index("ix_door_knock_key", "key", "at"), Index("ix_door_knock_at", "at"))

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=UtcDateTime)


LINKS: Final[Table] = SQLModel.metadata.tables["sign_in_link"]
SESSIONS: Final[Table] = SQLModel.metadata.tables["web_session"]
TOKENS: Final[Table] = SQLModel.metadata.tables["access_token"]
KNOCKS: Final[Table] = SQLModel.metadata.tables["door_knock"]
