"""Who acts, from what they say of themselves to an actor of the engine: the door of every entrance (R2 to R5)."""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from sqlalchemy import Connection, bindparam, select

from states.model import Actor
from states.refusals import Reason
from states.validation import clean, fold, fold_mail, name_problem, normalise_uai
from states.vocabulary import Channel, Role
from workflow.database.connection import Database
from workflow.database.tables import ESTABLISHMENT
from workflow.journal.installation import actor_number, known_actor
from workflow.settings.model import Settings

_KNOWN: Final = select(ESTABLISHMENT.c.uai).where(ESTABLISHMENT.c.uai.in_(bindparam("uais", expanding=True)))


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
            "wrong_role", "R2", f"L'action « {action} » n'est pas ouverte au rôle « {actor.role.label} »",
            f"La demander à : {Role.OPERATOR.label}.",
        )  # fmt: skip
        raise NotAllowed(str(reason), (reason,))


class People:
    """Turns a claimed role into an actor, or refuses."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._numbers: dict[str, int] = {}  # once given, a number stays: it is in the journal

    def operator(self, address: str, channel: Channel, *, within: Connection | None = None) -> Actor:
        """An operator of the settings. ``within``: the caller's own transaction, to read in. Raises NotAllowed."""
        allowed = self._settings.people.operators
        return self._listed(Role.OPERATOR, address, allowed, "people.operators", channel, within)

    def reader(self, address: str, channel: Channel, *, within: Connection | None = None) -> Actor:
        """A reader of the settings (R2). ``within`` as above. NotAllowed."""
        return self._listed(Role.READER, address, self._settings.people.readers, "people.readers", channel, within)

    def of_account(self, account: str, channel: Channel) -> Actor:
        """The operator that the settings give to a system account. Raises NotAllowed."""
        address = self._settings.people.operator_of(account)
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
        """The chef, or a deputy, of establishments of the directory (R3, R4). ``within`` as above. NotAllowed."""
        if role not in (Role.CHEF, Role.DEPUTY):
            raise NotAllowed(f"Personne n'agit comme « {role.label} » pour un établissement (R2).")
        wanted, name = sorted({normalise_uai(uai) for uai in uais}), clean(name)
        label = f"{name + ', ' if name else ''}{role.label} ({', '.join(wanted)})"
        key = f"{role.value}:{','.join(wanted)}:{fold(name)}"
        with self._reading(within) as connection:
            known = set(connection.execute(_KNOWN, {"uais": wanted}).scalars())
        unknown = [uai for uai in wanted if uai not in known]
        if unknown or not wanted:
            raise NotAllowed(f"L'UAI {', '.join(unknown) or '(vide)'} n'est pas dans l'annuaire : le vérifier.")
        if name and (problem := name_problem(name)):
            raise NotAllowed(f"Le nom de qui agit {problem}.")
        return Actor(
            role=role, number=self._number(key, label, within), label=label, name=name,
            establishments=frozenset(wanted), channel=channel,
        )  # fmt: skip

    def _number(self, key: str, label: str, within: Connection | None) -> int:
        """The number of an actor in the journal, given at its first appearance."""
        if key not in self._numbers:
            known = known_actor(within, key) if within is not None else None
            self._numbers[key] = actor_number(self._database, key, label) if known is None else known
        return self._numbers[key]

    def _reading(self, within: Connection | None) -> AbstractContextManager[Connection]:
        return nullcontext(within) if within is not None else self._database.read()

    def _listed(
        self, role: Role, address: str, allowed: Iterable[str], setting: str, channel: Channel,
        within: Connection | None,
    ) -> Actor:  # fmt: skip
        folded = fold_mail(address)
        if folded not in {fold_mail(a) for a in allowed}:
            raise NotAllowed(f"« {address} » n'est pas dans le réglage {setting} : l'y ajouter, ou agir autrement.")
        label = f"{folded} ({role.label})"
        key = f"{role.value}:{folded}"
        return Actor(role=role, number=self._number(key, label, within), label=label, channel=channel)
