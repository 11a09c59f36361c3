"""Access tokens: a program's key to the API, for one person, one scope and a time (R76)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, bindparam, insert, select, update

from states.decision import Scalar
from states.model import Actor
from states.validation import clean, fold_mail, text_problem
from states.vocabulary import Channel, Role
from workflow.auth.actors import NotAllowed, require_operator
from workflow.auth.rate_limit import digest, new_secret
from workflow.auth.sessions import SEEN_EVERY
from workflow.database.tables import TOKENS, Scope
from workflow.journal import installation
from workflow.journal.chain import JournalHasher

if TYPE_CHECKING:
    from workflow.app import App


def token(
    connection: Connection,
    hasher: JournalHasher,
    kind: str,
    actor: Actor,
    number: int,
    more: dict[str, Scalar],
    now: datetime,
) -> None:
    """A token was made or revoked: its number and its scope (R76)."""
    installation.record(connection, hasher, kind, actor, now, {"token": number, **more})


PREFIX: Final = "oda_"
"""By which people, and programs that look for secrets where none should be, know a token of ours."""


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
        """Whether it opens the API at this instant."""
        return self.revoked_at is None and now < self.expires_at


class Tokens:
    """Made and revoked by operators, presented by programs."""

    def __init__(self, app: "App") -> None:
        self._app = app

    def create(
        self, by: Actor, role: Role, subject: Sequence[str], *, scope: Scope, label: str, days: int
    ) -> tuple[Token, str]:
        """A new token and its secret, which is shown this once and kept nowhere.

        ``subject``: the address of an operator or a reader, or the UAI of a chef or a deputy. Raises NotAllowed for who
        is no operator and for a person who may not enter, TokenRefused.
        """
        require_operator(by, "faire un jeton")
        if problem := text_problem(clean(label)):
            raise TokenRefused(f"Le nom du jeton {problem} : dire quel programme s'en servira.")
        if not 1 <= days <= LONGEST_DAYS:
            raise TokenRefused(f"Un jeton vaut de 1 à {LONGEST_DAYS} jours.")
        now, secret = self._app.clock.now(), f"{PREFIX}{new_secret()}"
        who = self._actor(role, subject)
        row = {
            "digest": digest(secret), "label": clean(label), "role": role.value, "subject": _kept(who, subject),
            "scope": scope.value, "created_at": now, "expires_at": now + timedelta(days=days),
        }  # fmt: skip
        with self._app.database.write() as connection:
            number = int(connection.execute(insert(TOKENS).values(row).returning(TOKENS.c.id)).scalar_one())
            told: dict[str, Scalar] = {"scope": scope.value, "days": days, "of": who.number}
            token(connection, self._app.hasher, "token_created", by, number, told, now)
        return self._one(number), secret

    def find(self, secret: str) -> tuple[Actor, Scope] | None:
        """Whom this secret stands for, and what they may do; None for an unknown, expired or revoked one.

        None too for a person who may not enter any more: settings and directory judge. Notes that it was used.
        """
        if not secret.startswith(PREFIX):
            return None
        now = self._app.clock.now()
        with self._app.database.read() as connection:
            row = connection.execute(_BY_DIGEST, {"digest": digest(secret)}).one_or_none()
            if row is None or row.revoked_at or now >= row.expires_at:
                return None
            try:
                actor = self._actor(Role.of(row.role), row.subject.split(","), connection)
            except NotAllowed:
                return None
        if row.seen_at is None or now - row.seen_at >= SEEN_EVERY:
            with self._app.database.write() as connection:
                connection.execute(update(TOKENS).where(TOKENS.c.id == row.id).values(seen_at=now))
        return actor, Scope.of(row.scope)

    def of(self, secret: str) -> Token:
        """The token of a secret that ``find`` knew, for its bearer to read its name and its end."""
        with self._app.database.read() as connection:
            return _token(connection.execute(_BY_DIGEST, {"digest": digest(secret)}).one())

    def all(self, by: Actor) -> tuple[Token, ...]:
        """Every token there ever was, the newest first. Raises NotAllowed for who is no operator."""
        require_operator(by, "lister les jetons")
        with self._app.database.read() as connection:
            rows = connection.execute(select(TOKENS).order_by(TOKENS.c.id.desc())).all()
        return tuple(map(_token, rows))

    def revoke(self, by: Actor, number: int) -> Token:
        """Close the API to this token from now on. Raises NotAllowed, TokenRefused for one that is not valid."""
        require_operator(by, "révoquer un jeton")
        now = self._app.clock.now()
        with self._app.database.write() as connection:
            open_one = (TOKENS.c.id == number, TOKENS.c.revoked_at.is_(None))
            if not connection.execute(update(TOKENS).where(*open_one).values(revoked_at=now)).rowcount:
                raise TokenRefused(f"Aucun jeton en vigueur ne porte le n° {number} : voir « oda token list ».")
            token(connection, self._app.hasher, "token_revoked", by, number, {}, now)
        return self._one(number)

    def _one(self, number: int) -> Token:
        with self._app.database.read() as connection:
            return _token(connection.execute(select(TOKENS).where(TOKENS.c.id == number)).one())

    def _actor(self, role: Role, subject: Sequence[str], within: Connection | None = None) -> Actor:
        people = self._app.people
        if role is Role.OPERATOR:
            return people.operator(subject[0], Channel.API, within=within)
        if role is Role.READER:
            return people.reader(subject[0], Channel.API, within=within)
        return people.chef(subject, Channel.API, role=role, within=within)


def _kept(who: Actor, subject: Sequence[str]) -> str:
    return ",".join(sorted(who.establishments)) if who.is_establishment else fold_mail(subject[0])


def _token(row: object) -> Token:
    values = {name: getattr(row, name) for name in Token.__dataclass_fields__}
    return Token(**values | {"role": Role.of(values["role"]), "scope": Scope.of(values["scope"])})
