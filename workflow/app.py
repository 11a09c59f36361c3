"""Everything wired together once: what the portal, the worker and the tests are given."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from notifications.delivery.dispatcher import Dispatcher
from notifications.encryption.sealer import Sealer
from notifications.mailer import Mailer
from notifications.messages.catalogue import Document, Link, MailContext
from notifications.ports import Clock, SystemClock
from notifications.rendering.environment import TemplateLoader, TemplateProblem, TemplatesRefused, own_wordings
from notifications.rendering.papers import check_charter
from states.policy import Policy, Timetable
from workflow.auth.actors import People
from workflow.auth.tokens import Tokens
from workflow.database import connection as storage
from workflow.database import schema
from workflow.database.clock import Ask, DatabaseClock, clock_for
from workflow.database.connection import Database
from workflow.directory.service import Directory
from workflow.engine.engine import Engine
from workflow.journal import installation
from workflow.journal.chain import JournalHasher
from workflow.mail.admin import MailJournal
from workflow.schedule.nodes import NodeMonitor
from workflow.schedule.tick import Ticker
from workflow.settings.infrastructure import connection_url
from workflow.settings.model import Settings
from workflow.settings.school_calendar import month_day
from workflow.settings.secrets import Keyring, Secrets
from workflow.year_end.service import YearEndReporter, YearEnds

if TYPE_CHECKING:
    from workflow.removals.connector.service import Connector


# The rules' policy, read from the settings.


def policy_of(settings: Settings) -> Policy:
    """What this académie has decided, as the rules read it."""
    return Policy(
        calendar=settings.calendar(),
        deputy_may_act=settings.people.deputy_may_act,
        four_eyes=settings.four_eyes,
        checks_max_age_days=settings.checks.max_age_days,
        one_key_a_person=settings.key.scope == "person",
        code_format=re.compile(settings.code.format),
        charter_version=settings.charter.version,
        drane_sent_by_us=settings.drane.declaration == "sent_by_us",
        days=settings.school_days(),
        timetable=timetable_of(settings),
    )


def timetable_of(settings: Settings) -> Timetable:
    """When this académie has us write of our own accord (R78 to R81)."""
    return Timetable(
        hour=settings.reminders.hour,
        notices=settings.school_year.notices,
        stalled=settings.reminders.stalled_after_days,
        handover=settings.reminders.handover_after_days,
        invite_on=month_day(settings.campaign.invite_on),
        removals_late=settings.removals.late_after_days,
    )


@dataclass(frozen=True, kw_only=True)
class App:
    """The assembled software, for one installation."""

    settings: Settings
    database: Database
    clock: Clock
    policy: Policy
    hasher: JournalHasher
    mailer: Mailer
    engine: Engine
    year_ends: YearEnds
    people: People
    mail_journal: MailJournal
    tokens: Tokens
    directory: Directory
    ticker: Ticker
    dispatcher: Dispatcher
    connector: "Connector | None" = None

    def close(self) -> None:
        """Give back every connection."""
        self.database.dispose()


def mail_context(settings: Settings) -> MailContext:
    """What the wording of mails takes from the settings."""
    return MailContext(
        academie=settings.academie.nom,
        timezone=settings.zoneinfo,
        signature=settings.mail.signature,
        contact=settings.mail.contact,
        charter_version=settings.charter.version,
        delegce_module=settings.delegce.module,
        expected_days=settings.handling.expected_days,
        code_keep_days=settings.code.keep_days,
        links=tuple(Link(link.title, link.url) for link in settings.documentation.links),
        documents=tuple(
            Document(title=one.title, filename=Path(one.file).name, path=str(settings.folder / one.file))
            for one in settings.documentation.files
        ),
        drane_address=settings.drane.address,
        drane_sent_by_us=settings.drane.declaration == "sent_by_us",
        one_key_a_person=settings.key.scope == "person",
        portal=settings.portal.address,
    )


def template_problems(settings: Settings, wordings: TemplateLoader) -> list[TemplateProblem]:
    """What is wrong with the templates under these settings: the académie's own (R68), the charter's version (R69)."""
    if wordings.folder is None or not wordings.overridden():
        said = check_charter(wordings, settings.charter.version)
        return [TemplateProblem(Path("papers/charter.typ"), 1, said)] if said else []
    from notifications.authoring.checks import (
        paper_problems,
        problems,  # paid by who replaces templates, and nobody else
    )

    return problems(wordings, mail_context(settings), paper_problems)


def wordings_of(settings: Settings) -> TemplateLoader:
    """The templates in force. Raises TemplatesRefused with all that is wrong with the académie's (R68)."""
    folder = settings.templates_folder
    wordings = TemplateLoader(folder) if folder else own_wordings()
    if found := template_problems(settings, wordings):
        raise TemplatesRefused(found)
    return wordings


def open_database(settings: Settings, environ: Mapping[str, str], *, must_exist: bool = True) -> Database:
    """The database of the settings. Raises storage.SharedFile for a SQLite file on a network disk, and FileMissing
    for one that is not there, unless it is about to be made."""
    storage.refuse_network_file(settings.database_url)
    if must_exist:
        storage.refuse_missing_file(settings.database_url)
    password = Secrets(settings.secrets_directory, environ).find("database-password")
    return Database(connection_url(settings.database_url, password))


def bootstrap(
    settings: Settings, environ: Mapping[str, str], *, clock: Clock | None = None, database: Database | None = None,
    database_now: Ask | None = None, machine: str | None = None,
) -> App:  # fmt: skip
    """Wire the whole for an installation that exists; tests give their own clock or database.

    ``clock`` None: on PostgreSQL the database's clock judges (R82). A clock that is given judges, unless
    ``database_now`` is given too: the clock is then this machine's alone, and ``database_now`` the database's.
    ``machine`` is this machine's name, the system's when None: so a test makes two of one.

    Raises TemplatesRefused, SchemaBehind, SchemaAhead, NotInstalled, OtherInstallation, SecretError,
    DatabaseUnreachable.
    """
    secrets = Secrets(settings.secrets_directory, environ)
    hasher = JournalHasher(secrets.read("journal-key").get_secret_value().encode())
    wordings = wordings_of(settings)
    own = database is None
    database = database or open_database(settings, environ)
    try:
        with database.read() as connection:
            schema.require_current(connection)
            installation.check_key(connection, hasher)
            clock = clock_for(database, connection, clock or SystemClock(), database_now)
    except BaseException:
        if own:
            database.dispose()
        raise
    password = secrets.find("smtp-password")
    policy = policy_of(settings)
    keyring = Keyring(secrets)
    sealer = Sealer(keyring.read, keyring.stamp)
    mailer = Mailer(settings.mail, mail_context(settings), sealer, wordings)
    engine = Engine(database, clock, hasher, policy, mailer)
    year_ends = YearEnds(engine, YearEndReporter(mailer))
    people = People(settings, database)
    mail_journal = MailJournal(engine, mailer)
    mailer.on_born_dead = mail_journal.dead
    dispatcher = Dispatcher(
        database, mailer, settings.mail, clock, on_dead=mail_journal.dead, on_pause=mail_journal.refused,
        password=password.get_secret_value() if password else None,
    )  # fmt: skip
    engine.on_commit = dispatcher.wake
    machines = NodeMonitor(engine, mailer, clock) if isinstance(clock, DatabaseClock) else None
    ticker = Ticker(engine, year_ends, mailer, installation.schedule_actor(database), machines, machine)
    return App(
        settings=settings, database=database, clock=clock, policy=policy, hasher=hasher, mailer=mailer, engine=engine,
        year_ends=year_ends, people=people, mail_journal=mail_journal,
        tokens=Tokens(database, clock, hasher, people),
        directory=Directory(database, hasher, clock, settings.academie.code), ticker=ticker, dispatcher=dispatcher,
        connector=_connector(settings, secrets, engine, mailer),
    )  # fmt: skip


def _connector(settings: Settings, secrets: Secrets, engine: Engine, mailer: Mailer) -> "Connector | None":
    """Who asks the ODA server, when the settings name one (R84). Raises SecretMissing, SecretRefused."""
    if settings.removals.connector.url is None:
        return None
    from workflow.removals.connector.service import connector_of  # an HTTP client, paid by who has such a server

    return connector_of(settings, secrets, engine, mailer)


def install(database: Database, hasher: JournalHasher, clock: Clock) -> tuple[str | None, str]:
    """Bring a database to the newest version and found the installation; done again, it changes nothing."""
    versions = schema.upgrade(database)
    with database.write() as connection:
        installation.found(connection, hasher, clock_for(database, connection, clock).now())
    return versions
