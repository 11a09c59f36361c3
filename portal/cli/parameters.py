"""Click's own kinds of value, refusing in French."""

import os
from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import click

from states.french import parse_day
from states.vocabulary import Labelled

if TYPE_CHECKING:
    from states.school_calendar import SchoolYear


_PATH_CHECKS = (
    "exists", "file_okay", "dir_okay", "writable", "readable", "resolve_path", "allow_dash", "executable",
)  # fmt: skip


LARGEST = 2**31 - 1
"""What an integer column holds on every database."""


_SILENT = (click.types.BoolParamType, click.types.UnprocessedParamType)


class Choice(click.Choice[str]):
    """One of a few words that belong to no vocabulary, such as the format of an export."""

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str:  # noqa: ARG002
        return f"Valeurs possibles : {', '.join(self.choices)}."

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:  # noqa: ARG002
        return f"« {value} » n'est pas accepté. Valeurs possibles : {', '.join(self.choices)}."


class Text(click.types.StringParamType):
    """Any text."""

    name = "texte"


class Integer(click.IntRange):
    """A whole number, between bounds when there are some."""

    name = "nombre"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        shown = f"« {value} »"
        try:
            number = int(value)
        except (TypeError, ValueError):
            self.fail(f"{shown} n'est pas un nombre entier.", param, ctx)
        if abs(number) > LARGEST:
            self.fail(f"{shown} est trop grand.", param, ctx)
        try:
            return super().convert(number, param, ctx)
        except click.BadParameter:
            self.fail(f"{shown} est hors limites : il faut {self.bounds}.", param, ctx)

    @property
    def bounds(self) -> str:
        """The bounds in words; empty when there are none."""
        low = "" if self.min is None else f"{'plus de' if self.min_open else 'au moins'} {self.min}"
        high = "" if self.max is None else f"{'moins de' if self.max_open else 'au plus'} {self.max}"
        return " et ".join(word for word in (low, high) if word)


class FilePath(click.Path):
    """A path, checked as its options ask."""

    def __init__(self, **checks: Any) -> None:
        super().__init__(**checks)
        self.name = "répertoire" if not self.file_okay else "chemin" if self.dir_okay else "fichier"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not str(value):  # an unset variable of a script; Path("") would be the current folder
            self.fail("le chemin est vide.", param, ctx)
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"« {value} » {self._problem(str(value))}.", param, ctx)

    def _problem(self, path: str) -> str:
        if not os.path.exists(path):
            return "est introuvable"
        if os.path.isdir(path) and not self.dir_okay:
            return "est un répertoire, il faut un fichier"
        if not os.path.isdir(path) and not self.file_okay:
            return "est un fichier, il faut un répertoire"
        if self.readable and not os.access(path, os.R_OK):
            return "ne peut pas être lu (droits insuffisants)"
        if self.writable and not os.access(path, os.W_OK):
            return "ne peut pas être modifié (droits insuffisants)"
        return "ne peut pas être exécuté (droits insuffisants)"


def in_french(kind: click.ParamType[Any]) -> click.ParamType[Any]:
    """The French counterpart of one of click's own types; any other type as it is.

    Raises TypeError for one of click's types that has no counterpart here and would refuse in English.
    """
    if isinstance(kind, Choice | Integer | FilePath | Text):
        return kind
    match kind:
        case click.types.StringParamType():
            return Text()
        case click.IntRange():
            return Integer(kind.min, kind.max, kind.min_open, kind.max_open, kind.clamp)
        case click.types.IntParamType():
            return Integer()
        case click.Choice():
            return Choice([str(choice) for choice in kind.choices], kind.case_sensitive)
        case click.Path():
            return FilePath(**{name: getattr(kind, name) for name in _PATH_CHECKS}, path_type=kind.type)
    if type(kind).__module__ == click.types.__name__ and not isinstance(kind, _SILENT):
        raise TypeError(f"{kind!r} refuses in English: use a type of portal.cli.click_french")
    return kind


# The field's own kinds of value on the command line, each refusing in French what it cannot read.


L = TypeVar("L", bound=Labelled)


def spelling(value: str) -> str:
    """A stored value as it is typed: ``code_issued`` is ``code-issued``."""
    return value.replace("_", "-")


class LabelledChoice(click.ParamType[L], Generic[L]):
    """A closed list of the vocabulary: the stored value is typed, with ``-`` or ``_``, in any case.

    ``members`` narrows the list to some members; the help shows each value beside its French label.
    """

    name = "choix"

    def __init__(self, labelled: type[L], members: Iterable[L] | None = None) -> None:
        self.members: tuple[L, ...] = tuple(labelled if members is None else members)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> L:
        wanted = str(value).strip().casefold().replace("-", "_")
        found = next((member for member in self.members if member.value == wanted), None)
        if found is None:
            self.fail(f"« {value} » n'est pas accepté. {self.possibilities()}", param, ctx)
        return found

    def possibilities(self) -> str:
        """The sentence that lists what can be typed."""
        return "Valeurs possibles : " + ", ".join(f"{spelling(m)} ({m.label})" for m in self.members) + "."

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str:  # noqa: ARG002
        return self.possibilities()


class Day(click.ParamType[date]):
    """A calendar day, ``14/09/2026`` or ``2026-09-14``, between two bounds when they are given."""

    name = "date"

    def __init__(self, first: date = date.min, last: date = date.max) -> None:
        self.first, self.last = first, last

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            found = parse_day(str(value))
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)
        if not self.first <= found <= self.last:
            bounds = f"du {self.first:%d/%m/%Y} au {self.last:%d/%m/%Y}"
            self.fail(f"« {value} » est hors limites : il faut un jour {bounds}.", param, ctx)
        return found


class Year(click.ParamType["SchoolYear"]):
    """A school year, ``2026-2027``."""

    name = "année"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> "SchoolYear":
        from states.school_calendar import SchoolYear

        if isinstance(value, SchoolYear):
            return value
        try:
            return SchoolYear.parse(str(value))
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)


class Uai(click.ParamType[str]):
    """An establishment's UAI, put in its stored form and not judged: the directory says whether it exists (R11)."""

    name = "uai"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002
        from states.validation import normalise_uai

        return normalise_uai(str(value))
