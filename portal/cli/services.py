"""What the failures of the settings, the database and the mail relay mean: loaded only when one occurs."""

from portal.cli.exits import CliFailure, ExitCode, failure_for, refused

_BUSY_SQLITE = ("SQLITE_BUSY", "SQLITE_LOCKED")
_BUSY_POSTGRESQL = ("40001", "40P01", "55P03")  # serialization failure, deadlock, lock not available


_BUSY = CliFailure(
    "La base de données est occupée par un autre traitement.",
    ExitCode.BUSY,
    ["Que faire : recommencer dans un instant."],
)
_UNREACHABLE = CliFailure(
    "La base de données ne répond pas, ou n'est pas préparée.",
    ExitCode.UNAVAILABLE,
    ["Que faire : vérifier le réglage database.url et que le serveur est démarré, puis « oda database status »."],
)


@failure_for("workflow.settings.problems.SettingsError", "workflow.settings.secrets.SecretError")
def _settings(error: Exception) -> CliFailure:
    # Both are written for the person and quote no secret.
    return CliFailure("Les réglages ne sont pas utilisables.", ExitCode.SETTINGS, str(error).split("\n"))


@failure_for("workflow.database.DatabaseBusy")
def _busy(_: Exception) -> CliFailure:
    return _BUSY


@failure_for("workflow.database.DatabaseUnreachable")
def _unreachable(_: Exception) -> CliFailure:
    return _UNREACHABLE


@failure_for("sqlalchemy.exc.OperationalError")
def _database(error: Exception) -> CliFailure:
    driver_error = getattr(error, "orig", None)
    sqlite, postgresql = getattr(driver_error, "sqlite_errorname", ""), getattr(driver_error, "sqlstate", "")
    is_busy = (sqlite or "").startswith(_BUSY_SQLITE) or postgresql in _BUSY_POSTGRESQL
    return _BUSY if is_busy else _UNREACHABLE


@failure_for("aiosmtplib.errors.SMTPException")
def _relay(_: Exception) -> CliFailure:
    return CliFailure(
        "Le relais de messagerie ne répond pas, ou refuse la connexion.",
        ExitCode.UNAVAILABLE,
        ["Que faire : vérifier les réglages du relais avec « oda check-config »."],
    )


@failure_for("workflow.people.NotAllowed")
def _not_allowed(error: Exception) -> CliFailure:
    return CliFailure(str(error), ExitCode.REFUSED)


@failure_for(
    "workflow.schema.SchemaBehind",
    "workflow.schema.SchemaAhead",
    "workflow.installation.NotInstalled",
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
