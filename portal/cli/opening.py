"""The house opened for one command, and who entered: everything heavy is imported here, when it is called."""

import getpass
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from portal.cli.context import App, Who
from states.vocabulary import Channel, Role

if TYPE_CHECKING:
    from states.actors import Actor
    from workflow.house import House
    from workflow.people import People


@contextmanager
def opened(app: App, name: str = "") -> "Iterator[tuple[House, Actor]]":
    """The installation of the settings and the person who acts: ``--as``, else the system account's operator (R2).

    ``name`` is what a chef or a deputy gives of himself (R37). Every connection is given back at the end. What can go
    wrong is said by ``portal.cli.services``: SettingsError, SecretError, SharedFile, SchemaBehind, SchemaAhead,
    NotInstalled, OtherInstallation, DatabaseBusy, DatabaseUnreachable, NotAllowed.
    """
    from workflow.house import bootstrap, open_database

    with ExitStack() as closing:
        settings = app.settings()
        database = open_database(settings, os.environ)
        closing.callback(database.dispose)  # also when the installation is not fit to enter
        house = bootstrap(settings, os.environ, database=database)
        closing.callback(house.close)
        yield house, actor_of(house.people, app.who, name)


def actor_of(people: "People", who: Who | None, name: str = "") -> "Actor":
    """Who enters by the command line. Raises ``workflow.people.NotAllowed``."""
    if who is None:
        return people.of_account(_account(), Channel.CLI)
    if who.role is Role.OPERATOR:
        return people.operator(who.value[0], Channel.CLI)
    if who.role is Role.READER:
        return people.reader(who.value[0], Channel.CLI)
    return people.chef(who.value, Channel.CLI, name=name, role=who.role)


def own_address(app: App) -> str:
    """The address of the operator or reader who acts; the account has one once ``opened`` has let it in."""
    if app.who is not None:
        return app.who.value[0]
    return app.settings().people.operator_of(_account()) or ""


def _account() -> str:
    """The system account, by its number when the system gives it no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
