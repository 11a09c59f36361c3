"""The context of a command: the settings, the person who acts, the opened app or database, the types of parameters.

The types are those that click does not have; each refuses a wrong value in French.
"""

import getpass
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import click

from portal.cli.errors import writing
from states.french import parse_day
from states.vocabulary import Channel, Labelled, Role

if TYPE_CHECKING:
    from states.model import Actor
    from states.school_calendar import SchoolYear
    from workflow.app import App
    from workflow.auth.actors import People
    from workflow.database.connection import Database
    from workflow.settings.model import Settings

FORMS = "operator:ADRESSE, chef:UAI[,UAI], adjoint:UAI[,UAI] ou lecteur:ADRESSE"

_ROLES = {
    "operator": Role.OPERATOR,
    "chef": Role.CHEF,
    "adjoint": Role.DEPUTY,
    "lecteur": Role.READER,
    "reader": Role.READER,
}

ROW_NUMBER = click.IntRange(1, 2**31 - 1)
"""A row's number, at most what an integer column holds on every database."""

C = TypeVar("C", bound=Callable[..., Any] | click.Command)
L = TypeVar("L", bound=Labelled)


@dataclass(frozen=True, slots=True)
class ActorSpec:
    """The value of ``--as``: the address of an operator or a reader, or the UAI of a chef or an adjoint (R2, R3)."""

    role: Role
    value: tuple[str, ...]


def parse_actor_spec(text: str) -> ActorSpec:
    """Read ``operator:ADDRESS``, ``chef:UAI[,UAI]``, ``adjoint:UAI[,UAI]``, ``lecteur:ADDRESS`` or ``reader:``.

    It does not check that the person exists. Raises ValueError, in French, on anything else.
    """
    from states.validation import clean_mail, has_uai_form, mail_problem, normalise_uai

    role_name, _, rest = text.partition(":")
    role = _ROLES.get(role_name.strip().casefold())
    if role is None or not rest.strip():
        raise ValueError(f"« {text} » ne dit pas qui agit. Formes possibles : {FORMS}.")
    if role in (Role.OPERATOR, Role.READER):
        address = clean_mail(rest)
        problem = mail_problem(address)
        if problem:
            raise ValueError(f"« {address} » {problem}. Formes possibles : {FORMS}.")
        return ActorSpec(role, (address,))
    numbers = tuple(dict.fromkeys(normalise_uai(number) for number in rest.split(",")))
    invalid = next((number for number in numbers if not has_uai_form(number)), None)
    if invalid is not None:
        raise ValueError(f"« {invalid} » n'est pas un UAI (7 chiffres et une lettre). Formes possibles : {FORMS}.")
    return ActorSpec(role, numbers)


class ActorSpecType(click.ParamType[ActorSpec]):
    """The type of ``--as``."""

    name = "qui"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ActorSpec:
        if isinstance(value, ActorSpec):
            return value
        try:
            return parse_actor_spec(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@dataclass
class CliContext:
    """The command's context, found in ``ctx.obj`` and passed by ``@pass_cli_context``.

    ``config`` None means the usual settings' file, ``acting_as`` None the operator whom the settings name.
    """

    config: Path | None = None
    acting_as: ActorSpec | None = None
    _settings: "Settings | None" = field(default=None, init=False, repr=False)

    def settings(self) -> "Settings":
        """The académie's settings, read at the first call. Raises ``workflow.settings.SettingsError``."""
        if self._settings is None:
            from workflow.settings.loader import find_settings, load_settings

            path = None if self.config is None else str(self.config)
            self._settings = load_settings(find_settings(path, os.environ), os.environ)
        return self._settings


pass_cli_context = click.make_pass_decorator(CliContext)


@contextmanager
def opened(context: CliContext, name: str = "") -> "Iterator[tuple[App, Actor]]":
    """The app of the settings and the person who acts: ``--as``, else the system account's operator (R2).

    ``name`` is the name that a chef or a deputy gives (R37). Every connection is closed at the end. Raises, among the
    errors that ``portal.cli.errors`` translates: SettingsError, SecretError, SharedFile, SchemaBehind, SchemaAhead,
    NotInstalled, OtherInstallation, DatabaseBusy, DatabaseUnreachable, NotAllowed.
    """
    settings = context.settings()  # first: a fault in them is reported before the engine is imported
    from workflow.app import bootstrap, open_database

    with ExitStack() as closing:
        database = open_database(settings, os.environ)
        closing.callback(database.dispose)  # also when the installation is not fit for use
        app = bootstrap(settings, os.environ, database=database, lazy=True)
        closing.callback(app.close)
        yield app, _find_actor(app.people, context.acting_as, name)


def _find_actor(people: "People", spec: ActorSpec | None, name: str = "") -> "Actor":
    """The actor named by ``spec``, or the system account's. Raises ``workflow.auth.actors.NotAllowed``."""
    if spec is None:
        return people.of_account(_account(), Channel.CLI)
    if spec.role is Role.OPERATOR:
        return people.operator(spec.value[0], Channel.CLI)
    if spec.role is Role.READER:
        return people.reader(spec.value[0], Channel.CLI)
    return people.chef(spec.value, Channel.CLI, name=name, role=spec.role)


def own_address(context: CliContext) -> str:
    """The address of the operator or reader who acts; the account has one once ``opened`` has accepted it."""
    if context.acting_as is not None:
        return context.acting_as.value[0]
    return context.settings().people.operator_of(_account()) or ""


def _account() -> str:
    """The system account, by its number when the system gives it no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


@contextmanager
def opened_app(context: CliContext) -> "Iterator[App]":
    """The app of the settings, with nobody who acts; its connections are closed at the end.

    A cron's account needs not be an operator: the schedule acts. Raises the same errors as ``opened``.
    """
    settings = context.settings()
    from workflow.app import bootstrap

    app = bootstrap(settings, os.environ)
    try:
        yield app
    finally:
        app.close()


@contextmanager
def database_of(settings: "Settings") -> "Iterator[Database]":
    """The database alone, whatever its version. Raises SharedFile, SecretRefused."""
    from workflow.app import open_database

    database = open_database(settings, os.environ, must_exist=False)
    try:
        yield database
    finally:
        database.dispose()


def create_database_file(path: Path) -> None:
    """Create the database's file, readable by this account alone. Raises CliFailure when it cannot be made."""
    from workflow.database.connection import make_private

    with writing(path, "vérifier le réglage database.url et les droits de ce compte sur le dossier"):
        make_private(path)


def running_year(settings: "Settings") -> "SchoolYear":
    """The school year that runs today by the machine's clock: the earliest that has not ended."""
    from notifications.ports import SystemClock

    return settings.calendar().open_years(SystemClock().now())[0]


class FilePath(click.Path):
    """A path that is not empty: with an unset variable in a script, ``Path("")`` would be the current folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not str(value):
            self.fail("le chemin est vide.", param, ctx)
        return super().convert(value, param, ctx)


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


class Departement(click.ParamType[str]):
    """A département in its stored form, by its code or its name; empty stays empty."""

    name = "département"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not str(value).strip():
            return ""
        from workflow.settings.sections import normalise_departement

        try:
            return normalise_departement(str(value))
        except ValueError as error:
            self.fail(f"{error}, par exemple 09, 31, 2A, 974 ou Ariège.", param, ctx)


class Uai(click.ParamType[str]):
    """An establishment's UAI in its stored form; the directory checks later that it exists (R11)."""

    name = "uai"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002
        from states.validation import normalise_uai

        return normalise_uai(str(value))
