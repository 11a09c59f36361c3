"""What the wording of mails takes from the settings: the académie's own names, addresses and delays."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Link:
    """A page of documentation."""

    title: str
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """A PDF file joined to the mails that open a key's use (R59).

    ``filename`` is its name as joined; ``path`` where it is on this machine, as a text: templates can read no file.
    """

    title: str
    filename: str
    path: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """Plain values read at the first claim of a mail, not frozen with its facts.

    ``portal`` is the portal's address, without a slash at its end.

    ``expected_days`` and ``code_keep_days`` are in days; ``drane_sent_by_us``: the rectorat declares the RUPN to the
    DRANE (R25); ``one_key_a_person``: the setting ``key.scope`` (R42).
    """

    academie: str
    timezone: ZoneInfo
    signature: str
    contact: str
    charter_version: str
    delegce_module: str
    expected_days: int = 10
    code_keep_days: int = 30
    links: tuple[Link, ...] = ()
    documents: tuple[Document, ...] = ()
    drane_address: str | None = None
    drane_sent_by_us: bool = False
    one_key_a_person: bool = True
    portal: str = "http://localhost:8000"

    def day_of(self, instant: datetime) -> date:
        """The académie's calendar day at this instant."""
        return instant.astimezone(self.timezone).date()
