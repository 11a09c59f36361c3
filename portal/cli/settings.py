"""``oda check-config`` and ``config-schema``: the settings checked, their services tried (--connect), their schema."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import click

from portal.cli.context import CliContext, pass_cli_context, running_year
from portal.cli.errors import CliFailure, ExitCode
from portal.cli.output import printable, say
from portal.cli.parameters import FilePath

if TYPE_CHECKING:
    from workflow.settings.model import Settings
    from workflow.settings.webhooks import WebhookEndpoint


@click.command(
    "check-config",
    help="Vérifie le fichier de réglages : dit toutes les erreurs à la fois avec leur ligne, puis ce qui mérite un"
    " regard, et la posture de l'installation : ce qui laisse entrer, voir ou changer plus qu'il ne faudrait.",
)
@click.argument(
    "file", metavar="[FICHIER]", required=False, type=FilePath(path_type=Path),
    help="Le fichier de réglages ; à défaut celui de --config.",
)  # fmt: skip
@click.option("--strict", is_flag=True, help="Sort avec le code 1 si la posture ou un secret laisse à désirer.")
@click.option(
    "--connect",
    is_flag=True,
    help="Essaie aussi la base, le relais, chaque fournisseur d'identité, horloge comprise, et chaque webhook ; dit ce"
    " qui ne va pas.",
)
@pass_cli_context
def check_config(context: CliContext, file: Path | None, strict: bool, connect: bool) -> None:
    settings = CliContext(file).settings() if file else context.settings()
    from notifications.ports import SystemClock
    from portal.texts import end_in_words
    from states.french import plural
    from workflow.settings.posture import check_posture
    from workflow.settings.warnings import check_settings

    warnings = check_settings(settings, settings.calendar().today(SystemClock().now()))
    secret_problems = _secret_warnings(settings)
    warnings += secret_problems
    for warning in warnings:
        say([f"Attention : {warning}"])
    posture = check_posture(settings, os.environ)
    if posture:
        say(["Posture :" if strict else "Attention, posture :", *(f"  — {point}" for point in posture)])
    replacements = _list_replacements(settings)
    seen = ", mais voir ci-dessus" if warnings or posture else ""
    click.echo(printable(f"{settings.source} : réglages corrects{seen}."))
    calendar, year = settings.calendar(), running_year(settings)
    ends = [calendar.end_of(school_year) for school_year in (year, year.next)]
    for heading, value in (
        ("Académie", f"{settings.academie.nom} ({settings.academie.code})"),
        ("Base de données", settings.database_url),
        *((f"Fin de {end.school_year}", end_in_words(end, settings.academie.zone)) for end in ends),
        ("Opérateurs", str(len(settings.people.operators))),
        *_drawn_codes(settings),
        *((("Connecteur", settings.removals.connector.url),) if settings.removals.connector.url else ()),
        *(
            (f"Webhook {endpoint.name}", urlsplit(endpoint.url).hostname or "")
            for endpoint in settings.webhooks.endpoints
        ),
        *(
            ("Document joint au code", f"{document.title} ({document.file})")
            for document in settings.documentation.files
        ),
        *replacements,
        *_given_by_environment(settings),
    ):
        click.echo(printable(f"{heading} : {value}"))
    if connect:
        _connect(settings)
    if strict and (posture or secret_problems):
        counted = plural(len(posture) + len(secret_problems), "point")
        remedy = "Que faire : corriger chaque point, ou se passer de --strict en sachant pourquoi."
        raise CliFailure(f"La posture laisse à désirer : {counted}.", ExitCode.REFUSED, [remedy])


def _connect(settings: "Settings") -> None:
    """Try what the settings connect to, and say each in a line. Raises CliFailure when something does not answer."""
    from states.french import plural

    results = try_connections(settings)
    for result in results:
        click.echo(printable(f"{' ' if result.is_well else '!'} {result.name} : {result.text}"))
    failed = [result for result in results if not result.is_well]
    if failed:
        details = [f"{result.name}. Que faire : {result.remedy}." for result in failed]
        raise CliFailure(f"{plural(len(failed), 'essai')} sans succès.", ExitCode.UNAVAILABLE, details)


def _given_by_environment(settings: "Settings") -> list[tuple[str, str]]:
    """The settings that a variable gives in the place of the file, so that nobody looks for them there."""
    from workflow.settings.yaml_reader import setting_of

    return [
        (f"Par la variable {name}", f"{'.'.join(setting_of(name))} = {text}")
        for name, text in settings.overrides.items()
    ]


def _drawn_codes(settings: "Settings") -> list[tuple[str, str]]:
    """The worth of a drawn code against who would guess it (R97); nothing where codes are typed."""
    drawer = settings.code.drawer
    if drawer is None:
        return []
    return [("Codes tirés", f"{drawer.length} signes, environ {drawer.bits()} bits de hasard")]


def _secret_warnings(settings: "Settings") -> list[str]:
    """Return the problems of the secret keys, which the settings' file does not hold: they are only warnings."""
    from workflow.settings.secrets import GATE_SECRET, SecretError, Secrets, gate_secrets_of

    problems = []
    for name in ("seal-key", "journal-key", "seal-signing-key"):
        try:
            Secrets(settings.secrets_directory, os.environ).read(name)
        except SecretError as error:
            problems.append(str(error))
    names = [provider.secret_name for provider in settings.sign_in.providers]
    for name in [*names, *([GATE_SECRET] if settings.sign_in.trusted_headers.proxies else [])]:
        try:
            secret = Secrets(settings.secrets_directory, os.environ).read(name)
            if name == GATE_SECRET:
                gate_secrets_of(secret)
        except SecretError as error:
            problems.append(str(error))
    for endpoint in settings.webhooks.endpoints:
        from workflow.webhooks.messages import SigningSecrets

        try:
            SigningSecrets.read(endpoint, Secrets(settings.secrets_directory, os.environ))
        except SecretError as error:
            problems.append(str(error))
    if settings.removals.connector.url is not None:
        from workflow.removals.connector.client import secret_of

        try:
            secret_of(Secrets(settings.secrets_directory, os.environ))
        except SecretError as error:
            problems.append(str(error))
    return problems


def _list_replacements(settings: "Settings") -> list[tuple[str, str]]:
    """List the templates and public pages that the académie replaces. Raises TemplatesRefused for a wrong one (R68)."""
    from notifications.rendering.environment import PAGES, TemplatesRefused
    from workflow.app import load_templates

    templates, folder = load_templates(settings), settings.templates_folder
    if folder is None:
        return []
    replacements = [("Modèles remplacés", ", ".join(templates.overridden()) or f"aucun dans {folder}")]
    if not (folder / PAGES).is_dir():
        return replacements
    from portal.web.public_texts import read_pieces  # imports the whole web: only where a page is replaced
    from portal.web.rendering import page_problems

    if problems := page_problems(settings):
        raise TemplatesRefused(problems)
    pages = ", ".join(sorted(read_pieces(settings).texts)) or f"aucune dans {folder / PAGES}"
    return [*replacements, ("Pages remplacées", pages)]


@click.command("config-schema", help="Écrit le schéma JSON du fichier de réglages.")
def config_schema() -> None:
    from workflow.settings.schema import schema_text

    click.echo(schema_text().encode(), nl=False)


TRIAL_S: Final = 20
"""Seconds of a trial, whatever it waits for; all run at the same time."""


@dataclass(frozen=True, slots=True)
class TrialResult:
    """The result of a trial: ``remedy`` is empty when all is well, else what to do."""

    name: str
    text: str
    remedy: str = ""

    @property
    def is_well(self) -> bool:
        return not self.remedy


class TrialUnfit(Exception):
    """A trial that did not succeed; ``remedy`` is what to do, both in French."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


Trial = Callable[[], str]
"""Tries something; returns what was seen, in French. Raises TrialUnfit."""


def try_connections(settings: "Settings", seconds: float = TRIAL_S) -> list[TrialResult]:
    """Try everything that these settings connect to, at the same time; nothing is written, no mail leaves."""
    trials: list[tuple[str, Trial]] = [
        ("Base de données", lambda: _try_database(settings)), ("Relais", lambda: _try_relay(settings)),
        *((provider.label, _provider_trial(settings, provider.name)) for provider in settings.sign_in.providers),
        *((f"Webhook {endpoint.name}", _webhook_trial(settings, endpoint)) for endpoint in settings.webhooks.endpoints),
    ]  # fmt: skip
    return run_trials(trials, seconds)


def run_trials(trials: list[tuple[str, Trial]], seconds: float) -> list[TrialResult]:
    """Run them in threads that end with the process: one that never answers keeps nobody waiting longer than that."""
    results: dict[int, TrialResult] = {}
    threads = [
        Thread(target=_run, args=(results, number, name, trial), daemon=True)
        for number, (name, trial) in enumerate(trials)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds)
    silent = f"pas de réponse en {seconds:g} secondes"
    remedy = "vérifier l'adresse, et que le pare-feu laisse passer cette machine"
    return [results.get(number, TrialResult(name, silent, remedy)) for number, (name, _) in enumerate(trials)]


def _run(results: dict[int, TrialResult], number: int, name: str, trial: Trial) -> None:
    try:
        results[number] = TrialResult(name, trial())
    except TrialUnfit as unfit:
        results[number] = TrialResult(name, str(unfit), unfit.remedy)
    except Exception as error:  # its class alone: a text may hold an address or a secret
        results[number] = TrialResult(name, f"essai interrompu ({type(error).__name__})", "lire le journal du système")


def _try_database(settings: "Settings") -> str:
    from sqlalchemy.exc import SQLAlchemyError

    from notifications.ports import DatabaseTrouble
    from workflow.app import open_database
    from workflow.database import schema
    from workflow.database.connection import FileMissing, SharedFile
    from workflow.database.faults import DatabaseFault, fault_of
    from workflow.journal import installation
    from workflow.journal.chain import JournalHasher
    from workflow.settings.secrets import SecretError, Secrets

    try:
        key = Secrets(settings.secrets_directory, os.environ).read("journal-key").get_secret_value()
        database = open_database(settings, os.environ)
        try:
            with database.read() as connection:
                schema.require_current(connection)
                installation.check_key(connection, JournalHasher(key.encode()))
        finally:
            database.dispose()
    except SecretError as error:
        raise TrialUnfit(str(error), "déposer ce secret, puis recommencer") from None
    except (
        FileMissing, SharedFile, schema.SchemaAhead, schema.SchemaBehind, installation.NotInstalled,
        installation.OtherInstallation,
    ) as error:  # fmt: skip
        message, _, remedy = " ".join((type(error).__doc__ or "").split()).partition(" : ")
        raise TrialUnfit(message, remedy.rstrip(".")) from None
    except (DatabaseTrouble, SQLAlchemyError) as error:
        fault = getattr(error, "fault", None) or fault_of(getattr(error, "orig", None)) or DatabaseFault.UNREACHABLE
        raise TrialUnfit(fault.message, fault.remedy) from None
    return "elle répond, à la version de ce logiciel"


def _try_relay(settings: "Settings") -> str:
    import asyncio

    from notifications.delivery.probe import Probe, ProbeFailed
    from workflow.settings.secrets import SMTP_PASSWORD, SecretError, Secrets

    async def steps(probe: Probe) -> list[str]:
        return [result.text async for result in probe.steps() if result.is_alarming]

    try:
        password = Secrets(settings.secrets_directory, os.environ).find(SMTP_PASSWORD)
        alarming = asyncio.run(steps(Probe(settings.mail, password.get_secret_value() if password else None)))
    except SecretError as error:
        raise TrialUnfit(str(error), "déposer ce secret, puis recommencer") from None
    except ProbeFailed as failure:
        raise TrialUnfit(f"étape « {failure.step.label} » : {failure.reply}", failure.remedy) from None
    return "; ".join(["il prend les courriels de cet expéditeur", *alarming])


def _webhook_trial(settings: "Settings", endpoint: "WebhookEndpoint") -> Trial:
    def trial() -> str:
        from notifications.ports import SystemClock
        from workflow.settings.secrets import SecretError, Secrets
        from workflow.webhooks.messages import SigningSecrets, Verdict
        from workflow.webhooks.sender import try_endpoint

        try:
            signing = SigningSecrets.read(endpoint, Secrets(settings.secrets_directory, os.environ))
        except SecretError as error:
            raise TrialUnfit(str(error), "déposer ce secret, puis recommencer") from None
        judgement = try_endpoint(endpoint, settings.webhooks, signing, SystemClock().now())
        if judgement.verdict is not Verdict.RECEIVED:
            raise TrialUnfit(judgement.words, "vérifier l'adresse, le secret des deux côtés et le pare-feu")
        return "il prend un message d'essai"

    return trial


def _provider_trial(settings: "Settings", name: str) -> Trial:
    def trial() -> str:
        from notifications.ports import SystemClock
        from workflow.identity.provider import ProviderUnfit, try_provider
        from workflow.settings.secrets import Secrets

        provider = settings.sign_in.provider(name)
        if provider is None:
            raise TrialUnfit("il n'est plus dans les réglages", "recommencer")
        try:
            return try_provider(provider, Secrets(settings.secrets_directory, os.environ), SystemClock().now())
        except ProviderUnfit as unfit:
            raise TrialUnfit(str(unfit), unfit.remedy) from None

    return trial
