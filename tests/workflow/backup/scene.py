"""An installation with a life in it, to back up: requests, a code that waits, mails to send."""

from datetime import UTC, datetime
from pathlib import Path

from tests.kit.system import System
from workflow.backup.archive import BackupResult, make_backup
from workflow.database.connection import Database

NOW = datetime(2027, 3, 2, 9, tzinfo=UTC)

CODE = "Ab12Cd34"
"""The code that ``System.issued`` issues."""


def lively(url: str) -> System:
    """Two requests, one of which has a code that waits in a mail."""
    system = System(url, NOW)
    system.issued(1)
    system.issued(2, only_ready=True)
    return system


def backed_up(system: System, place: Path, keep: int | None = None) -> BackupResult:
    database = Database(system.url)
    try:
        return make_backup(database, system.clock, place, [], keep)
    finally:
        database.dispose()
