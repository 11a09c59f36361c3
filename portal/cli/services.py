"""What the failures of the database and of the mail relay mean for ``oda``: read only when one occurs."""

from portal.cli.exits import CliFailure, ExitCode, failure_for

_BUSY_SQLITE = ("SQLITE_BUSY", "SQLITE_LOCKED")
_BUSY_POSTGRESQL = ("40001", "40P01", "55P03")  # serialization failure, deadlock, lock not available


@failure_for("sqlalchemy.exc.OperationalError")
def _database(error: Exception) -> CliFailure:
    driver_error = getattr(error, "orig", None)
    sqlite, postgresql = getattr(driver_error, "sqlite_errorname", ""), getattr(driver_error, "sqlstate", "")
    if (sqlite or "").startswith(_BUSY_SQLITE) or postgresql in _BUSY_POSTGRESQL:
        return CliFailure(
            "La base de données est occupée par un autre traitement : rien n'a changé, recommencer.", ExitCode.BUSY
        )
    return CliFailure(
        "La base de données ne répond pas, ou n'est pas préparée.",
        ExitCode.UNAVAILABLE,
        ["Que faire : lancer « oda database status »."],
    )


@failure_for("aiosmtplib.errors.SMTPException")
def _relay(_: Exception) -> CliFailure:
    return CliFailure(
        "Le relais de messagerie ne répond pas, ou refuse la connexion.",
        ExitCode.UNAVAILABLE,
        ["Que faire : vérifier les réglages du relais avec « oda check-config »."],
    )
