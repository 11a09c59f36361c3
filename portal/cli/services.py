"""What the failures of the settings, the database and the mail relay mean: loaded only when one occurs."""

from portal.cli import disk
from portal.cli.exits import CliFailure, ExitCode, failure_for, refused
from portal.cli.troubles import BUSY, UNREACHABLE, meaning_of


@failure_for("workflow.settings.problems.SettingsError", "workflow.settings.secrets.SecretError")
def _settings(error: Exception) -> CliFailure:
    # Both are written for the person and quote no secret.
    return CliFailure("Les réglages ne sont pas utilisables.", ExitCode.SETTINGS, str(error).split("\n"))


@failure_for("notifications.wordings_folder.TemplatesRefused")
def _templates(error: Exception) -> CliFailure:
    details = [*str(error).split("\n"), "Que faire : corriger ou ôter ces fichiers, puis « oda check-config »."]
    return CliFailure("Les modèles de l'académie ne sont pas utilisables (R68).", ExitCode.SETTINGS, details)


@failure_for("workflow.database.DatabaseBusy")
def _busy(_: Exception) -> CliFailure:
    return BUSY


@failure_for("workflow.database.DatabaseUnreachable")
def _unreachable(error: Exception) -> CliFailure:
    return meaning_of(getattr(error.__cause__, "orig", None)) or UNREACHABLE


@failure_for("sqlalchemy.exc.OperationalError")
def _database(error: Exception) -> CliFailure:
    return meaning_of(getattr(error, "orig", None)) or UNREACHABLE


@failure_for("sqlalchemy.exc.DatabaseError")
def _unforeseen(error: Exception) -> CliFailure | None:
    never_asked = getattr(error, "statement", "") is None  # an address that the driver cannot read
    return meaning_of(getattr(error, "orig", None)) or (UNREACHABLE if never_asked else None)


@failure_for("builtins.OSError")
def _system(error: Exception) -> CliFailure | None:
    if not isinstance(error, OSError) or error.errno not in disk.FULL:
        return None
    remedy = "Que faire : faire de la place ; puis voir si l'action est faite avant de la refaire."
    return CliFailure("Plus de place sur le disque : la sortie n'est pas entière.", ExitCode.UNAVAILABLE, [remedy])


@failure_for("notifications.sealing.BadSealingKey")
def _bad_key(_: Exception) -> CliFailure:
    return CliFailure(
        "La clé des codes (secret seal-key) est abîmée ou incomplète.",
        ExitCode.SETTINGS,
        ["Que faire : remettre l'originale depuis la sauvegarde des secrets ; si elle est perdue, ôter ce fichier et"
         " relancer « oda init DOSSIER » : les codes en attente seront à réémettre."],
    )  # fmt: skip


@failure_for("aiosmtplib.errors.SMTPException")
def _relay(_: Exception) -> CliFailure:
    return CliFailure(
        "Le relais de messagerie ne répond pas, ou refuse la connexion.",
        ExitCode.UNAVAILABLE,
        ["Que faire : lancer « oda mail check », qui dit quel réglage corriger."],
    )


@failure_for("workflow.people.NotAllowed")
def _not_allowed(error: Exception) -> CliFailure:
    return CliFailure(str(error), ExitCode.REFUSED)


@failure_for(
    "workflow.schema.SchemaBehind",
    "workflow.schema.SchemaAhead",
    "workflow.installation.NotInstalled",
    "workflow.schema.ForeignDatabase",
    "workflow.storage.FileMissing",
    "workflow.storage.OtherMachine",
)
def _not_ready(error: Exception) -> CliFailure:
    return CliFailure(_sentence(error), ExitCode.UNAVAILABLE)


@failure_for("workflow.installation.OtherInstallation", "workflow.storage.SharedFile")
def _badly_placed(error: Exception) -> CliFailure:
    return CliFailure(_sentence(error), ExitCode.SETTINGS)


@failure_for("workflow.directory.file.UnusableFile")
def _unusable_file(error: Exception) -> CliFailure:
    why, _, what_to_do = str(error).partition(" Que faire : ")
    return CliFailure("Ce fichier ne peut pas être importé, rien n'a changé.", ExitCode.BAD_INPUT,
                      [why, f"Que faire : {what_to_do}"])  # fmt: skip


@failure_for("workflow.directory.refusals.DirectoryRefused")
def _refused(error: Exception) -> CliFailure:
    return refused(getattr(error, "reasons", ()))


def _sentence(error: Exception) -> str:
    """The message of a class whose docstring is its message."""
    return " ".join((type(error).__doc__ or "").split())
