"""What every command is given: the settings' file, and who acts."""

import getpass
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from portal.cli.errors import writing
from states.vocabulary import Channel, Role

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


@dataclass(frozen=True, slots=True)
class ActorSpec:
    """Who acts, as typed: the address of an operator or a reader, or the UAI of a chef or an adjoint (R2, R3)."""

    role: Role
    value: tuple[str, ...]


def parse_actor_spec(text: str) -> ActorSpec:
    """Read ``operator:ADDRESS``, ``chef:UAI[,UAI]``, ``adjoint:UAI[,UAI]``, ``lecteur:ADDRESS`` or ``reader:``.

    Whether such a person exists is not judged here. Raises ValueError, in French, on anything else.
    """
    from states.validation import clean, has_uai_form, mail_problem, normalise_uai

    name, _, rest = text.partition(":")
    role = _ROLES.get(name.strip().casefold())
    if role is None or not rest.strip():
        raise ValueError(f"« {text} » ne dit pas qui agit. Formes possibles : {FORMS}.")
    if role in (Role.OPERATOR, Role.READER):
        address = clean(rest)
        problem = mail_problem(address)
        if problem:
            raise ValueError(f"« {address} » {problem}. Formes possibles : {FORMS}.")
        return ActorSpec(role, (address,))
    numbers = tuple(dict.fromkeys(normalise_uai(number) for number in rest.split(",")))
    wrong = next((number for number in numbers if not has_uai_form(number)), None)
    if wrong is not None:
        raise ValueError(f"« {wrong} » n'est pas un UAI (7 chiffres et une lettre). Formes possibles : {FORMS}.")
    return ActorSpec(role, numbers)


class ActorSpecType(click.ParamType[ActorSpec]):
    """The value of ``--as``."""

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
    """The command's context, found in ``ctx.obj`` and passed by ``@pass_app``.

    ``config`` None means the usual settings' file, ``who`` None the operator whom the settings name.
    """

    config: Path | None = None
    who: ActorSpec | None = None
    _settings: "Settings | None" = field(default=None, init=False, repr=False)

    def settings(self) -> "Settings":
        """The académie's settings, read at the first call. Raises ``workflow.settings.SettingsError``."""
        if self._settings is None:
            from workflow.settings.loader import find_settings, load_settings

            named = None if self.config is None else str(self.config)
            self._settings = load_settings(find_settings(named, os.environ))
        return self._settings


pass_cli_context = click.make_pass_decorator(CliContext)


# The house opened for one command, and who entered: everything heavy is imported here, when it is called.


@contextmanager
def opened(context: CliContext, name: str = "") -> "Iterator[tuple[App, Actor]]":
    """The installation of the settings and the person who acts: ``--as``, else the system account's operator (R2).

    ``name`` is what a chef or a deputy gives of himself (R37). Every connection is given back at the end. What can go
    wrong is said by ``portal.cli.failures``: SettingsError, SecretError, SharedFile, SchemaBehind, SchemaAhead,
    NotInstalled, OtherInstallation, DatabaseBusy, DatabaseUnreachable, NotAllowed.
    """
    settings = context.settings()  # first: what is wrong in them is said before the world is imported
    from workflow.app import bootstrap, open_database

    with ExitStack() as closing:
        database = open_database(settings, os.environ)
        closing.callback(database.dispose)  # also when the installation is not fit to enter
        app = bootstrap(settings, os.environ, database=database, lazy=True)
        closing.callback(app.close)
        yield app, actor_of(app.people, context.who, name)


def actor_of(people: "People", who: ActorSpec | None, name: str = "") -> "Actor":
    """Who enters by the command line. Raises ``workflow.auth.actors.NotAllowed``."""
    if who is None:
        return people.of_account(_account(), Channel.CLI)
    if who.role is Role.OPERATOR:
        return people.operator(who.value[0], Channel.CLI)
    if who.role is Role.READER:
        return people.reader(who.value[0], Channel.CLI)
    return people.chef(who.value, Channel.CLI, name=name, role=who.role)


def own_address(context: CliContext) -> str:
    """The address of the operator or reader who acts; the account has one once ``opened`` has let it in."""
    if context.who is not None:
        return context.who.value[0]
    return context.settings().people.operator_of(_account()) or ""


def _account() -> str:
    """The system account, by its number when the system gives it no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


# The house opened without anybody in it: for the schedule, the worker, and what only looks.


@contextmanager
def opened_app(context: CliContext) -> "Iterator[App]":
    """The installation of the settings; its connections are given back at the end.

    A cron's account needs not be an operator: what acts is the schedule. Raises what ``opening.opened`` raises.
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
    """The database alone, at whatever version it is. Raises SharedFile, SecretRefused."""
    from workflow.app import open_database

    database = open_database(settings, os.environ, must_exist=False)
    try:
        yield database
    finally:
        database.dispose()


def make_private(path: Path) -> None:
    """Create the database's file. Raises CliFailure when it cannot be made."""
    from workflow.database import connection

    with writing(path, "vérifier le réglage database.url et les droits de ce compte sur le dossier"):
        connection.make_private(path)


def running_year(settings: "Settings") -> "SchoolYear":
    """The school year that runs today by the machine's clock: the earliest that has not ended."""
    from notifications.ports import SystemClock

    return settings.calendar().open_years(SystemClock().now())[0]
