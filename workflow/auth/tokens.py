"""API access tokens: a program's key to the API, for one person, one scope and a time (R76)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from notifications.ports import Clock
from states.decision import Scalar
from states.model import Actor
from states.validation import clean, fold_mail, text_problem
from states.vocabulary import Channel, Role
from workflow.auth.actors import NotAllowed, People, require_operator
from workflow.auth.rate_limit import digest, new_secret
from workflow.auth.sessions import SEEN_EVERY
from workflow.database.connection import Database
from workflow.database.tables import TOKENS, Scope
from workflow.journal import installation
from workflow.journal.chain import JournalHasher

PREFIX: Final = "oda_"
"""Begins every token, so that people, and programs that look for leaked secrets, recognise one."""

LONGEST_DAYS: Final = 366

_BY_DIGEST: Final = select(TOKENS).where(TOKENS.c.digest == bindparam("digest"))
"""Built once: it is executed at every call of the API."""


class TokenRefused(Exception):
    """A token that cannot be made or revoked, with the French sentence that tells what to do."""

    rule = "R76"


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """A token as it is shown: never its secret. ``seen_at``: when it was last used, to within five minutes."""

    id: int
    label: str
    role: Role
    subject: str
    scope: Scope
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    seen_at: datetime | None

    def is_valid(self, now: datetime) -> bool:
        """Return True when it opens the API at this instant."""
        return self.revoked_at is None and now < self.expires_at


class Tokens:
    """Creates, lists and revokes tokens for operators; finds who a program's secret stands for."""

    def __init__(self, database: Database, clock: Clock, hasher: JournalHasher, people: People) -> None:
        self._database, self._clock, self._hasher, self._people = database, clock, hasher, people

    def create(
        self, by: Actor, role: Role, subject: Sequence[str], *, scope: Scope, label: str, days: int
    ) -> tuple[Token, str]:
        """Create a token and return it with its secret, which is shown this once and stored nowhere.

        ``subject``: the address of an operator or a reader, or the UAI of a chef or a deputy. Raises NotAllowed for who
        is no operator and for a person who may not enter, TokenRefused.
        """
        require_operator(by, "faire un jeton")
        label = clean(label)
        if problem := text_problem(label):
            raise TokenRefused(f"Le nom du jeton {problem} : dire quel programme s'en servira.")
        if not 1 <= days <= LONGEST_DAYS:
            raise TokenRefused(f"Un jeton vaut de 1 à {LONGEST_DAYS} jours.")
        now, secret = self._clock.now(), f"{PREFIX}{new_secret()}"
        bearer = self._people.actor(role, subject, Channel.API)
        stored = ",".join(sorted(bearer.establishments)) if bearer.is_establishment else fold_mail(subject[0])
        row = {
            "digest": digest(secret), "label": label, "role": role.value, "subject": stored, "scope": scope.value,
            "created_at": now, "expires_at": now + timedelta(days=days),
        }  # fmt: skip
        with self._database.write() as connection:
            created = connection.execute(insert(TOKENS).values(row).returning(TOKENS)).one()
            data: dict[str, Scalar] = {"scope": scope.value, "days": days, "of": bearer.number}
            self._record(connection, "token_created", by, created.id, data, now)
            return _token(created), secret

    def find(self, secret: str) -> tuple[Actor, Scope] | None:
        """Return whom this secret stands for and what they may do; None unless it is valid.

        None too for a person who may not enter any more: settings and directory judge. Writes down that it was used.
        """
        if not secret.startswith(PREFIX):
            return None
        now = self._clock.now()
        with self._database.read() as connection:
            row = connection.execute(_BY_DIGEST, {"digest": digest(secret)}).one_or_none()
            if row is None or row.revoked_at or now >= row.expires_at:
                return None
            try:
                subject = row.subject.split(",")
                actor = self._people.actor(Role.of(row.role), subject, Channel.API, within=connection)
            except NotAllowed:
                return None
        if row.seen_at is None or now - row.seen_at >= SEEN_EVERY:
            with self._database.write() as connection:
                connection.execute(update(TOKENS).where(TOKENS.c.id == row.id).values(seen_at=now))
        return actor, Scope.of(row.scope)

    def of(self, secret: str) -> Token:
        """Return the token of a secret that ``find`` knew, for its bearer to read its name and its end."""
        with self._database.read() as connection:
            return _token(connection.execute(_BY_DIGEST, {"digest": digest(secret)}).one())

    def all(self, by: Actor) -> tuple[Token, ...]:
        """Return every token there ever was, the newest first. Raises NotAllowed for who is no operator."""
        require_operator(by, "lister les jetons")
        with self._database.read() as connection:
            return tuple(map(_token, connection.execute(select(TOKENS).order_by(TOKENS.c.id.desc()))))

    def revoke(self, by: Actor, number: int) -> Token:
        """Close the API to this token from now on. Raises NotAllowed, TokenRefused for one that is not valid."""
        require_operator(by, "révoquer un jeton")
        now = self._clock.now()
        with self._database.write() as connection:
            valid = (TOKENS.c.id == number, TOKENS.c.revoked_at.is_(None))
            revoking = update(TOKENS).where(*valid).values(revoked_at=now).returning(TOKENS)
            revoked = connection.execute(revoking).one_or_none()
            if revoked is None:
                raise TokenRefused(f"Aucun jeton en vigueur ne porte le n° {number} : voir « oda token list ».")
            self._record(connection, "token_revoked", by, number, {}, now)
            return _token(revoked)

    def _record(
        self, connection: Connection, kind: str, actor: Actor, number: int, data: dict[str, Scalar], now: datetime
    ) -> None:
        installation.record(connection, self._hasher, kind, actor, now, {"token": number, **data})


def _token(row: Row[Any]) -> Token:
    values = {name: getattr(row, name) for name in Token.__dataclass_fields__}
    return Token(**values | {"role": Role.of(values["role"]), "scope": Scope.of(values["scope"])})
