"""The figures of a foreseen year's end, which ``workflow.year_end.preview`` computes (R53)."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from notifications.vocabulary import Draft, Kind
from states.model import Establishment, Request
from states.rules.schedule import Hold
from states.school_calendar import SchoolYear, YearEnd
from states.vocabulary import Labelled, RemovalKind, State

COUNTED = ("establishments", "revoked", "removals", "questions")


COUNTED_AS = {RemovalKind.REMOVE_RIGHTS: "removals", RemovalKind.KEY_ENABLED: "questions"}
"""The counts of the report in each département, and the name under which a removal task is counted (R54)."""


class Anomaly(Labelled):
    """A fault that deserves a look before a year ends."""

    NO_MAILBOX = "no_mailbox", "établissement sans boîte : personne n'y sera prévenu"
    CLOSED = "closed", "établissement fermé"
    CODE_UNDELIVERABLE = "code_undeliverable", "code qui n'a pas été remis à l'établissement"
    OPEN_REPORT = "open_report", "signalement qui reste à régler"
    DATED_REVOCATION = "dated_revocation", "révocation prévue avant la fin de l'année"


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpiringRequest:
    """One request that would be revoked, as it stands before.

    ``removal``: the task that would be opened (R47); ``renewed``: its person has a request for the next year in the
    same establishment already (R81).
    """

    request: Request
    removal: RemovalKind | None
    anomalies: tuple[Anomaly, ...] = ()
    renewed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class EstablishmentEnd:
    """An establishment's requests of a year that ends, and the mail that would leave for them (R54)."""

    school_year: SchoolYear
    establishment: Establishment
    requests: tuple[ExpiringRequest, ...]
    mail: Draft
    anomalies: tuple[Anomaly, ...] = ()


@dataclass(frozen=True, slots=True)
class ForeseenHold:
    """A hold of the brake on an end (R51, R52); ``avoidable`` if the schedule runs regularly until then."""

    hold: Hold
    avoidable: bool


@dataclass(kw_only=True)
class YearSummary:
    """The counts of one year, complete once its establishments have been added, or counted by the database.

    ``report`` is the one mail to the operators (R54); ``mails`` counts those that have somewhere to go; ``shares`` is
    what the report counts in each département, by the names of ``DepartementCount``; ``renewed``: how many of its
    requests have one for the next year already (R81).
    """

    end: YearEnd
    foreseen_hold: ForeseenHold | None = None
    requests: int = 0
    renewed: int = 0
    establishments: int = 0
    states: Counter[State] = field(default_factory=Counter)
    departements: Counter[str] = field(default_factory=Counter)
    shares: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    removals: Counter[RemovalKind] = field(default_factory=Counter)
    mails: Counter[Kind] = field(default_factory=Counter)
    anomalies: Counter[Anomaly] = field(default_factory=Counter)
    without_mailbox: list[Establishment] = field(default_factory=list)
    report: Draft | None = None

    def add(self, establishment_end: EstablishmentEnd) -> None:
        """Count an establishment in."""
        establishment, requests = establishment_end.establishment, establishment_end.requests
        self.requests += len(requests)
        self.renewed += sum(ending.renewed for ending in requests)
        self.states.update(ending.request.state for ending in requests)
        self.establishments += 1
        self.departements[establishment.departement] += len(requests)
        self.removals.update(ending.removal for ending in requests if ending.removal)
        share = self.shares[establishment.departement]
        share.update(COUNTED_AS[ending.removal] for ending in requests if ending.removal)
        share.update(establishments=1, revoked=len(requests))
        self.anomalies.update(
            (*establishment_end.anomalies, *(anomaly for ending in requests for anomaly in ending.anomalies))
        )
        if establishment_end.mail.recipient:
            self.mails[establishment_end.mail.kind] += 1
        else:
            self.without_mailbox.append(establishment)


@dataclass(kw_only=True)
class Summary:
    """The years that end by the instant ``at`` (aware UTC) and have a live request.

    ``earlier_removals`` counts the tasks still open of the years before those, by year.
    """

    at: datetime
    years: list[YearSummary]
    earlier_removals: dict[SchoolYear, int]

    @property
    def requests(self) -> int:
        return sum(year.requests for year in self.years)

    @property
    def establishments(self) -> int:
        """Establishments, those of two years at once counted twice."""
        return sum(year.establishments for year in self.years)
