"""API access tokens: a program's key to the API, for one person, one scope and a time (R76)."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from notifications.ports import Clock
from states.decision import Scalar
from states.model import Actor
from states.validation import clean, fold_mail, text_problem
from states.vocabulary import Channel, Role, Scope, StandInKind
from workflow.auth.actors import NotAllowed, People, begin_stand_in, end_token_stand_ins, require_operator
from workflow.auth.sessions import SEEN_EVERY
from workflow.database.access_tables import TOKENS
from workflow.database.connection import Database
from workflow.journal import chain
from workflow.journal.chain import JournalHasher
from workflow.settings.secrets import digest, new_secret

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

    def is_for(self, actor: Actor) -> bool:
        """Return True when it acts for an establishment of this chef or deputy."""
        is_of_establishment = self.role in (Role.CHEF, Role.DEPUTY)
        return is_of_establishment and not actor.establishments.isdisjoint(self.subject.split(","))


class Tokens:
    """Creates, lists and revokes tokens for operators; finds who a program's secret stands for."""

    def __init__(
        self, database: Database, clock: Clock, hasher: JournalHasher, people: People, *, four_eyes: bool = False
    ) -> None:  # fmt: skip
        """``four_eyes``: nobody makes a token of a colleague's, by which he would be two (R6)."""
        self._database, self._clock, self._hasher, self._people = database, clock, hasher, people
        self._four_eyes = four_eyes

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
        if self._four_eyes and role is Role.OPERATOR and bearer.number != by.number:
            raise TokenRefused("Un opérateur fait lui-même son jeton (R6).")
        stored = ",".join(sorted(bearer.establishments)) if bearer.is_establishment else fold_mail(subject[0])
        row = {
            "digest": digest(secret), "label": label, "role": role.value, "subject": stored, "scope": scope.value,
            "created_at": now, "expires_at": now + timedelta(days=days),
        }  # fmt: skip
        with self._database.write() as connection:
            created = connection.execute(insert(TOKENS).values(row).returning(TOKENS)).one()
            data: dict[str, Scalar] = {"scope": scope.value, "days": days, "of": bearer.number}
            chain.record(connection, self._hasher, "token_created", by, now, {"token": created.id, **data})
            if bearer.is_establishment and scope is Scope.ACT:
                begin_stand_in(
                    connection, StandInKind.TOKEN, sorted(bearer.establishments), by, now, token=created.id,
                    until=created.expires_at,
                )  # fmt: skip
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
            actor: Actor | None
            try:
                subject = row.subject.split(",")
                actor = self._people.actor(Role(row.role), subject, Channel.API, within=connection)
            except NotAllowed:
                actor = None
        if actor is None:  # for good: put back in the settings, the person has another made
            with self._database.write() as connection:
                by = chain.schedule_actor_in(connection)
                revoke_token(connection, self._hasher, row.id, by, now, "person_removed")
            return None
        if row.seen_at is None or now - row.seen_at >= SEEN_EVERY:
            with self._database.write() as connection:
                connection.execute(update(TOKENS).where(TOKENS.c.id == row.id).values(seen_at=now))
        return actor, Scope(row.scope)

    def of(self, secret: str) -> Token:
        """Return the token of a secret that ``find`` knew, for its bearer to read its name and its end."""
        with self._database.read() as connection:
            return _token(connection.execute(_BY_DIGEST, {"digest": digest(secret)}).one())

    def all(self, by: Actor) -> tuple[Token, ...]:
        """Return every token there ever was, the newest first. Raises NotAllowed for who is no operator."""
        require_operator(by, "lister les jetons")
        with self._database.read() as connection:
            return tuple(map(_token, connection.execute(select(TOKENS).order_by(TOKENS.c.id.desc()))))

    def of_establishments(self, by: Actor) -> tuple[Token, ...]:
        """Return the valid tokens that act for any of the establishments of a chef or a deputy, the newest first."""
        now = self._clock.now()
        with self._database.read() as connection:
            tokens = map(_token, connection.execute(select(TOKENS).order_by(TOKENS.c.id.desc())))
            return tuple(token for token in tokens if token.is_valid(now) and token.is_for(by))

    def revoke(self, by: Actor, number: int) -> Token:
        """Close the API to this token from now on.

        A chef or a deputy may only revoke those of their establishments. Raises NotAllowed, TokenRefused for one that
        is not valid, or not theirs.
        """
        if not by.is_establishment:
            require_operator(by, "révoquer un jeton")
        with self._database.write() as connection:
            row = connection.execute(select(TOKENS).where(TOKENS.c.id == number)).one_or_none()
            is_theirs = row is not None and (not by.is_establishment or _token(row).is_for(by))
            if not is_theirs or not revoke_token(connection, self._hasher, number, by, self._clock.now()):
                raise TokenRefused(f"Aucun jeton en vigueur ne porte le n° {number} : voir « oda token list ».")
            return _token(connection.execute(select(TOKENS).where(TOKENS.c.id == number)).one())

    def end_former_chefs(self, chef: Actor) -> None:
        """End the tokens made for the establishments of who says to be their new chef (R37, R76)."""
        with self._database.write() as connection:
            end_tokens_of(connection, self._hasher, chef.establishments, chef, "chef_changed", self._clock.now())


def revoke_token(
    connection: Connection, hasher: JournalHasher, number: int, by: Actor, now: datetime, why: str = ""
) -> bool:
    """Close the API to a token, in the journal too; return False for one that was closed or never was.

    ``why``: the code of what ended it by itself, empty when somebody revoked it.
    """
    alive = (TOKENS.c.id == number, TOKENS.c.revoked_at.is_(None))
    if not connection.execute(update(TOKENS).where(*alive).values(revoked_at=now)).rowcount:
        return False
    end_token_stand_ins(connection, number, now)
    data: dict[str, Scalar] = {"token": number} | ({"why": why} if why else {})
    chain.record(connection, hasher, "token_revoked", by, now, data)
    return True


def end_tokens_of(
    connection: Connection, hasher: JournalHasher, uais: Set[str], by: Actor, why: str, now: datetime
) -> None:  # fmt: skip
    """Close the API to every valid token that acts for any of these establishments (R76)."""
    if not uais:
        return
    valid = (TOKENS.c.revoked_at.is_(None), TOKENS.c.expires_at > now, TOKENS.c.created_at <= now)
    for number, subject in connection.execute(select(TOKENS.c.id, TOKENS.c.subject).where(*valid)).all():
        if not uais.isdisjoint(subject.split(",")):
            revoke_token(connection, hasher, number, by, now, why)


def _token(row: Row[Any]) -> Token:
    values = {name: getattr(row, name) for name in Token.__dataclass_fields__}
    return Token(**values | {"role": Role(values["role"]), "scope": Scope(values["scope"])})
