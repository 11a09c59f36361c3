"""Codes kept in an installation, and the keys that hold them: what a change of key is tried on."""

from pathlib import Path

from sqlalchemy import select, update

from notifications import encryption
from notifications.encryption import Sealer
from notifications.outbox.store import SEALS
from notifications.ports import SystemClock
from workflow.app import bootstrap, open_database
from workflow.journal.verification import Verifier
from workflow.settings.loader import find_settings, load_settings


class SealedCodes:
    """The codes of the installation of ``config``."""

    def __init__(self, config: Path) -> None:
        self.settings = load_settings(find_settings(str(config), {}))
        self.file = self.settings.secrets_directory / "seal-key"

    @property
    def keys(self) -> list[str]:
        return self.file.read_text().split()

    def fill(self, count: int, prefix: str = "ODA-2027-") -> dict[str, str]:
        """Keep as many codes, under the keys of now; returns them by reference."""
        codes = {f"{prefix}{number:05}": f"Code{number:05}" for number in range(count)}
        app = bootstrap(self.settings, {})
        with app.database.write() as connection:
            if codes:
                encryption.seal(connection, app.mailer.sealer, codes, SystemClock().now())
        app.close()
        return codes

    def lose(self, reference: str, key: str) -> None:
        """That code stands under a key that nobody has."""
        lost = Sealer([key]).seal("perdu", reference)
        database = open_database(self.settings, {})
        with database.write() as connection:
            connection.execute(update(SEALS).where(SEALS.c.reference == reference).values(ciphertext=lost))
        database.dispose()

    def opened(self, *keys: str) -> dict[str, str]:
        """The codes that these keys open, all of them, those of the file unless told; CodeUnreadable otherwise."""
        sealer = Sealer(keys or self.keys)
        database = open_database(self.settings, {})
        with database.read() as connection:
            query = select(SEALS.c.reference, SEALS.c.ciphertext).where(SEALS.c.ciphertext.is_not(None))
            rows = connection.execute(query).all()
        database.dispose()
        return {row.reference: sealer.open(row.ciphertext, row.reference) for row in rows}

    def flaws(self) -> list[str]:
        """What does not hold in the journal."""
        app = bootstrap(self.settings, {})
        with app.database.read() as connection:
            flaws = [str(flaw) for flaw in Verifier(connection, app.hasher).flaws()]
        app.close()
        return flaws
