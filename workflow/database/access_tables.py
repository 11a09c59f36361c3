"""The tables of who comes in: links, sessions, tokens, second factors, bound identities, substitutions, limits."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from notifications.sql import METADATA, UtcDateTime, one_of
from states.vocabulary import Labelled, Role, Scope, SignInMethod

LINKS: Final = Table(
    "sign_in_link",
    METADATA,
    Column("digest", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("sent_to", Text, nullable=False),
    Column("joins", Text, nullable=False, default=""),
    Column("back", Text, nullable=False, default=""),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime),
    Column("browser", Text, nullable=False, default=""),
    Column("code_digest", Text, nullable=False, default=""),
    Column("network", Text, nullable=False, default=""),
    Column("browser_name", Text, nullable=False, default=""),
    Column("is_proof", Boolean, nullable=False, default=False),
    one_of("role", Role),
    Index("ix_sign_in_link_expires_at", "expires_at"),
    Index("ix_sign_in_link_subject", "subject"),
    Index("ix_sign_in_link_browser", "browser"),
)
"""A link sent by mail, found by the digest of its secret, which is never stored.

``subject``: the UAI asked for, or the address of an operator or a reader; ``sent_to``: the mailbox, whose
establishments it opens; ``joins``: the digest of the session that asked to add them to itself; ``back``: the page
that was asked for before signing in. ``browser``: the digest of the cookie of the browser that asked;
``code_digest``: the keyed digest of its six digits; ``network`` and ``browser_name`` tell whoever reads it from
where it was asked; ``is_proof``: the session ``joins`` asked for it to prove anew who its user is (R104, R105).
"""

KEPT_FORMS: Final = Table(
    "kept_form",
    METADATA,
    Column("digest", Text, primary_key=True),
    Column("session", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("kept_at", UtcDateTime, nullable=False),
    UniqueConstraint("session"),
    Index("ix_kept_form_kept_at", "kept_at"),
)
"""A form that was sent after the end of its session, encrypted by a secret that its browser alone has (R73)."""


class SessionEnd(Labelled):
    """The one who ended a session in the stead of the browser that has it (R107)."""

    OWNER = "owner", "quelqu'un y a mis fin d'une autre connexion au même compte"
    RECTORAT = "rectorat", "un opérateur du rectorat y a mis fin"


SESSIONS: Final = Table(
    "web_session",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("name", Text, nullable=False, default=""),
    Column("created_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("ended_by", Text),
    Column("method", Text, nullable=False, default=SignInMethod.MAIL_LINK.value),
    Column("provider", Text, nullable=False, default=""),
    Column("proved_at", UtcDateTime, nullable=False),
    Column("browser", Text, nullable=False, default=""),
    Column("identity", Text, nullable=False, default="", server_default=""),
    Column("identity_name", Text, nullable=False, default="", server_default=""),
    Column("awaits_factor", Boolean, nullable=False, default=False, server_default=false()),
    one_of("role", Role),
    one_of("method", SignInMethod),
    Index("ix_web_session_subject", "subject"),
    one_of("ended_by", SessionEnd),
    Index("ix_web_session_expires_at", "expires_at"),
    sqlite_autoincrement=True,
)
"""Somebody who signed in. ``subject``: the UAI, by commas, or the address; ``name``: what a chef gives (R37).

``number`` is its public name, which never serves again; the secret of which ``digest`` is made opens it.

``role`` of a mailbox that has not said yet who it is stays ``chef`` and ``name`` empty: it may only say it.
``provider``: the identity provider's name in the settings, empty for a mail's link; ``proved_at``: when this person
last proved who they are (R105); ``browser``: what its list of sessions says of it (R107). ``identity``: a keyed
digest of who that is at its provider, and ``identity_name`` the name that it vouches for, both empty for a link's.
``ended_by``: see SessionEnd, None of one that ended otherwise. ``awaits_factor``: it opens nothing but the page of
the second factor (R106).
"""

TOKENS: Final = Table(
    "access_token",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("label", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
    Column("seen_at", UtcDateTime),
    one_of("role", Role),
    one_of("scope", Scope),
)
"""A program's key to the API, for one person (``role``, ``subject``) and one ``scope``, until ``expires_at``."""

TRIES: Final = Table(
    "try_count",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("ends_at", UtcDateTime, primary_key=True),
    Column("limit_name", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    Column("network", Text, nullable=False, default="", server_default=""),
    Column("browser", Text, nullable=False, default="", server_default=""),
    Index("ix_try_count_ends_at", "ends_at"),
)
"""The tries under one limit until ``ends_at``: ``key`` is a digest of who or what is tried (R74).

``refused`` counts those beyond the limit, or all of them where each is a refusal in itself; ``network`` and
``browser`` are then kept until the window is over (R108). A row without tries only tells that a network, or a
browser, is known.
"""

FACTOR: Final = Table(
    "second_factor",
    METADATA,
    Column("address", Text, primary_key=True),
    Column("sealed_key", Text, nullable=False),
    Column("begun_at", UtcDateTime, nullable=False),
    Column("confirmed_at", UtcDateTime),
    Column("last_step", BigInteger, nullable=False),
)
"""The second factor of an operator, by the folded address; it asks for nothing until ``confirmed_at``.

``sealed_key``: the key that the application on the telephone shares, sealed as a code is (R60). ``last_step``: the
last of the half minutes whose six digits were used.
"""

RECOVERY_CODE: Final = Table(
    "recovery_code",
    METADATA,
    Column("digest", Text, primary_key=True),
    Column("address", Text, ForeignKey("second_factor.address"), nullable=False, index=True),
)
"""A recovery code that has not served: a keyed digest of it, from which nobody reads it back."""

BINDING: Final = Table(
    "identity_binding",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("identity", String, nullable=False),
    Column("uai", String, ForeignKey("establishment.uai"), nullable=False),
    Column("provider", String, nullable=False),
    Column("name", String, nullable=False),
    Column("role", String, nullable=False, default=""),
    Column("bound_at", UtcDateTime, nullable=False),
    UniqueConstraint("identity", "uai"),
    CheckConstraint("role IN ('', 'chef', 'deputy')", name="role"),
    Index("ix_identity_binding_uai", "uai"),
    sqlite_autoincrement=True,
)
"""An identity that an establishment's mailbox has vouched for; a binding that ends is erased.

``identity`` is a keyed digest of who it is at its provider; ``provider`` and ``name`` are as people read them;
``role`` is empty until that person says whether they are the chef or a deputy. A number never serves again: the
journal names a binding by it, and so does a page that shows one.
"""


class SubstitutionEnd(Labelled):
    """A cause that ended a substitution; the label ends the sentence « finie … »."""

    GIVER = "giver", "par la personne suppléée"
    SUBSTITUTE = "substitute", "par la personne qui suppléait"
    OPERATOR = "operator", "par un opérateur"
    EXPIRED = "expired", "à sa date"
    ROLE_LOST = "role_lost", "avec le rôle, ou la boîte, de l'une des deux personnes"


SUBSTITUTION: Final = Table(
    "substitution",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("role", Text, nullable=False),
    Column("giver", Text, nullable=False),
    Column("giver_name", Text, nullable=False),
    Column("substitute", Text, nullable=False),
    Column("substitute_name", Text, nullable=False),
    Column("first_day", Date, nullable=False),
    Column("last_day", Date, nullable=False),
    Column("given_at", UtcDateTime, nullable=False),
    Column("actor", Integer, ForeignKey("actor.number")),
    Column("ended_at", UtcDateTime),
    Column("ended_by", Text),
    one_of("role", Role),
    one_of("ended_by", SubstitutionEnd),
    Index("ix_substitution_giver", "giver"),
    Index("ix_substitution_substitute", "substitute"),
    sqlite_autoincrement=True,
)
"""A substitution. ``role``: ``operator`` or ``chef``, that of who is substituted.

``giver``, ``substitute``: the folded addresses, or the UAI of both establishments, whose chefs had then the names
``giver_name`` and ``substitute_name``. ``actor``: the number under which the journal names the substitute in this
capacity, None until then. ``last_day`` is the last on which it holds.
"""
