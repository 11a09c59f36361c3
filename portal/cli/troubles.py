"""What the database's own error codes mean for the person at the keyboard."""

from portal.cli.exits import CliFailure, ExitCode

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


def _trouble(message: str, remedy: str) -> CliFailure:
    return CliFailure(message, ExitCode.UNAVAILABLE, [f"Que faire : {remedy}."])


_FULL = _trouble("Plus de place sur le disque de la base de données.", "y faire de la place, puis recommencer")
_READ_ONLY = _trouble(
    "La base de données est en lecture seule.",
    "donner à ce compte le droit d'écrire la base (sur SQLite, le fichier et son dossier), puis recommencer",
)
_DAMAGED = _trouble(
    "Le fichier de la base est abîmé, ou n'est pas une base.",
    "n'y rien écrire, en garder une copie, et restaurer une sauvegarde",
)
_TROUBLES = {
    "SQLITE_FULL": _FULL,
    "53100": _FULL,
    "SQLITE_READONLY": _READ_ONLY,
    "25006": _READ_ONLY,
    "SQLITE_NOTADB": _DAMAGED,
    "SQLITE_CORRUPT": _DAMAGED,
    "SQLITE_CANTOPEN": _trouble(
        "Le fichier de la base ne peut pas être ouvert.",
        "vérifier le réglage database.url, et que ce compte peut lire et écrire ce fichier et son dossier",
    ),
    "SQLITE_IOERR": _trouble(
        "Le disque de la base refuse de lire ou d'écrire.",
        "vérifier la place libre et les quotas, puis l'état du disque",
    ),
    "42501": _trouble(
        "Le compte de la base de données n'a pas les droits qu'il faut.",
        "le rendre propriétaire de la base et de ses tables",
    ),
}
"""What SQLite's error names begin with, and PostgreSQL's codes."""


def meaning_of(driver_error: object) -> CliFailure | None:
    """What the driver's own code means; None when it tells nothing to the person."""
    sqlite = getattr(driver_error, "sqlite_errorname", "") or ""
    postgresql = getattr(driver_error, "sqlstate", "") or ""
    if sqlite.startswith(_BUSY_SQLITE) or postgresql in _BUSY_POSTGRESQL:
        return BUSY
    told = [failure for code, failure in _TROUBLES.items() if sqlite.startswith(code) or postgresql == code]
    return told[0] if told else None
