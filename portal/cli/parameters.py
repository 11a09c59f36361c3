"""Types of parameters that click does not have; each refuses a wrong value in French."""

from collections.abc import Callable, Iterable
from datetime import date
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import click

from states.french import parse_day
from states.vocabulary import Labelled

if TYPE_CHECKING:
    from states.school_calendar import SchoolYear

ROW_NUMBER = click.IntRange(1, 2**31 - 1)
"""A row's number, at most what an integer column holds on every database."""


class FilePath(click.Path):
    """A path that is not empty: with an unset variable in a script, ``Path("")`` would be the current folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not str(value):
            self.fail("le chemin est vide.", param, ctx)
        return super().convert(value, param, ctx)


C = TypeVar("C", bound=Callable[..., Any] | click.Command)
L = TypeVar("L", bound=Labelled)


def spelling(value: str) -> str:
    """Return a stored value as it is typed: ``code-issued`` for ``code_issued``."""
    return value.replace("_", "-")


class LabelledChoice(click.ParamType[L], Generic[L]):
    """A closed list of the vocabulary: the stored value is typed, with ``-`` or ``_``, in any case.

    ``members`` narrows the list to some members.
    """

    name = "choix"

    def __init__(self, labelled: type[L], members: Iterable[L] | None = None) -> None:
        self.members: tuple[L, ...] = tuple(labelled if members is None else members)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> L:
        stored = str(value).strip().casefold().replace("-", "_")
        member = next((member for member in self.members if member.value == stored), None)
        if member is None:
            self.fail(f"« {value} » n'est pas accepté. {self.possibilities}", param, ctx)
        return member

    @property
    def possibilities(self) -> str:
        """The sentence that lists what can be typed."""
        return "Valeurs possibles : " + ", ".join(f"{spelling(m)} ({m.label})" for m in self.members) + "."

    @property
    def paragraph(self) -> str:
        """The end of a parameter's help: each value beside its French label."""
        return "\n\n\b\n" + "\n".join(f"{spelling(member)} : {member.label}" for member in self.members)

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str:  # noqa: ARG002
        return self.possibilities


class _LabelledOption(click.Option):
    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        record = super().get_help_record(ctx)
        return record and (record[0], record[1] + cast("LabelledChoice[Any]", self.type).paragraph)


def labelled_option(labelled: type[Labelled], *names: str, **attributes: Any) -> Callable[[C], C]:
    """An option whose value is a member of ``labelled``; its help lists the members."""
    return click.option(*names, cls=_LabelledOption, type=LabelledChoice(labelled), **attributes)


class Day(click.ParamType[date]):
    """A calendar day, ``14/09/2026`` or ``2026-09-14``, between two bounds when they are given."""

    name = "date"

    def __init__(self, first: date = date.min, last: date = date.max) -> None:
        self.first, self.last = first, last

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            day = parse_day(str(value))
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)
        if not self.first <= day <= self.last:
            bounds = f"du {self.first:%d/%m/%Y} au {self.last:%d/%m/%Y}"
            self.fail(f"« {value} » est hors limites : il faut un jour {bounds}.", param, ctx)
        return day


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
    """An establishment's UAI in its stored form; the directory checks later that it exists (R11)."""

    name = "uai"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002
        from states.validation import normalise_uai

        return normalise_uai(str(value))
