"""The fields of the establishment's steps: one datum each, described once for every page that asks it."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from portal.web.actions.model import Asked
from portal.web.forms import Field, Shape
from portal.web.installed import Installed
from states.facts import Request
from states.school_year import LATE_DECLARATION_DAYS, SchoolYear
from states.vocabulary import KEY_CHANGES, Change, WithdrawReason

WHY: Final = "Cette délégation est indispensable pour administrer les comptes EduConnect des parents."
"""The reason proposed, to be edited (R26)."""
NO_NAME: Final = "Sans nom ni donnée de santé."
HOMONYM: Final = Field(
    name="homonym_confirmed", label="C'est une autre personne, qui porte les mêmes nom et prénom", shape=Shape.CHECK,
    required=False,
)  # fmt: skip
"""Asked only of who meets a homonym (R17)."""

_CHANGES: Final = {
    Change.MISSION: "Sa mission change : il ou elle n'est plus RUPN",
    Change.DEPARTURE: "Il ou elle quitte l'établissement",
    Change.ABSENCE: "Il ou elle s'absente durablement",
    Change.KEY_LOST: "La clé est perdue",
    Change.KEY_COMPROMISED: "Quelqu'un d'autre a pu se servir de la clé, ou en connaît le code PIN",
}


def identity(request: Request | None = None) -> list[Field]:
    """Who the RUPN is (R16)."""
    nom, prenom, mail = (request.nom, request.prenom, request.mail) if request else ("", "", "")
    return [
        Field(name="prenom", label="Prénom du RUPN", value=prenom),
        Field(name="nom", label="Nom du RUPN", value=nom),
        Field(
            name="mail", label="Adresse électronique professionnelle du RUPN", shape=Shape.MAIL, value=mail,
            hint="Par exemple prenom.nom@ac-academie.fr",
        ),
    ]  # fmt: skip


def school_year(here: Installed) -> list[Field]:
    """Which year, asked only when two are open; the later one is proposed (R20)."""
    house = here.house
    years = house.policy.calendar.open_years(house.clock.now())
    if len(years) < 2:
        return []
    options = tuple((str(year), f"{year}{_late(here, year)}") for year in years)
    return [
        Field(
            name="school_year", label="Année scolaire", shape=Shape.SELECT, options=options, value=str(years[-1])
        )
    ]  # fmt: skip


def _late(here: Installed, year: SchoolYear) -> str:
    """A year that is about to end is not worth a key (R21)."""
    return " (elle finit bientôt : la clé servira peu)" if ends_soon(here, year) else ""


def ends_soon(here: Installed, year: SchoolYear) -> bool:
    """Whether less than 30 days are left (R21)."""
    return (here.house.policy.calendar.end_of(year).last_day - here.pages.today()).days < LATE_DECLARATION_DAYS


def drane(here: Installed, today: date, request: Request | None = None) -> list[Field]:
    """When the RUPN was declared to the DRANE, unless the rectorat does it (R25)."""
    if here.house.settings.drane.declaration == "sent_by_us":
        return []
    known = request.drane_declared_on if request else None
    return [
        Field(
            name="drane_declared_on", label="Déclaré à la DRANE le", shape=Shape.DAY, required=False, last=today,
            hint="Jour de la déclaration dans l'application de la DRANE ; laisser vide si elle reste à faire.",
            value=known.isoformat() if known else "",
        )
    ]  # fmt: skip


def why(proposed: str = "") -> Field:
    """Why the delegation is indispensable (R26)."""
    hint = f"Une phrase est proposée : la garder ou la changer. {NO_NAME}"
    label = "Pourquoi cette délégation est indispensable"
    return Field(name="why", label=label, shape=Shape.AREA, hint=hint, value=proposed or WHY)


def made_on(today: date, first: date | None = None, value: date | None = None) -> Field:
    """When the delegation was made in DelegCE (R26)."""
    return Field(
        name="made_on", label="Délégation faite dans DelegCE le", shape=Shape.DAY, first=first, last=today,
        hint="Le jour où vous avez délégué le module dans DelegCE.", value=value.isoformat() if value else "",
    )  # fmt: skip


def signed_on(today: date, first: date | None = None, value: date | None = None) -> Field:
    """When the charter was signed (R27)."""
    return Field(
        name="signed_on", label="Charte signée par le RUPN le", shape=Shape.DAY, first=first, last=today,
        hint="La date écrite à côté de sa signature.", value=value.isoformat() if value else "",
    )  # fmt: skip


def handed_on(asked: Asked) -> Sequence[Field]:
    """When the code was handed over (R31); today is proposed, and shown."""
    issued = asked.view.request.code_issued_at
    first = asked.here.house.policy.calendar.today(issued) if issued else None
    return [
        Field(
            name="handed_on", label="Code remis en main propre le", shape=Shape.DAY, first=first, last=asked.today,
            value=asked.today.isoformat(), hint="Aujourd'hui est proposé : corriger si c'était un autre jour.",
        )
    ]  # fmt: skip


def change(asked: Asked) -> Sequence[Field]:
    """What changes, and from when (R32); an operator may note what he was told."""
    possible = [one for one in Change if asked.view.request.has_key or one not in KEY_CHANGES]
    fields = [
        Field(
            name="change", label="Que se passe-t-il ?", shape=Shape.CHOICE,
            options=tuple((one.value, _CHANGES[one]) for one in possible),
        ),
        Field(
            name="effective_on", label="À partir de quel jour ?", shape=Shape.DAY,
            hint="Un jour passé, aujourd'hui, ou un jour à venir.",
        ),
    ]  # fmt: skip
    if asked.visitor.is_rectorat:
        fields.append(Field(name="note", label="Précision", shape=Shape.AREA, required=False, hint=NO_NAME))
    return fields


def withdrawal(_: Asked) -> Sequence[Field]:
    """Why the request is given up (R30)."""
    return [
        Field(
            name="reason", label="Pourquoi abandonner cette demande ?", shape=Shape.CHOICE,
            options=tuple((one.value, one.label.capitalize()) for one in WithdrawReason),
        ),
        Field(
            name="note", label="Précision", shape=Shape.AREA, required=False,
            hint=f"Nécessaire seulement avec « autre raison ». {NO_NAME}",
        ),
    ]  # fmt: skip
