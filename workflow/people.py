"""Who acts, from what they say of themselves to an actor of the engine: the door of every entrance (R2 to R5)."""

from collections.abc import Iterable

from sqlalchemy import select

from states.actors import Actor
from states.vocabulary import Channel, Role
from states.words import clean, fold, fold_mail, name_problem, normalise_uai
from workflow.database import Database
from workflow.installation import actor_number
from workflow.rows import ESTABLISHMENT
from workflow.settings import Settings


class NotAllowed(Exception):
    """Somebody who may not enter, with the French sentence that tells what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class People:
    """Turns a claimed role into an actor, or refuses."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database

    def operator(self, address: str, channel: Channel) -> Actor:
        """An operator of the settings. Raises NotAllowed."""
        return self._listed(Role.OPERATOR, address, self._settings.people.operators, "people.operators", channel)

    def reader(self, address: str, channel: Channel) -> Actor:
        """A reader of the settings (R2). Raises NotAllowed."""
        return self._listed(Role.READER, address, self._settings.people.readers, "people.readers", channel)

    def of_account(self, account: str, channel: Channel) -> Actor:
        """The operator that the settings give to a system account. Raises NotAllowed."""
        address = self._settings.people.operator_of(account)
        if address is None:
            raise NotAllowed(
                f"Qui agit ? Le compte « {account} » n'a pas d'opérateur (réglage people.accounts)."
                " Ajouter --as operator:ADRESSE ou --as chef:UAI."
            )
        return self.operator(address, channel)

    def chef(self, uais: Iterable[str], channel: Channel, *, name: str = "", role: Role = Role.CHEF) -> Actor:
        """The chef, or a deputy, of establishments of the directory (R3, R4). Raises NotAllowed."""
        wanted = sorted({normalise_uai(uai) for uai in uais})
        with self._database.read() as connection:
            query = select(ESTABLISHMENT.c.uai).where(ESTABLISHMENT.c.uai.in_(wanted))
            known = set(connection.execute(query).scalars())
        unknown = [uai for uai in wanted if uai not in known]
        if unknown or not wanted:
            raise NotAllowed(f"L'UAI {', '.join(unknown) or '(vide)'} n'est pas dans l'annuaire : le vérifier.")
        name = clean(name)
        if name and (problem := name_problem(name)):
            raise NotAllowed(f"Le nom de qui agit {problem}.")
        label = f"{name + ', ' if name else ''}{role.label} ({', '.join(wanted)})"
        key = f"{role.value}:{','.join(wanted)}:{fold(name)}"
        return Actor(
            role=role, number=actor_number(self._database, key, label), label=label, name=name,
            establishments=frozenset(wanted), channel=channel,
        )  # fmt: skip

    def _listed(self, role: Role, address: str, allowed: Iterable[str], setting: str, channel: Channel) -> Actor:
        folded = fold_mail(address)
        if folded not in {fold_mail(a) for a in allowed}:
            raise NotAllowed(f"« {address} » n'est pas dans le réglage {setting} : l'y ajouter, ou agir autrement.")
        label = f"{folded} ({role.label})"
        number = actor_number(self._database, f"{role.value}:{folded}", label)
        return Actor(role=role, number=number, label=label, channel=channel)
