"""Form fields, described once, shown by a macro and read back with their errors; list filters in addresses."""

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import Enum
from typing import Any, Final, Self, TypeVar
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import URL, FormData

from states.french import parse_day
from states.refusals import Reason, bad_field, bad_mail, date_out_of_bounds
from states.school_calendar import SchoolYear
from states.validation import clean, clean_mail, is_storable, mail_problem, name_problem, storable
from states.vocabulary import Labelled
from workflow.settings.sections import normalise_departement

LONGEST: Final = 2000
"""Characters of a field."""

LONGEST_FILTER: Final = 200

REFERENCE: Final = re.compile(r"ODA-[0-9]{4}-[0-9]{5,9}")
"""A request's reference, as our own pages send it back."""

CURSORS: Final = ("suite", "apres", "avant", "page")
"""The parameters by which an address says where the page of a list begins."""

MOST_PASSED: Final = 40
"""Cursors of an address: those of older pages are let go."""

L = TypeVar("L", bound=Labelled)

_SIX_DIGITS: Final = re.compile("[0-9]{6}")

GIVEN_BACK: Final = "rendu"
"""The field of a form that is given back to who had typed it: it is shown, with what it holds, and does nothing."""

FILE_NAME: Final = "nom-du-fichier"
"""The field of a form given back that holds the name of the file that had been chosen: its person chooses it again."""

NO_SUCH_PAGE = "Cette suite de liste n'existe pas : repartir de la première page."


class Shape(Enum):
    """The look of a field, and the type of its value."""

    TEXT = "text"
    MAIL = "email"
    DAY = "date"
    AREA = "textarea"
    CHOICE = "radio"
    SELECT = "select"
    CHECK = "checkbox"
    CODE = "code"
    DIGITS = "digits"


_NEVER_SHOWN: Final = (Shape.CODE, Shape.DIGITS)
"""Secrets, however they are typed: they are not shown again."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """One datum. ``options``: (value, label) of a choice; ``value`` is proposed; ``autocomplete`` as HTML's:
    with ``off`` a browser would not give back what was typed to who comes back to the page.

    A CODE is never remembered by the browser nor shown again; DIGITS are six, of one use. ``focus``: the page opens
    with the cursor in it. ``first`` and ``last`` bound what a DAY's calendar offers; ``is_name``: the text is a
    person's, ``is_capitals``: it is written in capitals; ``example`` is a good MAIL. The rules judge what was typed.
    """

    name: str
    label: str
    shape: Shape = Shape.TEXT
    hint: str = ""
    required: bool = True
    options: tuple[tuple[str, str], ...] = ()
    value: str = ""
    autocomplete: str = "on"
    missing: str = ""
    focus: bool = False
    first: date | None = None
    last: date | None = None
    is_name: bool = False
    is_capitals: bool = False
    example: str = ""

    def read(self, text: str) -> Any:
        """The value typed: str, date, bool; None when nothing is. Raises ValueError in French."""
        text = without_spaces(text) if self.shape in _NEVER_SHOWN else text.strip()
        if self.shape is Shape.CHECK:
            if self.required and not text:
                raise ValueError(self.missing or "Cocher cette case pour continuer.")
            return bool(text)
        if not text:
            if self.required:
                usual = "Donner une date." if self.shape is Shape.DAY else "Remplir ce champ."
                raise ValueError(self.missing or ("Choisir une réponse." if self.options else usual))
            return None
        if not is_storable(text):
            raise ValueError("Ce texte contient un caractère invisible : le taper de nouveau.")
        if len(text) > LONGEST:
            raise ValueError(f"Texte trop long : {LONGEST} caractères au plus.")
        if self.shape is Shape.DIGITS and not _SIX_DIGITS.fullmatch(text):
            raise ValueError("Taper six chiffres.")
        if self.options and text not in {value for value, _ in self.options}:
            raise ValueError("Choisir une des réponses proposées.")
        if self.shape is not Shape.DAY:
            return text
        try:
            return parse_day(text)
        except ValueError as error:
            raise ValueError(f"{error}.") from None

    def problem_of(self, value: Any) -> str:
        """The refusal that the rules will have for this value by itself; empty for none.

        They are not asked while another field is wrong, and all that is wrong is said at once (R7).
        """
        match self.shape:
            case Shape.DAY if value and ((self.first and value < self.first) or (self.last and value > self.last)):
                return date_out_of_bounds(self.name, self.label, "", self.first, self.last).remedy
            case Shape.MAIL if value:
                problem = mail_problem(clean_mail(value))
                reason = bad_mail(self.name, "L'adresse électronique", problem, self.example) if problem else None
            case Shape.TEXT if value and self.is_name:
                problem = name_problem(clean(value))
                reason = bad_field(self.name, "Ce texte", problem, "") if problem else None
            case _:
                return ""
        return f"{reason.message}. {reason.remedy}" if reason else ""


def without_spaces(text: str) -> str:
    """A code as it was pasted, less the spaces that came with it (R41)."""
    return "".join(text.split())


def new_key() -> str:
    """A key for a form that is shown for the first time."""
    return uuid.uuid4().hex


@dataclass(frozen=True)
class FieldState:
    """A field with its text and its error."""

    field: Field
    text: str = ""
    error: str = ""


@dataclass(frozen=True)
class EarlierSending:
    """The request in which the same form, sent before with other answers, did something; the address of its page."""

    reference: str
    address: str


@dataclass(frozen=True)
class Form:
    """Fields as they are shown. ``values`` are those read, when nothing is wrong; ``reasons`` concern no one field.

    ``key`` makes a form sent twice one action (R10); ``earlier``: it had been sent before, with other answers.
    ``given_back``: it was sent after the end of its session, and is only shown again (R73); ``file_name``: the file
    that was sent with it, which is not kept. ``home``: the side of who reads its reasons, where the requests that they
    name have their pages.
    """

    fields: tuple[FieldState, ...]
    values: Mapping[str, Any] = field(default_factory=dict)
    reasons: tuple[Reason, ...] = ()
    key: str = field(default_factory=new_key)
    earlier: EarlierSending | None = None
    given_back: bool = False
    file_name: str = ""
    home: str = ""

    @property
    def is_right(self) -> bool:
        return not (self.errors or self.reasons or self.earlier or self.given_back)

    @property
    def has_code(self) -> bool:
        """True when something in it is never kept."""
        return any(state.field.shape is Shape.CODE for state in self.fields)

    @property
    def errors(self) -> tuple[FieldState, ...]:
        """The fields with an error, for the summary above the form."""
        return tuple(state for state in self.fields if state.error)

    def __getitem__(self, name: str) -> FieldState:
        return next(state for state in self.fields if state.field.name == name)

    def __contains__(self, name: str) -> bool:
        return any(state.field.name == name for state in self.fields)

    def asking(self, fields: Iterable[Field], reasons: Iterable[Reason]) -> "Form":
        """The same form, with those of ``fields`` that a reason names: they are shown only when needed (R17)."""
        named = {reason.field for reason in reasons}
        added = tuple(FieldState(field) for field in fields if field.name in named and field.name not in self)
        return replace(self, fields=self.fields + added)

    def adding(self, field: Field, text: str, error: str = "") -> "Form":
        """The same form with one more field, and what is in it."""
        return replace(self, fields=(*self.fields, FieldState(field, text, error)))

    def with_values(self, texts: Mapping[str, str]) -> "Form":
        """The same form with these texts in the fields that they name."""
        fields = tuple(replace(state, text=texts.get(state.field.name, state.text)) for state in self.fields)
        return replace(self, fields=fields, values={**self.values, **texts})

    def sent_before(self, earlier: EarlierSending) -> "Form":
        """The same form with what was typed, under a new key, and what its first sending did (R10)."""
        return replace(self, earlier=earlier, key=new_key())

    def refused(self, reasons: Iterable[Reason]) -> "Form":
        """The same form, each reason beside its field, or above the form (R7)."""
        rest = []
        errors: dict[str, str] = {}
        for reason in reasons:
            if reason.field and reason.field in self:
                errors.setdefault(reason.field, f"{reason.message}. {reason.remedy}")
            else:
                rest.append(reason)
        fields = tuple(replace(state, error=errors.get(state.field.name, state.error)) for state in self.fields)
        return replace(self, fields=fields, reasons=tuple(rest))


def blank(fields: Sequence[Field]) -> Form:
    """A form as it is first shown."""
    return Form(tuple(FieldState(field, field.value) for field in fields))


def filled(fields: Sequence[Field], data: FormData) -> Form:
    """A form as it was sent."""
    states, values = [], {}
    given_back = GIVEN_BACK in data
    for field in fields:  # noqa: F402 - the loop's noun
        text = str(data.get(field.name) or "")
        text_again, error = "" if field.shape in _NEVER_SHOWN else storable(text), ""
        try:
            values[field.name] = field.read(text)
        except ValueError as problem:
            error = "" if given_back else str(problem)
        states.append(FieldState(field, text_again, error))
    if any(state.error for state in states):
        states = [
            state if state.error else replace(state, error=state.field.problem_of(values[state.field.name]))
            for state in states
        ]
    key = str(data.get("key") or "")[:64]
    key = key if key.isascii() and key.isalnum() else new_key()
    file_name = storable(str(data.get(FILE_NAME) or "")) if given_back else ""
    return Form(tuple(states), values, key=key, given_back=given_back, file_name=file_name)


def address(path: str, **filters: str | list[str] | None) -> str:
    """The address of a list with its filters, without the empty ones."""
    pairs = {name: value for name, value in filters.items() if value}
    return f"{path}?{urlencode(pairs, doseq=True)}" if pairs else path


@dataclass(frozen=True, slots=True)
class PagesAround:
    """The pages of a list around the one that an address shows, as addresses; None where there is none.

    A list is walked from a cursor to the next, and the address bears those of the pages that were passed, the last of
    which begins this one: so the page before is known. ``number`` is this page's; None after ``MOST_PASSED``.
    """

    first: str | None
    before: str | None
    after: str | None
    number: int | None

    @classmethod
    def of(cls, url: URL, more: str | None) -> Self:
        """``more``: the address of the page that follows, with its cursor alone."""
        pairs = parse_qsl(url.query)
        passed = [value for name, value in pairs if name in CURSORS]
        filters = [pair for pair in pairs if pair[0] not in CURSORS]
        cursor = next((name for name, _ in pairs if name in CURSORS), CURSORS[0])

        def at(cursors: Sequence[str]) -> str:
            query = urlencode([*filters, *((cursor, value) for value in cursors)])
            return f"{url.path}?{query}" if query else url.path

        after = None
        if more:
            path, _, query = more.partition("?")
            following = parse_qsl(query)
            name = next(name for name, _ in following if name in CURSORS)
            others = [pair for pair in following if pair[0] != name]
            cursors = [*passed, *(value for other, value in following if other == name)][-MOST_PASSED:]
            after = f"{path}?{urlencode([*others, *((name, value) for value in cursors)])}"
        return cls(
            first=at(()) if len(passed) > 1 else None, before=at(passed[:-1]) if passed else None, after=after,
            number=len(passed) + 1 if len(passed) < MOST_PASSED else None,
        )  # fmt: skip


def list_problem(error: ValueError, cursor: str) -> str:
    """Say what is wrong with the address of a list: its cursor when it has one, else one of its filters."""
    return NO_SUCH_PAGE if cursor else str(error)


def member_of(values: type[L], text: str) -> L | None:
    """A member by its stored value, None for nothing. Raises ValueError in French."""
    if not text:
        return None
    member = next((member for member in values if member.value == text), None)
    if member is None:
        raise ValueError(f"« {text[:30]} » n'est pas un choix de cette liste : choisir dans la liste.")
    return member


def options_of(values: type[L]) -> list[tuple[str, str]]:
    """The choices of a closed list, each with its label."""
    return [(member.value, member.label) for member in values]


def choices(values: Iterable[Labelled]) -> tuple[tuple[str, str], ...]:
    """A closed list as the options of a field, each label with a capital."""
    return tuple((member.value, member.label[:1].upper() + member.label[1:]) for member in values)


def departement_of(text: str) -> str:
    """``31``, ``2A``, or nothing. Raises ValueError in French."""
    if not text.strip():
        return ""
    try:
        return normalise_departement(text[:LONGEST_FILTER])
    except ValueError as error:
        raise ValueError(f"{error} : écrire par exemple 09, 31, 2A ou 974.") from None


def year_of(text: str) -> SchoolYear | None:
    """``2026-2027``, or nothing. Raises ValueError in French."""
    try:
        return SchoolYear.parse(text) if text.strip() else None
    except ValueError as error:
        raise ValueError(f"{error}.") from None
