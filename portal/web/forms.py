"""A form's fields: described once, shown by a macro, read back with errors that stand beside their field."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import Enum
from typing import Any, TypeVar
from urllib.parse import urlencode

from starlette.datastructures import FormData

from states.french import parse_day
from states.refusals import Reason
from states.school_calendar import SchoolYear
from states.validation import is_storable, storable
from states.vocabulary import Labelled
from workflow.settings.sections import normalise_departement

LONGEST = 2000


class Shape(Enum):
    """How a field looks and what it gives."""

    TEXT = "text"
    MAIL = "email"
    DAY = "date"
    AREA = "textarea"
    CHOICE = "radio"
    SELECT = "select"
    CHECK = "checkbox"
    CODE = "code"


@dataclass(frozen=True, kw_only=True)
class Field:
    """One datum. ``options``: (value, label) of a choice; ``value``: what is proposed; ``autocomplete`` as HTML's.

    A CODE is never remembered by the browser nor shown again. ``focus``: what the page is for, typed at once.
    ``first`` and ``last`` bound what a DAY's calendar offers; the rules judge what was typed.
    """

    name: str
    label: str
    shape: Shape = Shape.TEXT
    hint: str = ""
    required: bool = True
    options: tuple[tuple[str, str], ...] = ()
    value: str = ""
    autocomplete: str = "off"
    missing: str = ""
    focus: bool = False
    first: date | None = None
    last: date | None = None

    def read(self, text: str) -> Any:
        """The value typed: str, date, bool; None when nothing is. Raises ValueError in French."""
        text = text.strip()
        if self.shape is Shape.CHECK:
            if self.required and not text:
                raise ValueError(self.missing or "Cocher cette case pour continuer.")
            return bool(text)
        if not text:
            if self.required:
                raise ValueError(self.missing or self._missing())
            return None
        if not is_storable(text):
            raise ValueError("Ce texte contient un caractère invisible : le taper de nouveau.")
        if len(text) > LONGEST:
            raise ValueError(f"Texte trop long : {LONGEST} caractères au plus.")
        if self.options and text not in {value for value, _ in self.options}:
            raise ValueError("Choisir une des réponses proposées.")
        return self._day(text) if self.shape is Shape.DAY else text

    def _missing(self) -> str:
        if self.options:
            return "Choisir une réponse."
        return "Donner une date." if self.shape is Shape.DAY else "Remplir ce champ."

    @staticmethod
    def _day(text: str) -> date:
        try:
            return parse_day(text)
        except ValueError as error:
            raise ValueError(f"{error}.") from None


@dataclass(frozen=True)
class Shown:
    """A field with what stands in it and what is wrong with it."""

    field: Field
    text: str = ""
    error: str = ""


@dataclass(frozen=True)
class Form:
    """Fields as they are shown. ``values`` are those read, when nothing is wrong; ``reasons`` tell of no one field.

    ``key`` makes a form sent twice one action (R10).
    """

    shown: tuple[Shown, ...]
    values: Mapping[str, Any] = field(default_factory=dict)
    reasons: tuple[Reason, ...] = ()
    key: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def is_right(self) -> bool:
        return not self.errors and not self.reasons

    @property
    def errors(self) -> tuple[Shown, ...]:
        """The fields with something wrong, for the summary above the form."""
        return tuple(one for one in self.shown if one.error)

    def __getitem__(self, name: str) -> Shown:
        return next(one for one in self.shown if one.field.name == name)

    def __contains__(self, name: str) -> bool:
        return any(one.field.name == name for one in self.shown)

    def asking(self, fields: Iterable[Field], reasons: Iterable[Reason]) -> "Form":
        """The same form, with those of ``fields`` that a reason names: what is asked only when it is needed (R17)."""
        named = {reason.field for reason in reasons}
        more = tuple(Shown(one) for one in fields if one.name in named and one.name not in self)
        return replace(self, shown=self.shown + more)

    def refused(self, reasons: Iterable[Reason]) -> "Form":
        """The same form, each reason beside its field, or above the form (R7)."""
        rest = []
        errors: dict[str, str] = {}
        for reason in reasons:
            if reason.field and reason.field in self:
                errors.setdefault(reason.field, f"{reason.message}. {reason.remedy}")
            else:
                rest.append(reason)
        shown = tuple(replace(one, error=errors.get(one.field.name, one.error)) for one in self.shown)
        return replace(self, shown=shown, reasons=tuple(rest))


def blank(fields: Sequence[Field]) -> Form:
    """A form as it is first shown."""
    return Form(tuple(Shown(one, one.value) for one in fields))


def filled(fields: Sequence[Field], data: FormData) -> Form:
    """A form as it was sent."""
    shown, values = [], {}
    for one in fields:
        text = str(data.get(one.name) or "")
        again = "" if one.shape is Shape.CODE else storable(text)
        try:
            values[one.name] = one.read(text)
            shown.append(Shown(one, again))
        except ValueError as error:
            shown.append(Shown(one, again, str(error)))
    key = str(data.get("key") or "")[:64]
    return Form(tuple(shown), values, key=key if key.isascii() and key.isalnum() else uuid.uuid4().hex)


# What narrows a list, read from the address and written back to it, so that it can be kept and sent.


L = TypeVar("L", bound=Labelled)


LONGEST_NARROWING = 200


def address(path: str, **wanted: str | list[str] | None) -> str:
    """The address of a list; what is empty is left out."""
    pairs = {name: value for name, value in wanted.items() if value}
    return f"{path}?{urlencode(pairs, doseq=True)}" if pairs else path


def member_of(values: type[L], text: str) -> L | None:
    """A member by its stored value, None for nothing. Raises ValueError in French."""
    if not text:
        return None
    found = next((one for one in values if one.value == text), None)
    if found is None:
        raise ValueError(f"« {text[:30]} » n'est pas un choix de cette liste : choisir dans la liste.")
    return found


def options_of(values: type[L]) -> list[tuple[str, str]]:
    """The choices of a closed list, each with its label."""
    return [(one.value, one.label) for one in values]


def choices(values: type[Labelled]) -> tuple[tuple[str, str], ...]:
    """A closed list as the options of a field, each label with a capital."""
    return tuple((member.value, member.label[:1].upper() + member.label[1:]) for member in values)


def departement_of(text: str) -> str:
    """``31``, ``2A``, or nothing. Raises ValueError in French."""
    if not text.strip():
        return ""
    try:
        return normalise_departement(text[:LONGEST_NARROWING])
    except ValueError as error:
        raise ValueError(f"{error} : écrire par exemple 09, 31, 2A ou 974.") from None


def year_of(text: str) -> SchoolYear | None:
    """``2026-2027``, or nothing. Raises ValueError in French."""
    try:
        return SchoolYear.parse(text) if text.strip() else None
    except ValueError as error:
        raise ValueError(f"{error}.") from None
