"""The erasures that people asked for, kept outside the database: a restored backup is erased again (R110, R111).

The file holds keyed digests of addresses and names, and the days, nothing else; it is to be saved with the secrets.
"""

import logging
import os
import re
from collections.abc import Collection, Mapping
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
    """An append-only file: one line for each address, or name in an establishment, that is erased."""

    path: Path
    hasher: JournalHasher

    def digest(self, mail: str) -> str:
        """Return the digest under which an address is known here; without the journal's key nobody finds it."""
        return self.hasher.digest(f"erased person\x1f{fold_mail(mail)}")

    def digest_of_chef(self, uai: str, key: str) -> str:
        """Return the digest of a chef known by name alone: of the establishment, and the name's ``chef_key``."""
        return self.hasher.digest(f"erased chef\x1f{uai}\x1f{key}")

    def add(self, digests: Collection[str], day: date) -> None:
        """Write that whoever these digests are of is erased, for good before returning. Raises OSError."""
        lines = "".join(f"{day.isoformat()} {digest}\n" for digest in digests)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
        descriptor = os.open(self.path, flags, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            file.write(lines.encode())
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
