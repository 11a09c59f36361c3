"""The security journal as a file: one row an event, with who acted and from where (R92, R108)."""

from collections.abc import Iterable, Iterator
from datetime import tzinfo
from typing import Final

from portal.exports.cells import Row
from portal.exports.sheet import Sheet
from portal.exports.workbook import Workbook
from workflow.journal.security_log import SecurityEvent

_HEADINGS: Final = (
    "N°", "Date et heure", "Événement", "Qui", "Rôle", "Précisions", "Adresses de réseau", "Navigateurs",
)  # fmt: skip


def security_workbook(events: Iterable[SecurityEvent], timezone: tzinfo) -> Workbook:
    """One row an event, the newest first."""
    return Workbook("journal-de-securite", (Sheet("Journal de sécurité", _HEADINGS, _rows(events, timezone)),))


def _rows(events: Iterable[SecurityEvent], timezone: tzinfo) -> Iterator[Row]:
    for event in events:
        browsers = dict.fromkeys(origin.browser for origin in event.origins if origin.browser)
        yield (
            event.seq, event.at.astimezone(timezone), event.label, event.who, event.role.label,
            " ; ".join(f"{name} : {value}" for name, value in event.details),
            " ; ".join(origin.network for origin in event.origins), " ; ".join(browsers),
        )  # fmt: skip
