"""Exceptions of other packages as failures in French for the person at the keyboard."""

from collections.abc import Callable

from portal.cli.errors import NO_SPACE, CliFailure, ExitCode, refused

Translate = Callable[[Exception], CliFailure | None]

TRANSLATIONS: dict[str, Translate] = {}


def failure_for(*classes: str) -> Callable[[Translate], Translate]:
    """Register the translation of another package's exception, named by its path so that nothing is imported for it.

    It holds for its subclasses too: the closest class wins. A translation returns None for an unforeseen error.
    """

    def register(translate: Translate) -> Translate:
        TRANSLATIONS.update(dict.fromkeys(classes, translate))
        return translate

    return register


_BUSY_SQLITE = ("SQLITE_BUSY", "SQLITE_LOCKED")
_BUSY_POSTGRESQL = ("40001", "40P01", "55P03")  # serialization failure, deadlock, lock not available

BUSY = CliFailure(
    "La base de données est occupée par un autre traitement.",
    ExitCode.BUSY,
    ["Que faire : recommencer dans un instant."],
)
UNREACHABLE = CliFailure(
    "La base de données ne répond pas, ou n'est pas préparée.",
    ExitCode.UNAVAILABLE,
    ["Que faire : vérifier le réglage database.url (serveur, base, compte), le secret database-password et que le"
     " serveur est démarré, puis « oda database status »."],
)  # fmt: skip


def _unavailable(message: str, remedy: str) -> CliFailure:
    return CliFailure(message, ExitCode.UNAVAILABLE, [f"Que faire : {remedy}."])


_NO_SPACE_LEFT = _unavailable(
    "Plus de place sur le disque de la base de données.", "y faire de la place, puis recommencer"
)
_READ_ONLY = _unavailable(
    "La base de données est en lecture seule.",
    "donner à ce compte le droit d'écrire la base (sur SQLite, le fichier et son dossier), puis recommencer",
)
_DAMAGED = _unavailable(
    "Le fichier de la base est abîmé, ou n'est pas une base.",
    "n'y rien écrire, en garder une copie, et restaurer une sauvegarde",
)
_DRIVER_ERRORS = {
    "SQLITE_FULL": _NO_SPACE_LEFT,
    "53100": _NO_SPACE_LEFT,
    "SQLITE_READONLY": _READ_ONLY,
    "25006": _READ_ONLY,
    "SQLITE_NOTADB": _DAMAGED,
    "SQLITE_CORRUPT": _DAMAGED,
    "SQLITE_CANTOPEN": _unavailable(
        "Le fichier de la base ne peut pas être ouvert.",
        "vérifier le réglage database.url, et que ce compte peut lire et écrire ce fichier et son dossier",
    ),
    "SQLITE_IOERR": _unavailable(
        "Le disque de la base refuse de lire ou d'écrire.",
        "vérifier la place libre et les quotas, puis l'état du disque",
    ),
    "42501": _unavailable(
        "Le compte de la base de données n'a pas les droits qu'il faut.",
        "le rendre propriétaire de la base et de ses tables",
    ),
}
"""By the beginning of SQLite's error names, and by PostgreSQL's codes."""


def _driver_failure(driver_error: object) -> CliFailure | None:
    """The failure of the driver's own code; None for a code that is not in the table."""
    sqlite = getattr(driver_error, "sqlite_errorname", "") or ""
    postgresql = getattr(driver_error, "sqlstate", "") or ""
    if sqlite.startswith(_BUSY_SQLITE) or postgresql in _BUSY_POSTGRESQL:
        return BUSY
    return next(
        (failure for code, failure in _DRIVER_ERRORS.items() if sqlite.startswith(code) or postgresql == code), None
    )


@failure_for("workflow.settings.yaml_reader.SettingsError", "workflow.settings.secrets.SecretError")
def _settings(error: Exception) -> CliFailure:
    # Both are written for the person and quote no secret.
    return CliFailure("Les réglages ne sont pas utilisables.", ExitCode.SETTINGS, str(error).split("\n"))


@failure_for("notifications.rendering.environment.TemplatesRefused")
def _templates(error: Exception) -> CliFailure:
    details = [*str(error).split("\n"), "Que faire : corriger ou ôter ces fichiers, puis « oda check-config »."]
    return CliFailure("Les modèles de l'académie ne sont pas utilisables (R68).", ExitCode.SETTINGS, details)


@failure_for("workflow.database.connection.DatabaseBusy")
def _busy(_: Exception) -> CliFailure:
    return BUSY


@failure_for("workflow.database.connection.DatabaseUnreachable")
def _unreachable(error: Exception) -> CliFailure:
    return _driver_failure(getattr(error.__cause__, "orig", None)) or UNREACHABLE


@failure_for("sqlalchemy.exc.OperationalError")
def _database(error: Exception) -> CliFailure:
    return _driver_failure(getattr(error, "orig", None)) or UNREACHABLE


@failure_for("sqlalchemy.exc.DatabaseError")
def _unforeseen(error: Exception) -> CliFailure | None:
    never_asked = getattr(error, "statement", "") is None  # an address that the driver cannot read
    return _driver_failure(getattr(error, "orig", None)) or (UNREACHABLE if never_asked else None)


@failure_for("builtins.OSError")
def _system(error: Exception) -> CliFailure | None:
    if not isinstance(error, OSError) or error.errno not in NO_SPACE:
        return None
    remedy = "Que faire : faire de la place ; puis voir si l'action est faite avant de la refaire."
    return CliFailure("Plus de place sur le disque : la sortie n'est pas entière.", ExitCode.UNAVAILABLE, [remedy])


@failure_for("notifications.encryption.sealer.BadSealingKey")
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


@failure_for("workflow.auth.actors.NotAllowed")
def _not_allowed(error: Exception) -> CliFailure:
    reasons = getattr(error, "reasons", ())
    return refused(reasons) if reasons else CliFailure(str(error), ExitCode.REFUSED)


@failure_for(
    "workflow.database.schema.SchemaBehind",
    "workflow.database.schema.SchemaAhead",
    "workflow.journal.installation.NotInstalled",
    "workflow.database.schema.ForeignDatabase",
    "workflow.database.connection.FileMissing",
    "workflow.database.connection.OtherMachine",
)
def _not_ready(error: Exception) -> CliFailure:
    return CliFailure(_sentence(error), ExitCode.UNAVAILABLE)


@failure_for("workflow.journal.installation.OtherInstallation", "workflow.database.connection.SharedFile")
def _badly_placed(error: Exception) -> CliFailure:
    return CliFailure(_sentence(error), ExitCode.SETTINGS)


@failure_for("workflow.directory.parser.UnusableFile")
def _unusable_file(error: Exception) -> CliFailure:
    message, _, remedy = str(error).partition(" Que faire : ")
    return CliFailure("Ce fichier ne peut pas être importé, rien n'a changé.", ExitCode.BAD_INPUT,
                      [message, f"Que faire : {remedy}"])  # fmt: skip


@failure_for("workflow.directory.model.DirectoryRefused")
def _refused(error: Exception) -> CliFailure:
    return refused(getattr(error, "reasons", ()))


@failure_for("portal.demo.temporary_folder.FolderRefused")
def _no_new_folder(error: Exception) -> CliFailure:
    return CliFailure(str(error), ExitCode.REFUSED, [getattr(error, "remedy", "")])


@failure_for("portal.demo.temporary_folder.NoTemporaryFolder")
def _no_temporary_folder(error: Exception) -> CliFailure:
    return CliFailure(str(error), ExitCode.UNAVAILABLE, [getattr(error, "remedy", "")])


def _sentence(error: Exception) -> str:
    """The message of an exception whose class has it as its docstring."""
    return " ".join((type(error).__doc__ or "").split())
