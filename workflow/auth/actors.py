"""Resolve a claimed role (settings, directory) to an Actor, or refuse (R2 to R5).

The people of the rectorat are those of the settings' file, which is read again when it changes (R73). The chef of an
establishment is the last one known, or a new one (R37); who can act in its stead is counted (R6).
"""

import logging
import threading
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, bindparam, func, insert, or_, select, update

from notifications.ports import Clock
from notifications.sql import batches
from states import french
from states.model import Actor, StandIn
from states.refusals import Reason
from states.validation import chef_key, clean, fold, fold_mail, name_problem, normalise_uai
from states.vocabulary import Channel, Role, StandInKind
from workflow.database.access_tables import SUBSTITUTION
from workflow.database.connection import Database
from workflow.database.journal_tables import ACTOR
from workflow.database.mapping import stand_in_from
from workflow.database.tables import ESTABLISHMENT, REQUEST, STAND_IN
from workflow.journal.chain import JournalHasher, actor_number, known_actor
from workflow.settings.loader import load_settings
from workflow.settings.model import Settings
from workflow.settings.sections import PeopleSettings
from workflow.settings.yaml_reader import SettingsError

LOOKED_AT_EVERY: Final = timedelta(seconds=2)
"""The settings' file is looked at once in this time at most, whatever is asked."""

Stamp = tuple[int, int, int]
"""The marks of a file that has changed: its instant, its node, its size."""

_KNOWN_UAIS: Final = select(ESTABLISHMENT.c.uai).where(ESTABLISHMENT.c.uai.in_(bindparam("uais", expanding=True)))

_RUPN: Final = "le RUPN"
"""Every RUPN is called so: whose request it is tells who."""

_OF_REQUESTS: Final = (
    select(REQUEST.c.chef_name)
    .where(REQUEST.c.uai == ESTABLISHMENT.c.uai, REQUEST.c.chef_name != "")
    .order_by(REQUEST.c.changed_at.desc())
    .limit(1)
    .scalar_subquery()
)

KNOWN_CHEF: Final = func.coalesce(func.nullif(ESTABLISHMENT.c.chef_name, ""), _OF_REQUESTS, "")
"""The last chef known of an establishment: who signed in, else who made its newest request; empty for nobody (R37)."""

_KNOWN: Final = select(ESTABLISHMENT.c.uai, KNOWN_CHEF.label("chef")).where(
    ESTABLISHMENT.c.uai.in_(bindparam("uais", expanding=True))
)

_NAMED: Final = (
    select(REQUEST.c.uai, REQUEST.c.chef_name)
    .where(REQUEST.c.uai.in_(bindparam("uais", expanding=True)), REQUEST.c.chef_name != "")
    .distinct()
)

_log = logging.getLogger("oda")


class NotAllowed(Exception):
    """Somebody who may not sign in or do this, with the French sentence that tells what to do.

    ``reasons`` says the same in the form of a refusal (R7), for an action reserved to a role.
    """

    def __init__(self, message: str, reasons: tuple[Reason, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.reasons = reasons


def require_operator(actor: Actor, action: str) -> None:
    """Raise NotAllowed unless an operator acts (R2). ``action`` is a French infinitive: « importer l'annuaire »."""
    if actor.role is not Role.OPERATOR:
        reason = Reason(
            "wrong_role", "R2", f"Seul un {Role.OPERATOR.label} peut {action}", "Le lui demander.",
        )  # fmt: skip
        raise NotAllowed(str(reason), (reason,))


def require_rectorat(actor: Actor, message: str) -> None:
    """Raise NotAllowed with this French message unless an operator or a reader acts (R2, R3)."""
    if actor.role not in (Role.OPERATOR, Role.READER):
        raise NotAllowed(message)


class CurrentPeople:
    """Reads ``people`` of the settings' file; made in memory, settings never change.

    A file that is wrong, or gone, takes nobody's access away and gives none: the last good people stay, and the log
    says it once. What else is in the file waits for a restart, ``deputy_may_act`` included, which is a rule.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._people, self._path, self._clock = settings.people, settings.source, clock
        self._overrides = settings.overrides
        self._seen = _stamp_of(self._path) if self._path else None
        self._looked_at: datetime | None = None
        self._reading = threading.Lock()

    def read(self) -> PeopleSettings:
        """Return the people of now, of two seconds ago at most."""
        if self._path is None:
            return self._people
        now = self._clock.now()
        if self._looked_at and self._looked_at <= now < self._looked_at + LOOKED_AT_EVERY:
            return self._people
        self._looked_at = now
        if self._reading.acquire(blocking=False):
            try:
                self._look(self._path)
            finally:
                self._reading.release()
        return self._people

    def _look(self, path: Path) -> None:
        stamp = _stamp_of(path)
        if stamp == self._seen:
            return
        self._seen = stamp
        try:
            self._people = load_settings(path, self._overrides).people
        except SettingsError as error:
            _log.error("Les personnes du rectorat restent celles d'avant : %s", str(error).splitlines()[0])
        else:
            _log.info("Les personnes du rectorat sont relues : %s", path)


class People:
    """Resolves a claimed role to an Actor by the settings and the directory, or refuses (R2 to R5).

    ``within``: the caller's own transaction, to read in. Every method that returns an actor raises NotAllowed.
    """

    def __init__(
        self, current: CurrentPeople, database: Database, hasher: JournalHasher, clock: Clock, *,
        deputy_may_act: bool, rupn_may_enter: bool = True,
    ) -> None:  # fmt: skip
        """``hasher`` makes a RUPN's keyed digest, by which their number is found again: no address is kept (R64)."""
        self._current, self.deputy_may_act, self.rupn_may_enter = current, deputy_may_act, rupn_may_enter
        self._database, self._hasher, self._clock = database, hasher, clock

    def find_member(self, typed: str) -> tuple[Role, str] | None:
        """Return an operator or a reader by their address, as the settings write it; an operator first (R2)."""
        for role in (Role.OPERATOR, Role.READER):
            for address in self.members(role):
                if fold_mail(address) == fold_mail(typed):
                    return role, address
        return None

    def has(self, role: Role, address: str) -> bool:
        """Return True when the settings give this role of the rectorat to this address."""
        return fold_mail(address) in {fold_mail(known) for known in self.members(role)}

    def members(self, role: Role) -> tuple[str, ...]:
        """Return the addresses of the operators, or of the readers, as the settings write them now."""
        people = self._current.read()
        return people.operators if role is Role.OPERATOR else people.readers

    def operators(self) -> tuple[str, ...]:
        """Return the operators' addresses, as the settings write them now."""
        return self.members(Role.OPERATOR)

    def readers(self) -> tuple[str, ...]:
        """Return the readers' addresses, as the settings write them now."""
        return self._current.read().readers

    def actor(
        self, role: Role, subjects: Sequence[str], channel: Channel, *, name: str = "",
        within: Connection | None = None,
    ) -> Actor:  # fmt: skip
        """Return whoever has this role: ``subjects`` is one address, or the UAI of a chef or a deputy."""
        if role is Role.OPERATOR:
            return self.operator(subjects[0], channel, within=within)
        if role is Role.READER:
            return self.reader(subjects[0], channel, within=within)
        if role is Role.RUPN:
            return self.rupn(subjects[0], channel, within=within)
        return self.chef(subjects, channel, name=name, role=role, within=within)

    def operator(self, address: str, channel: Channel, *, within: Connection | None = None) -> Actor:
        """Return an operator of the settings."""
        return self._of_settings(Role.OPERATOR, address, channel, within)

    def reader(self, address: str, channel: Channel, *, within: Connection | None = None) -> Actor:
        """Return a reader of the settings (R2)."""
        return self._of_settings(Role.READER, address, channel, within)

    def rupn(self, address: str, channel: Channel, *, within: Connection | None = None) -> Actor:
        """Return the RUPN of the requests that bear this address (R113); no other address is ever written down."""
        folded = fold_mail(address)
        key = self.rupn_key(folded)
        bears = select(REQUEST.c.reference).where(REQUEST.c.folded_mail == folded).limit(1)
        with nullcontext(within) if within is not None else self._database.read() as connection:
            is_known = bool(folded) and connection.execute(bears).first() is not None
            number = known_actor(connection, key)
        if not (is_known and self.rupn_may_enter):
            raise NotAllowed("Aucune demande ne porte cette adresse.")
        number = self._number(key, _RUPN) if number is None else number
        return Actor(role=Role.RUPN, number=number, label=_RUPN, address=folded, channel=channel)

    def rupn_key(self, address: str) -> str:
        """Return the key of a RUPN among the actors: the request says whose it is, and is erased in its time."""
        return f"{Role.RUPN.value}:{self._hasher.digest(fold_mail(address))}"

    def substitute_operator(self, reader: str, operator: str, channel: Channel) -> Actor:
        """Return a reader who acts in the stead of an operator, counted as both (R114)."""
        for role, address in ((Role.READER, reader), (Role.OPERATOR, operator)):
            if not self.has(role, address):
                raise NotAllowed(f"« {address} » n'est plus dans le réglage people.{role.value}s : rien n'a changé.")
        own, of = fold_mail(reader), fold_mail(operator)
        label = f"{own} ({Role.OPERATOR.label}, en suppléance {french.de(of)})"
        number = self._number(f"operator:{own}>{of}", label)
        persons = [self._number(f"operator:{one}", f"{one} ({Role.OPERATOR.label})") for one in (own, of)]
        with self._database.read() as connection:
            numbers = [_substitution_numbers(connection, address) for address in (own, of)]
        counts_as = frozenset(persons).union(*numbers)
        return Actor(
            role=Role.OPERATOR, number=number, label=label, channel=channel, in_stead_of=of, counts_as=counts_as
        )

    def substitute_chef(
        self, uai: str, name: str, own_uais: Sequence[str], own_name: str, channel: Channel, now: datetime
    ) -> Actor:  # fmt: skip
        """Return the chef of an establishment who acts in the stead of another's (R114).

        Who could act in the stead of the former could so for the latter: they are counted too (R6).
        """
        own = self.chef(own_uais, channel, name=own_name)
        self.chef([uai], channel, name=name)  # raises NotAllowed when the directory knows it no more
        label = f"{own.label}, en suppléance {french.de(name)} ({uai})"
        number = self._number(f"chef:{uai}:{fold(own_name)}>{fold(name)}", label)
        with self._database.read() as connection:
            in_force = or_(STAND_IN.c.until.is_(None), STAND_IN.c.until > now)
            query = select(STAND_IN.c.operator).where(STAND_IN.c.uai.in_(list(own_uais)), in_force)
            counts_as = frozenset(connection.execute(query).scalars())
        return Actor(
            role=Role.CHEF, number=number, label=label, name=own.name, establishments=frozenset({uai}),
            channel=channel, in_stead_of=name, counts_as=counts_as,
        )  # fmt: skip

    def of_account(self, account: str, channel: Channel) -> Actor:
        """Return the operator that the settings give to a system account."""
        address = self._current.read().operator_of(account)
        if address is None:
            raise NotAllowed(
                f"Qui agit ? Le compte « {account} » n'a pas d'opérateur (réglage people.accounts)."
                " Ajouter --as operator:ADRESSE ou --as chef:UAI."
            )
        return self.operator(address, channel)

    def chef(
        self, uais: Iterable[str], channel: Channel, *, name: str = "", role: Role = Role.CHEF,
        within: Connection | None = None,
    ) -> Actor:  # fmt: skip
        """Return the chef, or a deputy, of establishments of the directory (R3, R4)."""
        if role not in (Role.CHEF, Role.DEPUTY):
            raise NotAllowed(f"Personne n'agit comme « {role.label} » pour un établissement (R2).")
        uais, name = sorted({normalise_uai(uai) for uai in uais}), clean(name)
        key = f"{role.value}:{','.join(uais)}:{fold(name)}"
        with nullcontext(within) if within is not None else self._database.read() as connection:
            known = set(connection.execute(_KNOWN_UAIS, {"uais": uais}).scalars())
            number = known_actor(connection, key)
        unknown = [uai for uai in uais if uai not in known]
        if unknown or not uais:
            raise NotAllowed(f"L'UAI {', '.join(unknown) or '(vide)'} n'est pas dans l'annuaire : le vérifier.")
        if name and (problem := name_problem(name)):
            raise NotAllowed(f"Le nom de qui agit {problem}.")
        label = f"{name + ', ' if name else ''}{role.label} ({', '.join(uais)})"
        return Actor(
            role=role, number=self._number(key, label) if number is None else number, label=label,
            name=name, establishments=frozenset(uais), channel=channel,
        )  # fmt: skip

    def _of_settings(self, role: Role, address: str, channel: Channel, within: Connection | None) -> Actor:
        folded = fold_mail(address)
        if not self.has(role, address):
            raise NotAllowed(
                f"« {address} » n'est pas dans le réglage people.{role.value}s : l'y ajouter, ou agir autrement."
            )
        key, label = f"{role.value}:{folded}", f"{folded} ({role.label})"
        with nullcontext(within) if within is not None else self._database.read() as connection:
            number = known_actor(connection, key)
            counts_as = _substitution_numbers(connection, folded) if role is Role.OPERATOR else frozenset()
        number = self._number(key, label) if number is None else number
        return Actor(role=role, number=number, label=label, channel=channel, counts_as=counts_as)

    def _number(self, key: str, label: str) -> int:
        """Return the number of an actor in the journal, given at its first appearance.

        It is read each time: a database that was restored has given another one since, or has given it to another.
        """
        return actor_number(self._database, self._hasher, self._clock, key, label)


def _substitution_numbers(connection: Connection, address: str) -> frozenset[int]:
    """The numbers under which this person substituted, or was substituted, as an operator (R6, R114)."""
    is_theirs = or_(SUBSTITUTION.c.giver == address, SUBSTITUTION.c.substitute == address)
    query = select(SUBSTITUTION.c.actor).where(is_theirs, SUBSTITUTION.c.actor.is_not(None))
    return frozenset(connection.execute(query).scalars())


@dataclass(frozen=True, slots=True)
class KnownChefs:
    """The chefs of an establishment that its requests and its sign-ins name, by their keys (R37).

    ``in_force`` is the last one known, empty when nobody is.
    """

    in_force: str = ""
    former: frozenset[str] = frozenset()


def known_chefs(connection: Connection, uais: Sequence[str]) -> dict[str, KnownChefs]:
    """The chefs known of these establishments, each of which is there."""
    last = dict.fromkeys(uais, "")
    all_keys: dict[str, set[str]] = {uai: set() for uai in uais}
    for batch in batches(uais):
        for row in connection.execute(_KNOWN, {"uais": batch}):
            last[row.uai] = chef_key(row.chef)
        for uai, name in connection.execute(_NAMED, {"uais": batch}):
            all_keys[uai].add(chef_key(name))
    return {uai: KnownChefs(last[uai], frozenset(all_keys[uai] - {last[uai]})) for uai in uais}


def known_chef_name(connection: Connection, uai: str) -> str | None:
    """Return the last chef known of an open establishment; None for none, or one of which nobody is known."""
    query = _KNOWN.where(ESTABLISHMENT.c.is_open)
    row = connection.execute(query, {"uais": [uai]}).one_or_none()
    return (row.chef or None) if row else None


def find_former_chefs(connection: Connection, uais: Sequence[str], name: str) -> tuple[str, ...]:
    """The last chefs known of these establishments who are not the one of this name, however it is written."""
    names = [row.chef for row in connection.execute(_KNOWN, {"uais": list(uais)})]
    others = {chef_key(known): known for known in names if known and chef_key(known) != chef_key(name)}
    return tuple(sorted(others.values()))


def remember_chef(connection: Connection, uais: Sequence[str], name: str, *, is_new: bool) -> None:
    """Keep this chef as the last one known: the first of all, or who says to be the new one."""
    of_session = update(ESTABLISHMENT).where(ESTABLISHMENT.c.uai.in_(list(uais)))
    rows = connection.execute(_KNOWN, {"uais": list(uais)}).all()
    unknown = [row.uai for row in rows if not row.chef]
    chosen = list(uais) if is_new else unknown
    if chosen:
        connection.execute(of_session.where(ESTABLISHMENT.c.uai.in_(chosen)).values(chef_name=name))


def begin_stand_in(
    connection: Connection, kind: StandInKind, uais: Iterable[str], by: Actor, now: datetime, *,
    token: int | None = None, until: datetime | None = None, is_confirmed: bool = False,
) -> None:  # fmt: skip
    """Remember that this operator can from now on act in the stead of these establishments.

    ``is_confirmed``: of a mailbox whose address is none that he chose.
    """
    row: dict[str, Any] = {"kind": kind.value, "operator": by.number, "token": token, "since": now, "until": until}
    row["confirmed_at"] = now if is_confirmed else None
    connection.execute(insert(STAND_IN), [row | {"uai": uai} for uai in uais])


def end_set_mailboxes(connection: Connection, uais: Sequence[str], now: datetime) -> None:
    """The mailboxes that operators had set for these establishments are not in force any more."""
    of_mailbox = (STAND_IN.c.uai.in_(uais), STAND_IN.c.kind == StandInKind.MAILBOX.value, STAND_IN.c.until.is_(None))
    connection.execute(update(STAND_IN).where(*of_mailbox).values(until=now))


def end_token_stand_ins(connection: Connection, token: int, now: datetime) -> None:
    """A token that acted for establishments has ended."""
    is_alive = or_(STAND_IN.c.until.is_(None), STAND_IN.c.until > now)
    connection.execute(update(STAND_IN).where(STAND_IN.c.token == token, is_alive).values(until=now))


def confirm_set_mailbox(connection: Connection, uai: str, by: Actor, now: datetime) -> None:
    """A second operator has looked at the mailbox in force (R14)."""
    of_mailbox = (STAND_IN.c.uai == uai, STAND_IN.c.kind == StandInKind.MAILBOX.value, STAND_IN.c.until.is_(None))
    connection.execute(update(STAND_IN).where(*of_mailbox).values(confirmed_at=now, confirmed_by=by.number))


def find_set_mailbox(connection: Connection, uai: str) -> StandIn | None:
    """The mailbox in force as an operator set it; None when the directory gives it (R14)."""
    query = select(STAND_IN, ACTOR.c.label).outerjoin(ACTOR, ACTOR.c.number == STAND_IN.c.operator)
    of_mailbox = (STAND_IN.c.uai == uai, STAND_IN.c.kind == StandInKind.MAILBOX.value, STAND_IN.c.until.is_(None))
    row = connection.execute(query.where(*of_mailbox).order_by(STAND_IN.c.id.desc()).limit(1)).one_or_none()
    return stand_in_from(row) if row else None


def _stamp_of(path: Path) -> Stamp | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size
