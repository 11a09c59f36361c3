"""Substitutions within the software: a known person acts in one's stead, from a day to a day (R114).

Nobody gives on what they were given, and a substitution holds only while both persons have the roles that it was made
of: that is asked at each use, so that one which ends has ended at the next page.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, bindparam, delete, exists, func, insert, or_, select, update

from notifications.mailer import Mailer
from notifications.messages.facts import Place, Substituted, SubstitutedChef
from notifications.ports import Clock
from notifications.vocabulary import Audience, Draft, Kind
from states.decision import Scalar
from states.model import Actor
from states.refusals import Reason, bad_field
from states.validation import chef_key, clean, fold_mail, normalise_uai
from states.vocabulary import Channel, Role
from workflow.auth.actors import NotAllowed, People, known_chef_name, require_operator
from workflow.auth.sessions import SessionUser
from workflow.database.access_tables import SUBSTITUTION, SubstitutionEnd
from workflow.database.connection import Database
from workflow.database.mapping import mailbox_of
from workflow.database.tables import ESTABLISHMENT
from workflow.journal import chain
from workflow.journal.chain import JournalHasher

LONGEST: Final = timedelta(days=183)
"""The longest time of a substitution."""

REMEMBERED: Final = timedelta(days=366)
"""The time for which one that has ended is still listed, and counts for two persons (R6)."""

_STILL: Final = SUBSTITUTION.c.ended_at.is_(None)

_IS_FORGOTTEN: Final = SUBSTITUTION.c.ended_at <= bindparam("remembered_since")

MAY_EXPIRE: Final = exists().where(or_(_STILL, _IS_FORGOTTEN))
"""The condition under which ``expire`` has any to look at; ``remembered_since``: see ``REMEMBERED``."""


class SubstitutionRefused(Exception):
    """A substitution that cannot be given; every reason, beside its field (R7)."""

    def __init__(self, reasons: Sequence[Reason]) -> None:
        super().__init__("; ".join(str(reason) for reason in reasons))
        self.reasons = tuple(reasons)


@dataclass(frozen=True, kw_only=True, slots=True)
class Substitution:
    """A substitution as it is shown. ``giver``, ``substitute``: addresses, or UAI whose chefs bear these names."""

    number: int
    role: Role
    giver: str
    giver_name: str
    substitute: str
    substitute_name: str
    first_day: date
    last_day: date
    ended_at: datetime | None = None
    ended_by: SubstitutionEnd | None = None

    @property
    def of(self) -> str:
        """The substituted person, as people read it."""
        return f"{self.giver_name} ({self.giver})" if self.giver_name else self.giver

    @property
    def by(self) -> str:
        """The substitute, as people read it."""
        return f"{self.substitute_name} ({self.substitute})" if self.substitute_name else self.substitute

    def is_given_by(self, user: SessionUser) -> bool:
        """True of this user's own, who is substituted."""
        return self._is(user, Role.OPERATOR, self.giver, self.giver_name)

    def is_received_by(self, user: SessionUser) -> bool:
        """True when this user substitutes."""
        return self._is(user, Role.READER, self.substitute, self.substitute_name)

    def _is(self, user: SessionUser, role: Role, whose: str, name: str) -> bool:
        """``role``: that of this side at the rectorat; the same address may be signed in as a RUPN (R113)."""
        if self.role is Role.OPERATOR:
            return user.role is role and fold_mail(user.subject) == whose
        return user.role is Role.CHEF and whose in user.uais and chef_key(user.name) == chef_key(name)


class Substitutions:
    """Gives, lists and ends substitutions, and makes the actor of one. ``timezone``: where a day begins and ends.

    ``allows_readers``: a reader may stand in for an operator; not where operators must have a second factor (R106).
    """

    def __init__(
        self, database: Database, clock: Clock, hasher: JournalHasher, people: People, mailer: Mailer,
        timezone: tzinfo, *, allows_readers: bool,
    ) -> None:  # fmt: skip
        self._database, self._clock, self._hasher, self._people = database, clock, hasher, people
        self._mailer = mailer
        self._timezone, self.allows_readers = timezone, allows_readers

    def give(
        self, by: Actor, user: SessionUser, first_day: date, last_day: date, *, to: str, name: str = "", uai: str = ""
    ) -> Substitution:
        """Have ``to`` stand in for this user: a reader's address, or the UAI of a chef of this ``name``.

        ``uai``: the establishment for which a chef is substituted. Raises SubstitutionRefused, NotAllowed for who may
        give none: a reader, a deputy, or somebody who acts in another's stead.
        """
        if by.in_stead_of or by.role not in (Role.OPERATOR, Role.CHEF):
            raise NotAllowed(
                "Un opérateur ou un chef d'établissement se fait suppléer, dans son propre rôle seulement."
            )
        now, reasons = self._clock.now(), list[Reason]()
        if first_day < self._today():
            reasons.append(bad_field("du", "Le premier jour", "est passé", "R114"))
        elif last_day < first_day:
            reasons.append(bad_field("au", "Le dernier jour", "précède le premier", "R114"))
        elif last_day - first_day > LONGEST:
            reasons.append(bad_field("au", "Le dernier jour", "est à plus de six mois du premier", "R114"))
        with self._database.write() as connection:
            if by.role is Role.CHEF:
                values = self._of_chef(connection, user, uai, to, name, reasons)
            else:
                values = {"giver": fold_mail(user.subject), "giver_name": ""}
                values |= {"substitute": fold_mail(to), "substitute_name": ""}
                if not (self.allows_readers and self._people.has(Role.READER, to)):
                    reasons.append(bad_field("suppleant", "Le suppléant", "n'est pas un lecteur des réglages", "R114"))
            if reasons:
                raise SubstitutionRefused(reasons)
            row = values | {"role": by.role.value, "first_day": first_day, "last_day": last_day, "given_at": now}
            stored = connection.execute(insert(SUBSTITUTION).values(row).returning(SUBSTITUTION)).one()
            data: dict[str, Scalar] = {
                "number": stored.number, "role": by.role.value, "first_day": first_day.isoformat(),
                "last_day": last_day.isoformat(),
            }  # fmt: skip
            chain.record(connection, self._hasher, "substitution_given", by, now, data)
            given = _substitution(stored)
            self._tell(connection, given, now)
        return given

    def of_user(self, user: SessionUser) -> tuple[Substitution, ...]:
        """Return what this user has given and received, the newest first; those that ended lately too."""
        if user.is_establishment:
            theirs = or_(SUBSTITUTION.c.giver.in_(user.uais), SUBSTITUTION.c.substitute.in_(user.uais))
        else:
            address = fold_mail(user.subject)
            theirs = or_(SUBSTITUTION.c.giver == address, SUBSTITUTION.c.substitute == address)
        listed = self._list(theirs)
        return tuple(each for each in listed if each.is_given_by(user) or each.is_received_by(user))

    def all(self, by: Actor) -> tuple[Substitution, ...]:
        """Return everybody's that have not ended. Raises NotAllowed for who is no operator."""
        if by.role is not Role.OPERATOR:
            raise NotAllowed("Seul un opérateur lit les suppléances de tous.")
        return self._list(_STILL)

    def in_force(self, user: SessionUser, number: int) -> Substitution | None:
        """Return the substitution of this number, if this user may act by it at this instant."""
        with self._database.read() as connection:
            row = connection.execute(select(SUBSTITUTION).where(SUBSTITUTION.c.number == number, _STILL)).one_or_none()
            if row is None:
                return None
            substitution = _substitution(row)
            is_running = substitution.first_day <= self._today() <= substitution.last_day
            holds = is_running and substitution.is_received_by(user) and self._have_roles(connection, substitution)
        return substitution if holds else None

    def actor(self, user: SessionUser, substitution: Substitution, channel: Channel) -> Actor:
        """Return who acts: in their own name, in the stead of another, and counted as both (R6).

        Raises NotAllowed when either has lost the role.
        """
        if substitution.role is Role.OPERATOR:
            actor = self._people.substitute_operator(user.subject, substitution.giver, channel)
        else:
            actor = self._people.substitute_chef(
                substitution.giver, substitution.giver_name, user.uais, user.name, channel, self._clock.now()
            )
        with self._database.read() as connection:
            known = connection.execute(
                select(SUBSTITUTION.c.actor).where(SUBSTITUTION.c.number == substitution.number)
            ).scalar_one()
        if known != actor.number:
            with self._database.write() as connection:
                this = SUBSTITUTION.c.number == substitution.number
                connection.execute(update(SUBSTITUTION).where(this).values(actor=actor.number))
        return actor

    def end(self, number: int, by: Actor, user: SessionUser | None) -> bool:
        """End one: its giver's, its substitute's, or anybody's for an operator. False when there is none to end.

        ``user``: None from the command line, where an operator alone ends one. Raises NotAllowed for another there.
        """
        if user is None:
            require_operator(by, "finir une suppléance")
        now = self._clock.now()
        with self._database.write() as connection:
            query = select(SUBSTITUTION).where(SUBSTITUTION.c.number == number, _STILL)
            row = connection.execute(query).one_or_none()
            if row is None:
                return False
            substitution = _substitution(row)
            if user and substitution.is_given_by(user):
                why = SubstitutionEnd.GIVER
            elif user and substitution.is_received_by(user):
                why = SubstitutionEnd.SUBSTITUTE
            elif by.role is Role.OPERATOR and not by.in_stead_of:
                why = SubstitutionEnd.OPERATOR
            else:
                return False
            _end(connection, self._hasher, [number], why, by, now)
            self._tell(connection, substitution, now, why.label)
        return True

    def end_of(self, connection: Connection, uais: Set[str], by: Actor, now: datetime) -> None:
        """End those of establishments whose mailbox has become another, or that are closed, on either side."""
        if not uais:
            return
        rows = connection.execute(select(SUBSTITUTION).where(_STILL, SUBSTITUTION.c.role == Role.CHEF.value)).all()
        lost = [_substitution(row) for row in rows if row.giver in uais or row.substitute in uais]
        self._end_lost(connection, lost, by, now)

    def expire(self) -> int:
        """End those whose days are over, or whose persons have lost their roles; forget those of long ago."""
        now, today = self._clock.now(), self._today()
        with self._database.write() as connection:
            connection.execute(delete(SUBSTITUTION).where(_IS_FORGOTTEN), {"remembered_since": now - REMEMBERED})
            rows = connection.execute(select(SUBSTITUTION).where(_STILL)).all()
            over = [row.number for row in rows if row.last_day < today]
            others = [_substitution(row) for row in rows if row.number not in over]
            lost = [substitution for substitution in others if not self._have_roles(connection, substitution)]
            if over or lost:
                by = chain.schedule_actor_in(connection)
                _end(connection, self._hasher, over, SubstitutionEnd.EXPIRED, by, now)
                self._end_lost(connection, lost, by, now)
        return len(over) + len(lost)

    def _end_lost(self, connection: Connection, lost: Sequence[Substitution], by: Actor, now: datetime) -> None:
        numbers = [substitution.number for substitution in lost]
        _end(connection, self._hasher, numbers, SubstitutionEnd.ROLE_LOST, by, now)
        for substitution in lost:
            self._tell(connection, substitution, now, SubstitutionEnd.ROLE_LOST.label)

    def _tell(self, connection: Connection, substitution: Substitution, now: datetime, ended: str = "") -> None:
        """Write to both persons and to the operators that it is given, or was ``ended`` before its last day.

        Nobody writes to who is in the settings no more.
        """
        told: dict[str, Any] = {
            "role": substitution.role, "giver": substitution.of, "substitute": substitution.by,
            "first_day": substitution.first_day, "last_day": substitution.last_day, "ended": ended,
        }  # fmt: skip
        addresses = [self._mailer.settings.operators_mailbox]
        drafts = []
        if substitution.role is Role.OPERATOR:
            addresses += [
                address
                for address in (substitution.substitute, substitution.giver)
                if self._people.find_member(address)
            ]
        else:
            theirs = select(ESTABLISHMENT).where(ESTABLISHMENT.c.uai.in_([substitution.giver, substitution.substitute]))
            for row in connection.execute(theirs):
                place = Place(uai=row.uai, nom=row.nom, commune=row.commune)
                if mailbox := mailbox_of(row):
                    drafts.append(
                        Draft(
                            kind=Kind.SUBSTITUTION_CHEF, audience=Audience.ESTABLISHMENT, recipient=mailbox,
                            context=SubstitutedChef(establishment=place, **told), uai=row.uai,
                        )
                    )  # fmt: skip
        drafts += [
            Draft(
                kind=Kind.SUBSTITUTION, audience=Audience.OPERATORS, recipient=address, context=Substituted(**told)
            )
            for address in {fold_mail(address): address for address in addresses}.values()
        ]  # fmt: skip
        self._mailer.enqueue(connection, drafts, now)

    def _today(self) -> date:
        return self._clock.now().astimezone(self._timezone).date()

    def _list(self, where: ColumnElement[bool]) -> tuple[Substitution, ...]:
        query = select(SUBSTITUTION).where(where).order_by(SUBSTITUTION.c.number.desc())
        with self._database.read() as connection:
            return tuple(map(_substitution, connection.execute(query)))

    def _have_roles(self, connection: Connection, substitution: Substitution) -> bool:
        """True while settings and directory know both persons in the roles that they had."""
        if substitution.role is Role.OPERATOR:
            is_reader = self.allows_readers and self._people.has(Role.READER, substitution.substitute)
            return is_reader and self._people.has(Role.OPERATOR, substitution.giver)
        return all(
            (known := known_chef_name(connection, uai)) and chef_key(known) == chef_key(name)
            for uai, name in (
                (substitution.giver, substitution.giver_name),
                (substitution.substitute, substitution.substitute_name),
            )
        )

    def _of_chef(
        self, connection: Connection, user: SessionUser, uai: str, to: str, name: str, reasons: list[Reason]
    ) -> dict[str, Any]:  # fmt: skip
        """A wrong UAI and a wrong name are told alike: the directory's chefs are not for guessing."""
        of, by = normalise_uai(uai), normalise_uai(to)
        known = known_chef_name(connection, by) if by not in user.uais else None
        if not known or chef_key(known) != chef_key(name):
            reasons.append(
                Reason(
                    "unknown_substitute",
                    "R114",
                    "Aucun chef d'un autre établissement n'est connu ici sous ce nom",
                    "Vérifier l'UAI et le nom ; le suppléant s'est-il déjà connecté à ce portail ?",
                    "suppleant",
                )
            )
        own = known_chef_name(connection, of) if of in user.uais else None
        if not own or chef_key(own) != chef_key(user.name):
            reasons.append(
                Reason(
                    "not_known_chef",
                    "R114",
                    "Vous n'êtes pas le chef connu de cet établissement",
                    "Dire d'abord, sur « Ma connexion », que vous êtes le nouveau chef d'établissement.",
                )
            )
        return {"giver": of, "giver_name": clean(user.name), "substitute": by, "substitute_name": known or ""}


def count_forgotten_substitutions(connection: Connection, at: datetime) -> int:
    """Count those that ``expire`` forgets at this instant, having ended long ago (R110)."""
    old = select(func.count()).select_from(SUBSTITUTION).where(_IS_FORGOTTEN)
    return int(connection.execute(old, {"remembered_since": at - REMEMBERED}).scalar_one())


def _end(
    connection: Connection, hasher: JournalHasher, numbers: Sequence[int], why: SubstitutionEnd, by: Actor,
    now: datetime,
) -> None:  # fmt: skip
    """End these, each in the journal."""
    if not numbers:
        return
    values = {"ended_at": now, "ended_by": why.value}
    connection.execute(update(SUBSTITUTION).where(SUBSTITUTION.c.number.in_(numbers)).values(values))
    kind = "substitution_expired" if why is SubstitutionEnd.EXPIRED else "substitution_ended"
    for number in numbers:
        chain.record(connection, hasher, kind, by, now, {"number": number, "why": why.value})


def _substitution(row: Row[Any]) -> Substitution:
    values = {name: getattr(row, name) for name in Substitution.__dataclass_fields__}
    ended_by = SubstitutionEnd(row.ended_by) if row.ended_by else None
    return Substitution(**values | {"role": Role(row.role), "ended_by": ended_by})
