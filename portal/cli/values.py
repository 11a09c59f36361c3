"""The field's own kinds of value on the command line, each refusing in French what it cannot read."""

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import click

from portal.days import parse_day
from states.vocabulary import Labelled

if TYPE_CHECKING:
    from states.school_year import SchoolYear

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
        from states.school_year import SchoolYear

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
        from states.words import normalise_uai

        return normalise_uai(str(value))
