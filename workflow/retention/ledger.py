"""The erasures that people asked for, kept outside the database: a restored backup is erased again (R110, R111).

The file holds keyed digests of addresses and the days, nothing else; it is to be saved with the secrets.
"""

import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from states.validation import fold_mail
from workflow.journal.chain import JournalHasher

LEDGER_NAME: Final = "erasures.txt"

_LINE: Final = re.compile(r"(\d{4}-\d{2}-\d{2}) ([0-9a-f]{64})")

_log = logging.getLogger("oda")


@dataclass(frozen=True)
class ErasureLedger:
    """An append-only file of one line an erasure."""

    path: Path
    hasher: JournalHasher

    def digest(self, mail: str) -> str:
        """Return the digest under which an address is known here; without the journal's key nobody finds it."""
        return self.hasher.digest(f"erased person\x1f{fold_mail(mail)}")

    def add(self, mail: str, day: date) -> None:
        """Write that whoever has this address is erased, for good before returning. Raises OSError."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
        descriptor = os.open(self.path, flags, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            file.write(f"{day.isoformat()} {self.digest(mail)}\n".encode())
            file.flush()
            os.fsync(descriptor)

    def read(self) -> Mapping[str, date]:
        """The last day of each digest; nothing while nobody was erased. A line that a kill cut short is left out.

        Raises OSError for a file that cannot be read.
        """
        days: dict[str, date] = {}
        try:
            lines = self.path.read_text("ascii", errors="replace").splitlines()
        except FileNotFoundError:
            return days
        for line in lines:
            if match := _LINE.fullmatch(line):
                days[match[2]] = max(date.fromisoformat(match[1]), days.get(match[2], date.min))
            elif line:
                _log.warning("a line of %s is not an erasure", self.path.name)
        return days
