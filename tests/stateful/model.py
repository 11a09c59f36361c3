"""A simple model of the process: what is accepted and what becomes of it, written apart from ``states``.

It knows dates by the default calendar alone: a year opens on 1 June and ends with 31 August, in Paris.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")
HOLD = timedelta(seconds=60)
LIVE = ("declared", "delegated", "charter_signed", "requested", "code_issued")
AFTER_END = {"expire", "revoke", "withdraw", "report_change", "settle_change", "confirm_removal", "renew",
             "reopen_removal"}  # fmt: skip
SOURCES = {
    "delegate": ("declared",), "sign_charter": ("delegated",), "submit": ("charter_signed",),
    "check_listing": ("requested",), "check_delegation": ("requested",), "send_back": ("requested",),
    "issue_code": ("requested",), "reissue_code": ("code_issued",), "confirm_handover": ("code_issued",),
    "open_code": ("code_issued",),
    "take_back_code": ("code_issued",), "reopen_removal": ("revoked",),
    "confirm_expiry": ("code_issued",), "report_change": LIVE, "settle_change": (*LIVE, "revoked"),
    "amend": LIVE[:3], "take_back": ("requested",),
    "withdraw": LIVE[:4], "revoke": LIVE, "expire": LIVE, "confirm_removal": ("revoked",),
    "renew": (*LIVE, "revoked"), "ask_question": LIVE, "answer_question": LIVE,
    "send_to_drane": (*LIVE, "revoked"),
}  # fmt: skip
OF_CHEF = {
    "declare",
    "delegate",
    "sign_charter",
    "submit",
    "confirm_handover",
    "amend",
    "take_back",
    "withdraw",
    "renew",
    "answer_question",
}


@dataclass
class MCheck:
    positive: bool
    saw: tuple[object, ...]
    day: date


@dataclass
class MReport:
    """``day``: that of a dated revocation."""

    change: str
    effective_on: date
    reported_at: datetime
    settlement: str | None = None
    day: date | None = None


@dataclass
class MRequest:
    """One request as the model knows it; ``year`` is the calendar year in which its school year begins."""

    uai: str
    year: int
    person: str
    mail: str
    name: tuple[str, str] = ("", "")
    state: str = "declared"
    version: int = 1
    renews: bool = False
    chef: str = ""
    delegated_on: date | None = None
    why: str = ""
    key_possible: bool = False
    listing: MCheck | None = None
    delegation: MCheck | None = None
    issued_on: date | None = None
    issued_at: datetime | None = None
    previous_at: datetime | None = None
    extends: str | None = None
    elsewhere: bool = False
    expires_on: date | None = None
    handed: bool = False
    unread: bool = False
    read: bool = False
    sent: bool = False
    sealed_at: datetime | None = None
    reports: list[MReport] = field(default_factory=list)
    removal: str | None = None
    question: str = ""
    ended_on: date | None = None
    task: str | None = None
    drane: tuple[object, ...] | None = None

    def for_drane(self) -> tuple[object, ...]:
        return (self.name, self.mail)

    @property
    def live(self) -> bool:
        return self.state != "revoked"

    def to_settle(self) -> list[MReport]:
        """The reports that are open, and those whose revocation is foreseen."""
        return [r for r in self.reports if r.settlement is None or (r.day and self.live)]

    def settle(self, settlement: str, reports: list[MReport]) -> None:
        for report in reports:
            report.settlement, report.day = settlement, None

    def listing_now(self) -> tuple[object, ...]:
        return (self.person, self.mail, self.year)

    def delegation_now(self) -> tuple[object, ...]:
        return (self.person, self.mail, self.year, self.delegated_on, self.why, self.chef)


def today(now: datetime) -> date:
    return now.astimezone(PARIS).date()


def opening(year: int) -> date:
    return date(year, 6, 1)


def last_day(year: int) -> date:
    return date(year + 1, 8, 31)


def ends_at(year: int) -> datetime:
    return datetime(year + 1, 9, 1, tzinfo=PARIS)


def open_years(now: datetime) -> list[int]:
    day = today(now)
    return [y for y in range(day.year - 2, day.year + 1) if opening(y) <= day <= last_day(y)]


@dataclass
class MEnd:
    recorded_at: datetime
    held: bool = False
    confirmed: bool = False


class Model:
    """All requests, and what is foreseen of each year's end."""

    def __init__(self, now: datetime, *, by_link: bool = False) -> None:
        """``by_link``: the establishment reads each code on its page."""
        self.by_link = by_link
        self.requests: dict[str, MRequest] = {}
        self.ends: dict[int, MEnd] = {}
        self.done: set[int] = set()
        self.last_seen = now
        self.doubted_at: datetime | None = None

    def others(self, reference: str, person: str, mail: str) -> list[MRequest]:
        """The person's other live requests, anywhere."""
        return [
            r for name, r in self.requests.items()
            if name != reference and r.live and (r.person == person or r.mail == mail)
        ]  # fmt: skip

    def same_person(self, reference: str, uai: str, year: int, person: str, mail: str, homonym: bool) -> bool:
        """Whether a live request in the same establishment and year stands in the way."""
        same = [r for r in self.others(reference, person, mail) if (r.uai, r.year) == (uai, year)]
        return any(r.mail == mail for r in same) or (bool(same) and not homonym)

    def may(self, trigger: str, role: str, uais: set[str], uai: str, behalf: bool) -> bool:
        """Whether a role may use a trigger in an establishment."""
        if trigger == "open_code":
            return role in ("chef", "deputy") and uai in uais
        if role in ("chef", "deputy"):
            return (trigger in OF_CHEF or trigger == "report_change") and uai in uais
        if role == "operator":
            return trigger != "expire" and (trigger not in OF_CHEF or behalf)
        return False

    def revoke(self, request: MRequest, day: date | None = None) -> None:
        """The end of a request, however it comes; ``day`` None: with its school year."""
        request.ended_on = day or last_day(request.year) + timedelta(days=1)
        if request.issued_on:
            request.removal = request.task = "remove_rights"
        elif request.key_possible:
            request.removal = request.task = "key_enabled"
        request.state, request.sealed_at = "revoked", None
        request.version += 1

    def revoke_reported(self, request: MRequest, day: date | None = None) -> None:
        """A revocation that is decided: it answers what was reported."""
        request.settle("revoked", request.to_settle())
        self.revoke(request, day)

    def tick(self, now: datetime) -> None:
        """Foresee, hold or run the ends of years; forget old codes, unless the clock is not believed."""
        self._judge_clock(now)
        live = {r.year for r in self.requests.values() if r.live}
        unfinished = {y for y in self.ends if now >= ends_at(y) and y not in self.done}
        for year in sorted(live | set(open_years(now)) | unfinished):
            self._judge(year, now)
        self.last_seen = now
        for request in self.requests.values() if self.doubted_at is None else ():
            is_dated = any(report.day and report.day <= today(now) for report in request.reports)
            if is_dated and request.live and now < ends_at(request.year):
                self.revoke_reported(request, today(now))
            if request.sealed_at and request.sealed_at < now - timedelta(days=30):
                request.sealed_at = None

    def _judge_clock(self, now: datetime) -> None:
        """Doubt a clock after more than 45 days without a sign of life, until it has run on for a day (R52)."""
        if now - self.last_seen > timedelta(days=45):
            self.doubted_at = now
        elif self.doubted_at and now - self.doubted_at >= timedelta(hours=24):
            self.doubted_at = None

    def _judge(self, year: int, now: datetime) -> None:
        end, known = ends_at(year), self.ends.get(year)
        if now < end:
            if known is None or known.held:
                self.ends[year] = MEnd(now)
        elif known is None:
            self.ends[year] = MEnd(now, held=True)
        elif known.confirmed:
            self.run(year)
        elif known.held:
            return
        elif known.recorded_at > end - timedelta(hours=24) or self.doubted_at is not None:
            self.ends[year] = MEnd(now, held=True)
        else:
            self.run(year)

    def run(self, year: int) -> None:
        self.done.add(year)
        for request in self.requests.values():
            if request.live and request.year == year:
                self.revoke(request)
