"""The meaning of a database's error, by the driver's own code: one for the pages, the API, the command line, the log.

Of a connection that has no code, its words tell which sentence to say and nothing else.
"""

import re
from enum import Enum
from typing import Final

from sqlalchemy.exc import DBAPIError, OperationalError

from notifications.ports import DatabaseTrouble

LOST_RACES: Final = ("40001", "40P01")
"""What a second attempt of the whole transaction settles, which sees what the other one wrote (R9)."""


class DatabaseFault(Enum):
    """A reason why a database does not serve now, what to do, and whether to come back is enough."""

    BUSY = "La base de données est occupée par un autre traitement", "recommencer dans un instant", True
    CANCELLED = (
        "Une requête à la base a été interrompue : elle durait trop longtemps",
        "recommencer dans un instant ; si cela dure, voir ce qui occupe la base", True,
    )  # fmt: skip
    TOO_MANY = (
        "La base de données n'admet plus de connexion",
        "fermer celles d'autres programmes, ou augmenter max_connections (docs/installation.md)", True,
    )  # fmt: skip
    UNREACHABLE = (
        "La base de données ne répond pas, ou n'est pas préparée",
        "vérifier le réglage database.url (serveur, base, compte), le secret database-password et que le serveur est"
        " démarré, puis « oda database status »", False,
    )  # fmt: skip
    REFUSED = (
        "Le serveur de la base de données refuse la connexion : il n'est pas démarré, ou pas à cette adresse",
        "le démarrer ; sinon vérifier le serveur et le port dans database.url, et le pare-feu", False,
    )  # fmt: skip
    NO_HOST = (
        "Le nom du serveur de la base de données est inconnu",
        "vérifier le réglage database.url, et que cette machine résout ce nom", False,
    )  # fmt: skip
    NO_DATABASE = (
        "Cette base de données n'existe pas sur le serveur",
        "vérifier son nom dans database.url, ou la créer (docs/installation.md)", False,
    )  # fmt: skip
    PASSWORD = (
        "Le serveur de la base de données n'admet pas ce compte, ou pas ce mot de passe",
        "vérifier le compte dans database.url, le secret database-password, et pg_hba.conf sur le serveur", False,
    )  # fmt: skip
    TLS = (
        "Le chiffrement ne s'établit pas avec le serveur de la base de données",
        "vérifier sslmode et sslrootcert dans database.url, et le certificat du serveur", False,
    )  # fmt: skip
    SILENT = (
        "La base de données ne répond plus : elle est figée, ou le réseau est coupé",
        "voir l'état de la machine de la base, et le réseau jusqu'à elle", False,
    )  # fmt: skip
    NO_SPACE = "Plus de place sur le disque de la base de données", "y faire de la place, puis recommencer", False
    NO_MEMORY = "La base de données n'a plus de mémoire", "voir ce qui occupe la machine de la base", False
    READ_ONLY = (
        "La base de données est en lecture seule",
        "donner à ce compte le droit d'écrire la base (sur SQLite, le fichier et son dossier), puis recommencer", False,
    )  # fmt: skip
    DAMAGED = (
        "Le fichier de la base est abîmé, ou n'est pas une base",
        "n'y rien écrire, en garder une copie, et restaurer une sauvegarde", False,
    )  # fmt: skip
    CANNOT_OPEN = (
        "Le fichier de la base ne peut pas être ouvert",
        "vérifier le réglage database.url, et que ce compte peut lire et écrire ce fichier et son dossier", False,
    )  # fmt: skip
    DISK = (
        "Le disque de la base refuse de lire ou d'écrire",
        "vérifier la place libre et les quotas, puis l'état du disque", False,
    )  # fmt: skip
    NO_RIGHT = (
        "Le compte de la base de données n'a pas les droits qu'il faut",
        "le rendre propriétaire de la base et de ses tables", False,
    )  # fmt: skip

    def __init__(self, message: str, remedy: str, is_passing: bool) -> None:
        self.message, self.remedy, self.is_passing = message, remedy, is_passing


CANNOT_WRITE: Final = (DatabaseFault.NO_SPACE, DatabaseFault.READ_ONLY, DatabaseFault.DISK)


class _Faulty(DatabaseTrouble):
    def __init__(self, fault: DatabaseFault) -> None:
        super().__init__(fault.message)
        self.fault, self.remedy, self.can_read = fault, fault.remedy, fault in _READABLE


_READABLE: Final = (DatabaseFault.NO_SPACE, DatabaseFault.READ_ONLY)


class DatabaseBusy(_Faulty):
    """La base est occupée par un autre traitement depuis plus de 10 secondes : recommencer dans un instant."""

    def __init__(self, fault: DatabaseFault = DatabaseFault.BUSY) -> None:
        super().__init__(fault)


class LostRace(DatabaseBusy):
    """Un autre traitement est passé avant : recommencer dans un instant."""


class DatabaseUnreachable(_Faulty):
    """La base de données ne répond pas : vérifier database.url et que le serveur est démarré."""

    def __init__(self, fault: DatabaseFault = DatabaseFault.UNREACHABLE) -> None:
        super().__init__(fault)


_SQLITE: Final = {
    "SQLITE_BUSY": DatabaseFault.BUSY,
    "SQLITE_LOCKED": DatabaseFault.BUSY,
    "SQLITE_INTERRUPT": DatabaseFault.CANCELLED,
    "SQLITE_FULL": DatabaseFault.NO_SPACE,
    "SQLITE_NOMEM": DatabaseFault.NO_MEMORY,
    "SQLITE_READONLY": DatabaseFault.READ_ONLY,
    "SQLITE_NOTADB": DatabaseFault.DAMAGED,
    "SQLITE_CORRUPT": DatabaseFault.DAMAGED,
    "SQLITE_CANTOPEN": DatabaseFault.CANNOT_OPEN,
    "SQLITE_IOERR": DatabaseFault.DISK,
}
"""By the beginning of its error names."""

_POSTGRESQL: Final = {
    "40001": DatabaseFault.BUSY,  # serialization failure
    "40P01": DatabaseFault.BUSY,  # deadlock
    "55P03": DatabaseFault.BUSY,  # lock not available
    "57014": DatabaseFault.CANCELLED,
    "25P03": DatabaseFault.CANCELLED,  # idle in transaction for too long
    "25P04": DatabaseFault.CANCELLED,  # transaction too long
    "53300": DatabaseFault.TOO_MANY,
    "53100": DatabaseFault.NO_SPACE,
    "53200": DatabaseFault.NO_MEMORY,
    "25006": DatabaseFault.READ_ONLY,
    "58030": DatabaseFault.DISK,
    "XX001": DatabaseFault.DAMAGED,
    "XX002": DatabaseFault.DAMAGED,
    "42501": DatabaseFault.NO_RIGHT,
    "28P01": DatabaseFault.PASSWORD,
    "28000": DatabaseFault.PASSWORD,
    "3D000": DatabaseFault.NO_DATABASE,
    "08006": DatabaseFault.SILENT,
    "57P01": DatabaseFault.UNREACHABLE,  # shut down by an administrator
    "57P02": DatabaseFault.UNREACHABLE,
    "57P03": DatabaseFault.UNREACHABLE,  # starting
    "57P05": DatabaseFault.UNREACHABLE,  # idle for too long
}
"""By its SQLSTATE codes."""

_OF_CONNECTION: Final = tuple(
    (re.compile(words, re.I), fault)
    for words, fault in (
        (r"too many (clients|connections)|connection slots|trop de (clients|connexions)", DatabaseFault.TOO_MANY),
        (
            r"password authentication failed|no password supplied|authentification par mot de passe"
            r"|\b(role|rôle)\b.* (does not exist|n'existe pas)|peer authentication",
            DatabaseFault.PASSWORD,
        ),
        (r"FATAL: +(database|la base de données) .*(does not exist|n'existe pas)", DatabaseFault.NO_DATABASE),
        (r"\bSSL\b|certificate|certificat\b|no encryption|sans chiffrement", DatabaseFault.TLS),
        (r"pg_hba\.conf", DatabaseFault.PASSWORD),
        (r"failed to resolve|could not translate host name|Name or service not known", DatabaseFault.NO_HOST),
        (r"connection refused|connexion refusée|on socket .*(no such file|aucun fichier)", DatabaseFault.REFUSED),
    )
)
"""A connection that is refused bears no code: these words only choose between several reasons to say."""


def fault_of(driver_error: object) -> DatabaseFault | None:
    """The fault that the driver's own code means; None for a code that is in no table, or for no code."""
    sqlite = getattr(driver_error, "sqlite_errorname", None) or ""
    sqlite_fault = next((fault for code, fault in _SQLITE.items() if sqlite.startswith(code)), None)
    return sqlite_fault or _POSTGRESQL.get(getattr(driver_error, "sqlstate", None) or "")


def trouble_of(error: DBAPIError) -> DatabaseBusy | DatabaseUnreachable | None:
    """The trouble that an error means; None for a fault of ours: a statement or a value that is wrong."""
    if getattr(error.orig, "sqlstate", None) in LOST_RACES:
        return LostRace()
    fault = fault_of(error.orig)
    # No statement made it: the connection could not be opened, or was lost.
    is_of_connection = error.connection_invalidated or (
        isinstance(error, OperationalError) and getattr(error.orig, "sqlstate", None) is None
        and (error.statement is None or not hasattr(error.orig, "sqlite_errorname"))
    )  # fmt: skip
    if fault is None and is_of_connection:
        said = str(error.orig)
        fault = next((fault for words, fault in _OF_CONNECTION if words.search(said)), DatabaseFault.UNREACHABLE)
    if fault is None:
        return None
    return DatabaseBusy(fault) if fault.is_passing else DatabaseUnreachable(fault)
