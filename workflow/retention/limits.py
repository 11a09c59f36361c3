"""Until when each kind of personal data may stay, by the settings' months (R110)."""

from dataclasses import dataclass, fields
from datetime import date, datetime

from states.school_calendar import SchoolCalendar, SchoolYear, months_before
from states.vocabulary import Labelled
from workflow.settings.sections import RetentionSettings


class Erased(Labelled):
    """The kinds of what is erased, as a preview and the journal count them."""

    REQUESTS = "requests", "identités dans des demandes"
    TEXTS = "texts", "textes libres à côté du journal"
    NOTES = "notes", "notes entre opérateurs"
    MAILS = "mails", "textes et destinataires de courriels"
    LIST_ROWS = "list_rows", "lignes des deux listes"
    ACTORS = "actors", "noms de qui a agi"
    CHEFS = "chefs", "noms de chefs d'établissement"
    TOKENS = "tokens", "porteurs de jetons éteints"
    SUBSTITUTIONS = "substitutions", "personnes dans des suppléances finies"
    ADDRESSES = "addresses", "adresses de réseau du journal de sécurité"


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """How much of each kind is erased, or would be; the names are those of ``Erased``."""

    requests: int = 0
    texts: int = 0
    notes: int = 0
    mails: int = 0
    list_rows: int = 0
    actors: int = 0
    chefs: int = 0
    tokens: int = 0
    substitutions: int = 0
    addresses: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(**{kind: number + other.by_kind[kind] for kind, number in self.by_kind.items()})

    @property
    def by_kind(self) -> dict[str, int]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def data(self) -> dict[str, int]:
        """What the journal keeps: numbers, without the zeros."""
        return {kind: number for kind, number in self.by_kind.items() if number}


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What is older than these instants goes; ``open_years``: the school years not ended, whose RUPN the DRANE is still
    to be told of (R96)."""

    requests: datetime
    lists: datetime
    mails: datetime
    addresses: datetime
    open_years: tuple[str, ...]

    @classmethod
    def on(cls, day: date, settings: RetentionSettings, calendar: SchoolCalendar) -> "Limits":
        """The limits of a whole day of the académie, whatever the hour."""

        def before(months: int) -> datetime:
            return calendar.midnight(months_before(day, months))

        years = map(SchoolYear, range(day.year - 2, day.year + 2))
        return cls(
            requests=before(settings.requests), lists=before(settings.lists), mails=before(settings.mails),
            addresses=before(settings.addresses),
            open_years=tuple(str(year) for year in years if calendar.end_of(year).last_day >= day),
        )  # fmt: skip
