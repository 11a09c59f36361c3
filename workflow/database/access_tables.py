"""The tables of who comes in: links, sessions, tokens, second factors, bound identities, substitutions, limits."""

from datetime import date, datetime
from typing import ClassVar, Final

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Text, UniqueConstraint, false
from sqlmodel import Field

from notifications.sql import StoredRow, UtcDateTime, one_of, table_of
from states.vocabulary import Labelled, Role, Scope, SignInMethod


class SignInLink(StoredRow):
    """A link sent by mail, found by the digest of its secret, which is never stored.

    ``subject``: the UAI asked for, or the address of an operator or a reader; ``sent_to``: the mailbox, whose
    establishments it opens; ``joins``: the digest of the session that asked to add them to itself; ``back``: the page
    that was asked for before signing in. ``browser``: the digest of the cookie of the browser that asked;
    ``code_digest``: the keyed digest of its six digits; ``network`` and ``browser_name`` tell whoever reads it from
    where it was asked; ``is_proof``: the session ``joins`` asked for it to prove anew who its user is (R104, R105).
    """

    __tablename__: ClassVar[str] = "sign_in_link"
    __table_args__ = (
        one_of("role", Role),
        Index("ix_sign_in_link_expires_at", "expires_at"),
        Index("ix_sign_in_link_subject", "subject"),
        Index("ix_sign_in_link_browser", "browser"),
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
    browser: str = Field(default="", sa_type=Text)
    code_digest: str = Field(default="", sa_type=Text)
    network: str = Field(default="", sa_type=Text)
    browser_name: str = Field(default="", sa_type=Text)
    is_proof: bool = Field(default=False)


LINKS: Final = table_of(SignInLink)


class KeptFormRow(StoredRow):
    """A form that was sent after the end of its session, encrypted by a secret that its browser alone has (R73)."""

    __tablename__: ClassVar[str] = "kept_form"
    __table_args__ = (UniqueConstraint("session"), Index("ix_kept_form_kept_at", "kept_at"))

    digest: str = Field(primary_key=True, sa_type=Text)
    session: str = Field(sa_type=Text)
    content: str = Field(sa_type=Text)
    kept_at: datetime = Field(sa_column=Column(UtcDateTime(), nullable=False))


KEPT_FORMS: Final = table_of(KeptFormRow)


class SessionEnd(Labelled):
    """The one who ended a session in the stead of the browser that has it (R107)."""

    OWNER = "owner", "quelqu'un y a mis fin d'une autre connexion au même compte"
    RECTORAT = "rectorat", "un opérateur du rectorat y a mis fin"


class WebSession(StoredRow):
    """Somebody who signed in. ``subject``: the UAI, by commas, or the address; ``name``: what a chef gives (R37).

    ``number`` is its public name, which never serves again; the secret of which ``digest`` is made opens it.

    ``role`` of a mailbox that has not said yet who it is stays ``chef`` and ``name`` empty: it may only say it.
    ``provider``: the identity provider's name in the settings, empty for a mail's link; ``proved_at``: when this person
    last proved who they are (R105); ``browser``: what its list of sessions says of it (R107). ``identity``: a keyed
    digest of who that is at its provider, and ``identity_name`` the name that it vouches for, both empty for a link's.
    ``ended_by``: see SessionEnd, None of one that ended otherwise. ``awaits_factor``: it opens nothing but the page of
    the second factor (R106).
    """

    __tablename__: ClassVar[str] = "web_session"
    __table_args__ = (
        one_of("role", Role),
        one_of("method", SignInMethod),
        Index("ix_web_session_subject", "subject"),
        one_of("ended_by", SessionEnd),
        Index("ix_web_session_expires_at", "expires_at"),
        {"sqlite_autoincrement": True},
    )

    number: int | None = Field(default=None, primary_key=True)
    digest: str = Field(unique=True, sa_type=Text)
    role: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text)
    name: str = Field(default="", sa_type=Text)
    created_at: datetime = Field(sa_type=UtcDateTime)
    seen_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_by: str | None = Field(default=None, sa_type=Text)
    method: str = Field(default=SignInMethod.MAIL_LINK.value, sa_type=Text)
    provider: str = Field(default="", sa_type=Text)
    proved_at: datetime = Field(sa_type=UtcDateTime)
    browser: str = Field(default="", sa_type=Text)
    identity: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": ""})
    identity_name: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": ""})
    awaits_factor: bool = Field(default=False, sa_column_kwargs={"server_default": false()})


SESSIONS: Final = table_of(WebSession)


class AccessToken(StoredRow):
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


TOKENS: Final = table_of(AccessToken)


class TryCount(StoredRow):
    """The tries under one limit until ``ends_at``: ``key`` is a digest of who or what is tried (R74).

    ``refused`` counts those beyond the limit, or all of them where each is a refusal in itself; ``network`` and
    ``browser`` are then kept until the window is over (R108). A row without tries only tells that a network, or a
    browser, is known.
    """

    __tablename__: ClassVar[str] = "try_count"
    __table_args__ = (Index("ix_try_count_ends_at", "ends_at"),)

    key: str = Field(primary_key=True, sa_type=Text)
    ends_at: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    limit_name: str = Field(sa_type=Text)
    tries: int
    refused: int
    network: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": ""})
    browser: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": ""})


TRIES: Final = table_of(TryCount)


class SecondFactorRow(StoredRow):
    """The second factor of an operator, by the folded address; it asks for nothing until ``confirmed_at``.

    ``sealed_key``: the key that the application on the telephone shares, sealed as a code is (R60). ``last_step``: the
    last of the half minutes whose six digits were used.
    """

    __tablename__: ClassVar[str] = "second_factor"

    address: str = Field(primary_key=True, sa_type=Text)
    sealed_key: str = Field(sa_type=Text)
    begun_at: datetime = Field(sa_type=UtcDateTime)
    confirmed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_step: int = Field(sa_column=Column(BigInteger, nullable=False))


FACTOR: Final = table_of(SecondFactorRow)


class RecoveryCodeRow(StoredRow):
    """A recovery code that has not served: a keyed digest of it, from which nobody reads it back."""

    __tablename__: ClassVar[str] = "recovery_code"

    digest: str = Field(primary_key=True, sa_type=Text)
    address: str = Field(index=True, foreign_key="second_factor.address", sa_type=Text)


RECOVERY_CODE: Final = table_of(RecoveryCodeRow)


class IdentityBindingRow(StoredRow):
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


BINDING: Final = table_of(IdentityBindingRow)


class SubstitutionEnd(Labelled):
    """A cause that ended a substitution; the label ends the sentence « finie … »."""

    GIVER = "giver", "par la personne suppléée"
    SUBSTITUTE = "substitute", "par la personne qui suppléait"
    OPERATOR = "operator", "par un opérateur"
    EXPIRED = "expired", "à sa date"
    ROLE_LOST = "role_lost", "avec le rôle, ou la boîte, de l'une des deux personnes"


class SubstitutionRow(StoredRow):
    """A substitution. ``role``: ``operator`` or ``chef``, that of who is substituted.

    ``giver``, ``substitute``: the folded addresses, or the UAI of both establishments, whose chefs had then the names
    ``giver_name`` and ``substitute_name``. ``actor``: the number under which the journal names the substitute in this
    capacity, None until then. ``last_day`` is the last on which it holds.
    """

    __tablename__: ClassVar[str] = "substitution"
    __table_args__ = (
        one_of("role", Role),
        one_of("ended_by", SubstitutionEnd),
        Index("ix_substitution_giver", "giver"),
        Index("ix_substitution_substitute", "substitute"),
        {"sqlite_autoincrement": True},
    )

    number: int | None = Field(default=None, primary_key=True)
    role: str = Field(sa_type=Text)
    giver: str = Field(sa_type=Text)
    giver_name: str = Field(sa_type=Text)
    substitute: str = Field(sa_type=Text)
    substitute_name: str = Field(sa_type=Text)
    first_day: date
    last_day: date
    given_at: datetime = Field(sa_type=UtcDateTime)
    actor: int | None = Field(default=None, foreign_key="actor.number")
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_by: str | None = Field(default=None, sa_type=Text)


SUBSTITUTION: Final = table_of(SubstitutionRow)
