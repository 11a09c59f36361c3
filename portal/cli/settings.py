"""``oda check-config``, ``config-schema``, ``secrets``: the settings checked and tried, the keys beside them replaced.

A key is replaced without losing a code (R71), or breaking the chain of seals (R109).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import click

from portal.cli.context import CliContext, FilePath, opened, opened_app, pass_cli_context, running_year
from portal.cli.errors import CliFailure, CommandGroup, ExitCode, failure_for, writing
from portal.cli.output import printable, progress, say
from states.french import plural

if TYPE_CHECKING:
    from workflow.app import App
    from workflow.key_rotation import SealKeys
    from workflow.settings.model import Settings
    from workflow.settings.secrets import Keyring
    from workflow.settings.services import WebhookEndpoint

TRIAL_S: Final = 20
"""Seconds of a trial, whatever it waits for; all run at the same time."""

Trial = Callable[[], str]
"""Tries something; returns what was seen, in French. Raises TrialUnfit."""

_GENERATE = (
    "(umask 077; python3 -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())'"
    " > nouvelle-cle)"
)

_DISK = "y faire de la place, ou donner à ce compte le droit d'écrire dans ce dossier, puis recommencer"


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
    from workflow.settings.warnings import check_posture, check_settings
    from workflow.settings.yaml_reader import setting_of

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
        *(
            (("Codes tirés", f"{drawer.length} signes, environ {drawer.bits()} bits de hasard"),)
            if (drawer := settings.code.drawer)
            else ()
        ),
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
        *(
            (f"Par la variable {name}", f"{'.'.join(setting_of(name))} = {text}")  # which nobody would look for there
            for name, text in settings.overrides.items()
        ),
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

    results = try_connections(settings)
    for result in results:
        click.echo(printable(f"{' ' if result.is_well else '!'} {result.name} : {result.text}"))
    failed = [result for result in results if not result.is_well]
    if failed:
        details = [f"{result.name}. Que faire : {result.remedy}." for result in failed]
        raise CliFailure(f"{plural(len(failed), 'essai')} sans succès.", ExitCode.UNAVAILABLE, details)


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
        from workflow.webhooks.queue import SigningSecrets

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
    from workflow.settings.model import schema_text

    click.echo(schema_text().encode(), nl=False)


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

    def run(number: int, name: str, trial: Trial) -> None:
        try:
            results[number] = TrialResult(name, trial())
        except TrialUnfit as unfit:
            results[number] = TrialResult(name, str(unfit), unfit.remedy)
        except Exception as error:  # its class alone: a text may hold an address or a secret
            text = f"essai interrompu ({type(error).__name__})"
            results[number] = TrialResult(name, text, "lire le journal du système")

    threads = [
        Thread(target=run, args=(number, name, trial), daemon=True) for number, (name, trial) in enumerate(trials)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds)
    silent = f"pas de réponse en {seconds:g} secondes"
    remedy = "vérifier l'adresse, et que le pare-feu laisse passer cette machine"
    return [results.get(number, TrialResult(name, silent, remedy)) for number, (name, _) in enumerate(trials)]


def _try_database(settings: "Settings") -> str:
    from sqlalchemy.exc import SQLAlchemyError

    from notifications.ports import DatabaseTrouble
    from workflow.app import open_database
    from workflow.database import schema
    from workflow.database.connection import FileMissing, SharedFile
    from workflow.database.faults import DatabaseFault, fault_of
    from workflow.journal import chain
    from workflow.journal.chain import JournalHasher
    from workflow.settings.secrets import SecretError, Secrets

    try:
        key = Secrets(settings.secrets_directory, os.environ).read("journal-key").get_secret_value()
        database = open_database(settings, os.environ)
        try:
            with database.read() as connection:
                schema.require_current(connection)
                chain.check_key(connection, JournalHasher(key.encode()))
        finally:
            database.dispose()
    except SecretError as error:
        raise TrialUnfit(str(error), "déposer ce secret, puis recommencer") from None
    except (
        FileMissing, SharedFile, schema.SchemaAhead, schema.SchemaBehind, chain.NotInstalled,
        chain.OtherInstallation,
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
        from workflow.webhooks.queue import SigningSecrets, Verdict
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


@failure_for("workflow.settings.secrets.KeyringFixed")
def _fixed(error: Exception) -> CliFailure:
    variable = getattr(error, "variable", "")
    return CliFailure(
        f"Les clés viennent de la variable {variable}, qu'aucune commande ne peut changer : rien n'a changé.",
        ExitCode.REFUSED,
        [
            f"Que faire : écrire une clé neuve dans un fichier, sans l'afficher : {_GENERATE}",
            f"La mettre en tête de {variable}, les anciennes dessous, une par ligne, sur chaque machine, et relancer"
            " les services ; puis « oda secrets rotate ».",
        ],
    )  # fmt: skip


@failure_for("notifications.encryption.CodesBusy")
def _busy(_: Exception) -> CliFailure:
    remedy = "Que faire : recommencer dans un instant."
    return CliFailure("Des codes sont en cours d'émission : les anciennes clés restent.", ExitCode.BUSY, [remedy])


@failure_for("workflow.key_rotation.StillSealedElsewhere")
def _elsewhere(_: Exception) -> CliFailure:
    remedy = "Que faire : mettre les mêmes clés, dans le même ordre, sur chaque machine, puis recommencer."
    message = "Une autre machine scelle encore des codes sous une ancienne clé : les anciennes clés restent."
    return CliFailure(message, ExitCode.REFUSED, [remedy])


@click.group("secrets", cls=CommandGroup, help="La clé des codes et celle des sceaux du journal : les remplacer.")
def secrets() -> None:
    pass


@secrets.command(
    "new-key",
    help="Fait une nouvelle clé des codes et la met en tête : elle chiffre désormais, les anciennes ouvrent encore ce"
    " qu'elles ont chiffré (R71). Aucune clé n'est affichée. Réservé aux opérateurs.",
)
@pass_cli_context
def new_key(context: CliContext) -> None:
    with opened(context) as (app, actor):
        keyring = _keyring(app)
        with writing(keyring.file, _DISK):
            count = _keys(app, keyring).add(actor)
    for line in (
        f"Nouvelle clé en tête de {keyring.file} ({plural(count, 'clé')}) : elle chiffre les prochains codes.",
        "Ensuite :",
        "  1. Recopier ce fichier sur chaque autre machine de l'installation, et dans la sauvegarde des secrets.",
        "  2. Chiffrer par elle les codes en attente, et ôter les anciennes clés : oda secrets rotate",
    ):
        click.echo(printable(line))


@secrets.command(
    "rotate",
    help="Chiffre à nouveau, par la clé en tête, chaque code gardé, puis ôte les anciennes clés dont plus aucun code ne"
    " dépend (R71). Les courriels continuent de partir. Interrompu, se relance. Réservé aux opérateurs.",
)
@click.option("--keep-old", is_flag=True, help="Laisse les anciennes clés en place.")
@pass_cli_context
def rotate(context: CliContext, keep_old: bool) -> None:
    with opened(context) as (app, actor):
        from notifications.encryption import count_codes

        keyring = _keyring(app)
        with app.database.read() as connection:
            total = count_codes(connection)
        with progress(total, "Codes") as advance, writing(app.settings.secrets_directory, _DISK):
            result = _keys(app, keyring).rotate(actor, keep_old=keep_old, progress=advance)
        old_keys = len(keyring.read()) - 1
    resealed_codes = plural(result.resealed, "code chiffré à nouveau", "codes chiffrés à nouveau")
    removed_keys = plural(result.removed, "ancienne clé ôtée", "anciennes clés ôtées")
    click.echo(f"{resealed_codes}, {removed_keys}.")
    if result.unreadable:
        raise _unreadable_failure(result.unreadable)
    if old_keys and not keep_old:
        click.echo("Plus aucun code ne dépend des anciennes clés : les ôter de la variable, sur chaque machine.")
    elif not old_keys and not result.removed and not result.resealed:
        click.echo("Tout est déjà chiffré par la seule clé en place ; en changer commence par « oda secrets new-key ».")


@failure_for("workflow.journal.sealing.SigningKeyMissing")
def _no_signing_key(error: Exception) -> CliFailure:
    remedy = (
        "Que faire : remettre le fichier seal-signing-key d'origine. S'il est perdu : ôter ce qui est à sa place, puis"
        " « oda secrets new-signing-key --lost »."
    )
    message = f"La clé des sceaux ne peut pas servir : {getattr(error, 'why', '')}."
    return CliFailure(message, ExitCode.SETTINGS, [remedy])


@secrets.command(
    "signing-key",
    help="Montre la clé publique des sceaux du journal, à noter hors du service, et depuis quand elle signe (R109).",
)
@pass_cli_context
def signing_key(context: CliContext) -> None:
    with opened_app(context) as app, app.database.read() as connection:
        from workflow.journal.sealing import key_in_force, key_starts, last_seal

        own = [key.public for key in app.journal_sealer.signing_keys()]
        in_force, starts = key_in_force(connection, last_seal(connection)), key_starts(connection)
        zone = app.settings.zoneinfo
    for public, at, first_seal in starts:
        state = "en service" if public == in_force else "remplacée"
        where = "" if public in own or public != in_force else " ; elle n'est pas sur cette machine"
        click.echo(f"{public}  {state}, depuis le {at.astimezone(zone):%d/%m/%Y} (sceau {first_seal}){where}")
    for public in own:
        if public not in {known for known, _, _ in starts}:
            click.echo(f"{public}  sur cette machine, n'a encore signé aucun sceau")


@secrets.command(
    "new-signing-key",
    help="Fait la clé qui signe les sceaux du journal, ou la remplace : un dernier sceau de l'ancienne annonce la"
    " nouvelle (R109). Interrompue, se relance. Réservé aux opérateurs.",
)
@click.option("--lost", is_flag=True, help="L'ancienne clé est perdue : la nouvelle commence sans être annoncée.")
@pass_cli_context
def new_signing_key(context: CliContext, lost: bool) -> None:
    with opened(context) as (app, actor):
        from workflow.auth.actors import require_operator
        from workflow.settings.secrets import SIGNING_KEY, Secrets, generate

        require_operator(actor, "changer la clé des sceaux")
        directory, sealer = app.settings.secrets_directory, app.journal_sealer
        with writing(directory, _DISK):
            is_new = Secrets(directory, os.environ).find(SIGNING_KEY) is None
            if is_new and not lost:
                sealer.require_none_signed()
            if is_new:
                generate(directory)
            if lost:
                sealer.give_up_key(actor)
            elif not is_new:
                sealer.replace_key(actor)
        public = sealer.signing_keys()[0].public
    for line in (
        f"Clé publique des sceaux : {public}",
        "Ensuite :",
        "  1. La noter hors du service : elle sert à vérifier les sceaux sans se fier à cette machine.",
        f"  2. Recopier {directory / SIGNING_KEY} sur chaque autre machine, et dans la sauvegarde des secrets, jamais"
        " dans celle de la base.",
    ):
        click.echo(printable(line))
    if lost:
        click.echo("La vérification dira que cette clé n'a pas été annoncée, tant qu'on ne la lui donne pas (--key).")


def _unreadable_failure(references: tuple[str, ...]) -> CliFailure:
    """Return the failure for secrets that no key opens. Codes must be reissued; sign-in links only expire (R72)."""
    from notifications.encryption import is_of_link
    from workflow.auth.second_factor import factor_owner

    factors = [owner for reference in references if (owner := factor_owner(reference))]
    codes = [reference for reference in references if not is_of_link(reference) and not factor_owner(reference)]
    links = len(references) - len(codes) - len(factors)
    details, remedies = [f"{reference} : aucune des clés n'ouvre son code" for reference in codes], []
    if codes:
        remedies.append("réémettre ces codes (« oda request reissue-code »)")
    if links:
        details.append(f"{plural(links, 'lien')} de connexion : aucune des clés ne l'ouvre, et il expire de lui-même")
        remedies.append("attendre que les liens de connexion aient expiré (portal.link_minutes)")
    if factors:
        details += [f"{owner} : aucune des clés n'ouvre son second facteur" for owner in factors]
        remedies.append("retirer ces seconds facteurs (« oda person factor remove »)")
    remedies.append("relancer « oda secrets rotate »")
    message = f"{plural(len(references), 'code illisible', 'codes illisibles')} : les anciennes clés restent."
    return CliFailure(message, ExitCode.REFUSED, [*details, f"Que faire : {', puis '.join(remedies)}."])


def _keyring(app: "App") -> "Keyring":
    from workflow.settings.secrets import Keyring, Secrets

    return Keyring(Secrets(app.settings.secrets_directory, os.environ))


def _keys(app: "App", keyring: "Keyring") -> "SealKeys":
    from workflow.key_rotation import SealKeys

    return SealKeys(app.database, app.hasher, app.clock, app.mailer.sealer, keyring)
