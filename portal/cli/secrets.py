"""``oda secrets``: replace the codes' key without losing a code (R71), and the seals' (R109)."""

import os
from typing import TYPE_CHECKING

import click

from portal.cli.click_french import CommandGroup
from portal.cli.context import CliContext, opened, opened_app, pass_cli_context
from portal.cli.errors import CliFailure, ExitCode, failure_for
from portal.cli.output import printable

if TYPE_CHECKING:
    from workflow.app import App
    from workflow.key_rotation import SealKeys
    from workflow.settings.secrets import Keyring

_GENERATE = (
    "(umask 077; python3 -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())'"
    " > nouvelle-cle)"
)

_DISK = "y faire de la place, ou donner à ce compte le droit d'écrire dans ce dossier, puis recommencer"


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


@failure_for("notifications.encryption.seals.CodesBusy")
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
    from states.french import plural

    with opened(context) as (app, actor):
        from portal.cli.errors import writing

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
        from notifications.encryption.seals import count_codes
        from portal.cli.errors import writing
        from portal.cli.output import progress
        from states.french import plural

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
        from portal.cli.errors import writing
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
    from notifications.encryption.seals import is_of_link
    from states.french import plural
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
