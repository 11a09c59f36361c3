"""The application: everything that the portal, the worker and the tests are given, assembled once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from notifications.ports import Clock, SystemClock
from states.model import Actor, Policy, Timetable
from states.validation import fold
from workflow.auth.actors import CurrentPeople, People
from workflow.database import schema
from workflow.database.clock import Ask, DatabaseClock, boot_identity, clock_for, count_seconds
from workflow.database.connection import Database, refuse_missing_file, refuse_network_file
from workflow.database.schedule_tables import is_held
from workflow.engine.clock_check import ClockCheck, Count
from workflow.journal import chain
from workflow.journal.chain import JournalHasher, open_stream
from workflow.settings.infrastructure import connection_url
from workflow.settings.model import Settings
from workflow.settings.school_calendar import month_day
from workflow.settings.secrets import SIGNING_KEY, Keyring, Secrets

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from notifications.delivery.dispatcher import Dispatcher
    from notifications.mailer import Mailer
    from notifications.messages.catalogue import MailContext
    from notifications.messages.operator_reports import MailboxNews
    from notifications.rendering.environment import TemplateLoader, TemplateProblem
    from workflow.auth.access import OpenSessions
    from workflow.auth.bindings import Bindings
    from workflow.auth.second_factor import SecondFactors
    from workflow.auth.substitutions import Substitutions
    from workflow.auth.tokens import Tokens
    from workflow.directory.service import Directory
    from workflow.engine.engine import Engine, Tell
    from workflow.evidence.delegation_attribute import ClaimedDelegations
    from workflow.evidence.list_checks import ListChecks
    from workflow.evidence.lists import Lists
    from workflow.figures.ledger import FigureLedger
    from workflow.health.metrics import Metrics
    from workflow.health.report import HealthMonitor, SupervisorCall
    from workflow.journal.sealing import JournalSealer
    from workflow.journal.security_log import ExportJournal
    from workflow.mail import MailJournal
    from workflow.removals.connector.service import Connector
    from workflow.requests.collaboration import Assignments, PrivateNotes
    from workflow.retention.service import Retention
    from workflow.schedule.tick import Ticker
    from workflow.spreadsheets.columns import ColumnChoices
    from workflow.spreadsheets.staged_imports import StagedImports
    from workflow.webhooks.sender import WebhookSender
    from workflow.year_end.service import YearEnds


def policy_of(settings: Settings) -> Policy:
    """Read the rules' policy from the settings."""
    return Policy(
        calendar=settings.calendar(),
        deputy_may_act=settings.people.deputy_may_act,
        four_eyes=settings.four_eyes,
        stand_in_days=settings.mailboxes.stand_in_days,
        mailbox_hold=timedelta(hours=settings.mailboxes.hold_hours),
        most_live_requests=settings.limits.live_requests,
        checks_max_age_days=settings.checks.max_age_days,
        one_key_a_person=settings.key.scope == "person",
        key_has_other_uses=settings.key.other_uses == "possible",
        code_format=re.compile(settings.code.format),
        code_example=settings.code.example,
        draws_codes=settings.code.drawer is not None,
        code_by_link=settings.code.delivery == "link",
        code_hold=timedelta(seconds=settings.code.hold_seconds),
        charter_version=settings.charter.version,
        drane_sent_by_us=settings.drane.declaration == "sent_by_us",
        mail_domains=settings.people.domains(),
        delegation_applications=frozenset(map(fold, (settings.delegce.module, *settings.delegce.applications))),
        days=settings.school_days(),
        timetable=Timetable(
            hour=settings.reminders.hour,
            notices=settings.school_year.notices,
            stalled=settings.reminders.stalled_after_days,
            handover=settings.reminders.handover_after_days,
            invite_on=month_day(settings.campaign.invite_on) if settings.campaign.invite_on else None,
            removals_late=settings.removals.late_after_days,
        ),
    )


@dataclass(frozen=True, kw_only=True)
class App:
    """The assembled software, for one installation.

    Its parts are made, and their modules imported, when they are first asked for: a command pays for what it needs. A
    process that has threads makes them all first.
    """

    settings: Settings
    database: Database
    clock: Clock
    policy: Policy
    hasher: JournalHasher
    secrets: Secrets
    people: People
    machine: str | None
    clock_check: ClockCheck
    templates: "TemplateLoader | None" = None
    """The templates already checked, if they are."""

    @cached_property
    def mailer(self) -> "Mailer":
        """The mails. Raises TemplatesRefused."""
        from notifications.encryption import Sealer
        from notifications.mailer import Mailer

        keyring = Keyring(self.secrets)
        return Mailer(
            self.settings.mail, mail_context(self.settings), Sealer(keyring.read, keyring.stamp),
            self.templates or load_templates(self.settings),
            draw_code=self.settings.code.drawer.draw if self.settings.code.drawer else None,
            on_dead=lambda connection, mail: self.mail_journal.dead(connection, mail),
        )  # fmt: skip

    @cached_property
    def engine(self) -> "Engine":
        """The one write path of requests."""
        from workflow.engine.engine import Engine

        tell: Tell | None = None  # of each event, to other systems, where the settings name some (R118)
        if endpoints := self.settings.webhooks.endpoints:
            from workflow.webhooks.queue import enqueue

            tell = lambda connection, events, now: enqueue(connection, endpoints, events, now)  # noqa: E731
        return Engine(self.database, self.clock, self.hasher, self.policy, self.mailer, tell)

    @cached_property
    def webhooks(self) -> "WebhookSender | None":
        """The sender to other systems, when the settings name some (R118). Raises SecretMissing, SecretRefused."""
        if not self.settings.webhooks.endpoints:
            return None
        from workflow.webhooks.sender import WebhookSender  # its HTTP client costs only who tells somebody

        return WebhookSender.of(self.engine, self.mailer, self.settings.webhooks, self.secrets)

    @cached_property
    def staged_imports(self) -> "StagedImports":
        """The imports read in files, until they are confirmed (R91)."""
        from workflow.spreadsheets.staged_imports import StagedImports

        return StagedImports(self.database, self.clock)

    @cached_property
    def export_journal(self) -> "ExportJournal":
        """The lists that leave as files, recorded (R108)."""
        from workflow.journal.security_log import ExportJournal

        return ExportJournal(self.database, self.hasher, self.clock)

    @cached_property
    def column_choices(self) -> "ColumnChoices":
        """The columns that people chose by hand (R91)."""
        from workflow.spreadsheets.columns import ColumnChoices

        return ColumnChoices(self.database, self.clock)

    @cached_property
    def assignments(self) -> "Assignments":
        """The requests that somebody handles (R88)."""
        from workflow.requests.collaboration import Assignments

        return Assignments(self.engine, timedelta(minutes=self.settings.handling.assignment_minutes))

    @cached_property
    def private_notes(self) -> "PrivateNotes":
        """The operators' notes on requests (R88)."""
        from workflow.requests.collaboration import PrivateNotes

        return PrivateNotes(self.engine)

    @cached_property
    def mail_journal(self) -> "MailJournal":
        """Mail actions and losses, written in the journal."""
        from workflow.mail import MailJournal

        return MailJournal(self.engine, self.mailer)

    @cached_property
    def connector(self) -> "Connector | None":
        """The connector to the ODA server, when the settings name one (R84). Raises SecretMissing, SecretRefused."""
        if self.settings.removals.connector.url is None:
            return None
        from workflow.removals.connector.service import connector_of  # its HTTP client costs only who has a server

        return connector_of(self.settings, self.secrets, self.engine, self.mailer)

    @cached_property
    def tokens(self) -> "Tokens":
        """The access tokens of programs."""
        from workflow.auth.tokens import Tokens

        return Tokens(self.database, self.clock, self.hasher, self.people, four_eyes=self.settings.four_eyes)

    @cached_property
    def open_sessions(self) -> "OpenSessions":
        """The sessions of everybody (R107)."""
        from workflow.auth.access import OpenSessions

        idle = timedelta(minutes=self.settings.portal.session_idle_minutes)
        return OpenSessions(self.database, self.clock, self.hasher, idle=idle)

    @cached_property
    def second_factors(self) -> "SecondFactors":
        """The second factors of operators (R106)."""
        from workflow.auth.second_factor import SecondFactors

        return SecondFactors(
            self.database, self.clock, self.hasher, self.people, self.mailer,
            policy=self.settings.sign_in.second_factor, issuer=f"Clés ODA, académie {self.settings.academie.nom}",
            timezone=self.settings.zoneinfo,
        )  # fmt: skip

    @cached_property
    def substitutions(self) -> "Substitutions":
        """The substitutions within the software (R114)."""
        from workflow.auth.substitutions import Substitutions

        return Substitutions(
            self.database, self.clock, self.hasher, self.people, self.mailer, self.settings.zoneinfo,
            allows_readers=self.settings.sign_in.second_factor != "required",
        )  # fmt: skip

    @cached_property
    def directory(self) -> "Directory":
        """The establishments and their mailboxes; a new one is told to the former, and to every operator (R14)."""
        from workflow.directory.service import Directory

        def tell(connection: "Connection", news: "MailboxNews") -> None:
            operators = (self.settings.mail.operators_mailbox, *self.people.operators())
            self.mailer.enqueue(connection, news.drafts(operators, self.settings.zoneinfo), news.at)

        return Directory(
            self.database, self.hasher, self.clock, self.settings.academie.code, self.policy.mail_domains,
            self.policy.mailbox_hold, tell, self.substitutions,
        )  # fmt: skip

    @cached_property
    def claimed_delegations(self) -> "ClaimedDelegations":
        """The delegations that the identities of RUPN claim (R113)."""
        from workflow.evidence.delegation_attribute import ClaimedDelegations

        return ClaimedDelegations(self.database, self.clock, self.policy)

    @cached_property
    def lists(self) -> "Lists":
        """The list of RUPN and that of delegations (R93)."""
        from workflow.evidence.lists import Lists

        return Lists(
            self.database, self.hasher, self.clock, self.settings.zoneinfo,
            lambda kind, actor: self.list_checks.after_import(kind, actor).sentences(), self.settings.retention.lists,
        )  # fmt: skip

    @cached_property
    def retention(self) -> "Retention":
        """The erasure of what is personal (R110, R111)."""
        from workflow.retention.service import LEDGER_NAME, ErasureLedger, Retention

        return Retention(
            database=self.database, hasher=self.hasher, clock=self.clock, calendar=self.policy.calendar,
            settings=self.settings.retention, people=self.people,
            ledger=ErasureLedger(self.settings.secrets_directory / LEDGER_NAME, self.hasher),
        )  # fmt: skip

    @cached_property
    def bindings(self) -> "Bindings":
        """The identities bound to establishments (R103)."""
        from workflow.auth.bindings import Bindings

        return Bindings(
            self.database, self.clock, self.hasher, self.policy.calendar,
            lambda connection, drafts, now: self.mailer.enqueue(connection, drafts, now),
        )  # fmt: skip

    @cached_property
    def year_ends(self) -> "YearEnds":
        """The ends of school years."""
        from workflow.year_end.service import YearEndReporter, YearEnds

        return YearEnds(self.engine, YearEndReporter(self.mailer))

    @cached_property
    def figures(self) -> "FigureLedger":
        """The figures counted from the journal (R99)."""
        from workflow.figures.counting import CountingRules
        from workflow.figures.ledger import FigureLedger

        rules = CountingRules.of(self.policy, self.settings.handling.expected_days)
        return FigureLedger(self.database, self.clock, rules)

    @cached_property
    def dispatcher(self) -> "Dispatcher":
        """The sender of mails."""
        from notifications.delivery.dispatcher import Dispatcher

        password = self.secrets.find("smtp-password")
        return Dispatcher(
            self.database, self.mailer, self.settings.mail, self.clock, on_dead=self.mail_journal.dead,
            on_pause=self.mail_journal.refused, may_cancel=self.clock_check.is_believed, is_held=is_held,
            password=password.get_secret_value() if password else None,
        )  # fmt: skip

    @cached_property
    def schedule_actor(self) -> Actor:
        """The schedule as an actor, which has had its number since the installation."""
        return chain.schedule_actor(self.database)

    @cached_property
    def ticker(self) -> "Ticker":
        """The schedule."""
        from workflow.schedule.nodes import NodeMonitor
        from workflow.schedule.tick import Ticker

        nodes = NodeMonitor(self.engine, self.mailer, self.clock) if isinstance(self.clock, DatabaseClock) else None
        return Ticker(
            self.engine, self.year_ends, self.mailer, self.schedule_actor, nodes, self.machine, self.clock_check,
            self.people, self.figures, self.list_checks, self.lists, self.retention, self.journal_sealer,
            self.substitutions, self.settings.webhooks,
        )  # fmt: skip

    @cached_property
    def health(self) -> "HealthMonitor":
        """The state of the service, for probes (R115)."""
        from workflow.health.report import HealthMonitor

        file = None if self.database.is_postgresql else self.database.url.database
        folder = Path(file).parent if file else self.settings.folder
        hours, days = self.settings.monitoring.backup_hours, self.settings.monitoring.certificate_days
        return HealthMonitor(
            self.database, self.clock, self.policy.calendar, folder, lambda: self.clock_check.since_tick,
            oldest_backup=timedelta(hours=hours) if hours else None,
            webhooks=self.settings.webhooks.endpoints,
            certificate_notice=timedelta(days=days) if days else None,
        )  # fmt: skip

    @cached_property
    def metrics(self) -> "Metrics":
        """The figures for Prometheus (R115)."""
        from workflow.health.metrics import Metrics  # its library costs only who asks

        return Metrics(database=self.database, clock=self.clock, policy=self.policy, health=self.health)

    @cached_property
    def supervisor_call(self) -> "SupervisorCall | None":
        """The call that each good tick makes, when the settings name an address (R115)."""
        if self.settings.monitoring.ping_url is None:
            return None
        from workflow.health.report import SupervisorCall  # its HTTP client costs only who calls somebody

        return SupervisorCall(settings=self.settings.monitoring)

    @cached_property
    def journal_sealer(self) -> "JournalSealer":
        """The daily seals of the journal, sent to the mailbox that keeps them, if the settings name one (R109)."""
        from workflow.journal.sealing import JournalSealer

        mailbox = self.settings.seal.mail
        return JournalSealer(
            self.database, self.hasher, self.clock, self.policy.calendar, Keyring(self.secrets, SIGNING_KEY),
            self.settings.seal_folder, self.mailer if mailbox else None, mailbox,
        )  # fmt: skip

    @cached_property
    def list_checks(self) -> "ListChecks":
        """The checks that the two lists make, and what they say no more (R94, R95)."""
        from workflow.evidence.list_checks import ListChecks

        return ListChecks(self.engine, self.schedule_actor)

    def make(self, *parts: str) -> None:
        """Make parts now: what is wrong with them is said at once, and no two threads make one twice."""
        for part in parts:
            getattr(self, part)

    def close(self) -> None:
        """Close every connection."""
        self.database.dispose()


def mail_context(settings: Settings) -> "MailContext":
    """Read from the settings what the templates of mails may say."""
    from notifications.messages.catalogue import Document, Link, MailContext

    return MailContext(
        academie=settings.academie.nom,
        timezone=settings.zoneinfo,
        signature=settings.mail.signature,
        contact=settings.mail.contact,
        charter_version=settings.charter.version,
        delegce_module=settings.delegce.module,
        expected_days=settings.handling.expected_days,
        code_keep_days=settings.code.keep_days,
        request_keep_months=settings.retention.requests,
        links=tuple(Link(link.title, link.url) for link in settings.documentation.links),
        documents=tuple(
            Document(title=file.title, filename=Path(file.file).name, path=str(settings.folder / file.file))
            for file in settings.documentation.files
        ),
        drane_address=settings.drane.address,
        drane_sent_by_us=settings.drane.declaration == "sent_by_us",
        one_key_a_person=settings.key.scope == "person",
        key_has_other_uses=settings.key.other_uses == "possible",
        portal=settings.portal.address,
        rupn_page=f"{settings.portal.address.rstrip('/')}/rupn" if settings.sign_in.rupn else None,
        oda_address=settings.oda.address,
        data_protection=settings.portal.data_protection,
    )


def template_problems(settings: Settings, templates: "TemplateLoader") -> "list[TemplateProblem]":
    """Check the académie's own templates under these settings (R68), and the charter's version (R69)."""
    if templates.folder is None or not templates.overridden():
        from notifications.rendering.environment import TemplateProblem
        from notifications.rendering.papers import check_charter

        problem = check_charter(templates, settings.charter.version)
        return [TemplateProblem(Path("papers/charter.typ"), 1, problem)] if problem else []
    from notifications.authoring.checks import try_templates  # costs only who replaces templates

    return try_templates(templates, mail_context(settings))


def load_templates(settings: Settings) -> "TemplateLoader":
    """Return the templates in force. Raises TemplatesRefused with all that is wrong with the académie's (R68)."""
    from notifications.rendering.environment import TemplateLoader, TemplatesRefused, own_wordings

    folder = settings.templates_folder
    templates = TemplateLoader(folder) if folder else own_wordings()
    if problems := template_problems(settings, templates):
        raise TemplatesRefused(problems)
    return templates


def open_database(settings: Settings, environ: Mapping[str, str], *, must_exist: bool = True) -> Database:
    """Open the database of the settings.

    Raises SharedFile for a SQLite file on a network disk, and FileMissing for one that is not there, unless it is
    about to be made.
    """
    refuse_network_file(settings.database_url)
    if must_exist:
        refuse_missing_file(settings.database_url)
    password = Secrets(settings.secrets_directory, environ).find("database-password")
    return Database(connection_url(settings.database_url, password))


def bootstrap(
    settings: Settings, environ: Mapping[str, str], *, clock: Clock | None = None, database: Database | None = None,
    database_now: Ask | None = None, machine: str | None = None, lazy: bool = False, count: Count | None = None,
) -> App:  # fmt: skip
    """Assemble the application of an existing installation; tests give their own clock or database.

    ``clock`` None: on PostgreSQL the database's clock judges (R82). A given clock judges, unless
    ``database_now`` is given too: the clock is then this machine's alone, and ``database_now`` the database's.
    ``machine`` is this machine's name, the system's when None: a test makes two machines of one. ``count`` None: the
    machine's counter, or none when the clock is given.
    ``lazy`` makes each part when it is first asked for, which suits a process of one thread: a command, on whose
    terminal the lines of the security journal have no business.

    Raises TemplatesRefused, SchemaBehind, SchemaAhead, NotInstalled, OtherInstallation, SecretError,
    DatabaseUnreachable.
    """
    secrets = Secrets(settings.secrets_directory, environ)
    hasher = JournalHasher(secrets.read("journal-key").get_secret_value().encode())
    # The académie's own templates are refused at once, whatever the command.
    templates = None if lazy and settings.templates_folder is None else load_templates(settings)
    own = database is None
    boot = boot_identity() if count is None and clock is None else None
    count = count or (count_seconds if clock is None else None)
    database = database or open_database(settings, environ)
    try:
        with database.read() as connection:
            schema.require_current(connection)
            chain.check_key(connection, hasher)
            clock = clock_for(database, connection, clock or SystemClock(), database_now)
    except BaseException:
        if own:
            database.dispose()
        raise
    people = People(
        CurrentPeople(settings, clock), database, hasher, clock,
        deputy_may_act=settings.people.deputy_may_act, rupn_may_enter=settings.sign_in.rupn,
    )  # fmt: skip
    app = App(
        settings=settings, database=database, clock=clock, policy=policy_of(settings), hasher=hasher, secrets=secrets,
        people=people, machine=machine, clock_check=ClockCheck(hasher, count, boot, machine), templates=templates,
    )  # fmt: skip
    open_stream("none" if lazy and settings.security_log == "stderr" else settings.security_log)
    app.make("connector", "webhooks")  # whatever the command, what is wrong with their secrets is said
    if not lazy:
        app.make("dispatcher", "directory", "ticker", "tokens", "export_journal", "health")
    return app


def install(database: Database, hasher: JournalHasher, clock: Clock) -> tuple[str | None, str]:
    """Upgrade a database and create the installation; return the versions before and after. Idempotent.

    Raises OtherInstallation, once the schema is upgraded, when the journal's key is another's.
    """
    versions = schema.upgrade(database)
    with database.write() as connection:
        now = clock_for(database, connection, clock).now()
        chain.found_installation(connection, hasher, now)
        chain.check_key(connection, hasher)
        chain.commit_to_actors(connection, hasher, now)
    return versions
