"""Resolve a claimed role (settings, directory) to an Actor, or refuse (R2 to R5)."""

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, or_, select

from notifications.ports import Clock
from states.characters import fold
from states.model import Actor
from states.refusals import Reason
from states.validation import clean, fold_mail, name_problem, normalise_uai
from states.vocabulary import Channel, Role
from workflow.database.access_tables import SUBSTITUTION
from workflow.database.connection import Database
from workflow.database.tables import ESTABLISHMENT, REQUEST, STAND_IN
from workflow.journal.chain import JournalHasher
from workflow.journal.installation import actor_number, known_actor
from workflow.settings.loader import CurrentPeople

_KNOWN_UAIS: Final = select(ESTABLISHMENT.c.uai).where(ESTABLISHMENT.c.uai.in_(bindparam("uais", expanding=True)))


_RUPN: Final = "le RUPN"
"""Every RUPN is called so: whose request it is tells who."""


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
        bears = select(REQUEST.c.reference).where(REQUEST.c.folded_mail == folded).limit(1)
        with nullcontext(within) if within is not None else self._database.read() as connection:
            is_known = bool(folded) and connection.execute(bears).first() is not None
        if not (is_known and self.rupn_may_enter):
            raise NotAllowed("Aucune demande ne porte cette adresse.")
        number = self._number(self.rupn_key(folded), _RUPN, within)
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
        label = f"{own} ({Role.OPERATOR.label}, en suppléance de {of})"
        number = self._number(f"operator:{own}>{of}", label, None)
        persons = [self._number(f"operator:{one}", f"{one} ({Role.OPERATOR.label})", None) for one in (own, of)]
        counts_as = frozenset(persons) | self._substitution_numbers(own) | self._substitution_numbers(of)
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
        label = f"{own.label}, en suppléance de {name} ({uai})"
        number = self._number(f"chef:{uai}:{fold(own_name)}>{fold(name)}", label, None)
        with self._database.read() as connection:
            in_force = or_(STAND_IN.c.until.is_(None), STAND_IN.c.until > now)
            query = select(STAND_IN.c.operator).where(STAND_IN.c.uai.in_(list(own_uais)), in_force)
            counts_as = frozenset(connection.execute(query).scalars())
        return Actor(
            role=Role.CHEF, number=number, label=label, name=own.name, establishments=frozenset({uai}),
            channel=channel, in_stead_of=name, counts_as=counts_as,
        )  # fmt: skip

    def _substitution_numbers(self, address: str, within: Connection | None = None) -> frozenset[int]:
        """The numbers under which this person substituted, or was substituted, as an operator (R6, R114)."""
        is_theirs = or_(SUBSTITUTION.c.giver == address, SUBSTITUTION.c.substitute == address)
        query = select(SUBSTITUTION.c.actor).where(is_theirs, SUBSTITUTION.c.actor.is_not(None))
        with nullcontext(within) if within is not None else self._database.read() as connection:
            return frozenset(connection.execute(query).scalars())

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
            role=role, number=self._new_number(key, label) if number is None else number, label=label,
            name=name, establishments=frozenset(uais), channel=channel,
        )  # fmt: skip

    def _of_settings(self, role: Role, address: str, channel: Channel, within: Connection | None) -> Actor:
        folded = fold_mail(address)
        if not self.has(role, address):
            raise NotAllowed(
                f"« {address} » n'est pas dans le réglage people.{role.value}s : l'y ajouter, ou agir autrement."
            )
        label = f"{folded} ({role.label})"
        number = self._number(f"{role.value}:{folded}", label, within)
        counts_as = self._substitution_numbers(folded, within) if role is Role.OPERATOR else frozenset()
        return Actor(role=role, number=number, label=label, channel=channel, counts_as=counts_as)

    def _number(self, key: str, label: str, within: Connection | None) -> int:
        """Return the number of an actor in the journal, given at its first appearance.

        It is read each time: a database that was restored has given another one since, or has given it to another.
        """
        known = known_actor(within, key) if within is not None else None
        return self._new_number(key, label) if known is None else known

    def _new_number(self, key: str, label: str) -> int:
        return actor_number(self._database, self._hasher, self._clock, key, label)
