"""Plain values of the domain: facts of a decision, loaded and locked by the engine, and who acts (R2 to R6).

``Policy`` holds the settings on which the rules depend.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from states.school_calendar import SchoolCalendar, SchoolDays, SchoolYear
from states.validation import MailDomains, fold_mail, person_key
from states.vocabulary import (
    Change,
    Channel,
    CheckOutcome,
    CodeStatus,
    RemovalKind,
    RemovalOutcome,
    RequestedBy,
    RevokeReason,
    Role,
    Settlement,
    StandInKind,
    State,
    Trigger,
)

_NAMES_FOR_ESTABLISHMENTS = {
    Role.SCHEDULE: "le logiciel",
    Role.CONNECTOR: "le logiciel",
    Role.OPERATOR: "le rectorat",
    Role.READER: "le rectorat",
    Role.RUPN: "le RUPN",
}

_NAMES_FOR_RUPN = _NAMES_FOR_ESTABLISHMENTS | {
    Role.CHEF: "l'établissement",
    Role.DEPUTY: "l'établissement",
    Role.RUPN: "vous",
}

MonthDay = tuple[int, int]

LONGEST_CODE: Final = 64
"""Characters; a longer text is matched against no form (R41)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StandIn:
    """An operator who can act in an establishment's stead: he set its mailbox, or made a token that acts for it (R6).

    ``label`` is his address; ``until`` None for a mailbox in force; ``confirmed_at``: a second operator confirmed it.
    """

    kind: StandInKind
    operator: int
    label: str
    since: datetime
    until: datetime | None = None
    confirmed_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Establishment:
    """A school as in the directory; ``mailbox`` is the one in force, None when there is none (R13, R14).

    ``stand_ins`` are the operators who can act in its stead, or could (R6); ``chef_name`` is the last chef known, who
    signed in first or said to be the new one (R37).
    """

    uai: str
    nom: str
    commune: str = ""
    departement: str = ""
    is_open: bool = True
    mailbox: str | None = None
    stand_ins: tuple[StandIn, ...] = ()
    chef_name: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A check of one list: its result, source and day, and a digest of the data that it saw (R34, R35).

    ``entry``: the row of the imported list that it was made from, None for one that somebody read himself;
    ``automatic``: it made itself, the row agreeing in everything (R94).
    """

    outcome: CheckOutcome
    source: str
    checked_on: date
    digest: str
    entry: int | None = None
    automatic: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """The row of an imported list from which a check is made: its number, the import's, its line in the file (R94).

    ``score``: how well it agrees, out of 100; ``automatic``: in everything, so that nobody was asked.
    """

    entry: int
    list_number: int
    line: int
    score: int
    automatic: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """A change that was reported: ``number`` counts within the request from 1 (R32).

    ``revoke_on``: the day on which the schedule revokes, while the report is settled by a dated revocation (R46).
    """

    number: int
    change: Change
    effective_on: date
    reported_at: datetime
    settlement: Settlement | None = None
    settled_at: datetime | None = None
    revoke_on: date | None = None

    @property
    def is_open(self) -> bool:
        return self.settlement is None

    @property
    def is_dated(self) -> bool:
        """True while a revocation is foreseen: it may still be settled otherwise (R46)."""
        return self.settlement is Settlement.REVOCATION_DATED


@dataclass(frozen=True, slots=True)
class Removal:
    """The task of removing rights on the ODA server; ``outcome`` None while nobody confirmed (R47, R49).

    ``opened_at``: when its request was revoked.
    """

    kind: RemovalKind
    outcome: RemovalOutcome | None = None
    opened_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DrawnBatch:
    """The batch in which a request's code was drawn: its number, when, by whom, and when its file was first taken."""

    number: int
    drawn_at: datetime
    drawn_by: str
    downloaded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LastEvent:
    """The last event of a request, told to the second of two people who act at once (R9).

    ``actor``: the label of who did it, which ``Actor.name_of`` words for a reader.
    """

    trigger: Trigger
    actor: str
    role: Role
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Request:
    """One delegation request. Its reference names it; ``version`` counts its changes from 1.

    ``previous_code_at``: when the code was issued that the present one replaced, to come back to it (R62).
    ``key_elsewhere``: the person's key also serves outside this software, and no code was made (R40).
    ``expires_on`` is the day that the key bears on the ODA server, ``expiry_seen_for`` the year's last day as it stood
    when that was recorded (R43).

    ``acted_on_behalf`` are the operators who acted for the establishment, ``issued_by`` the one of the last code
    (R6); ``key_possible``: both checks were once positive together, so that a key may have been enabled (R47).

    ``code_unread_since``: when a code was issued that is read on the portal, and goes by no mail, until it is read, at
    ``code_read_at`` (R112).

    ``drawn_at``, ``drawn_in``: when a code was drawn for it, and in which batch, while it waits to be said on the ODA
    server (R97).

    ``question_asked_at``: of the question that waits for its answer, or whose answer, of ``question_answered_at``, no
    operator has acted upon; None without one (R90).

    ``drane_sent_on``: the day of the last transmission to the DRANE, ``drane_seen`` a digest of what it holds of the
    RUPN since, empty for nothing (R96).

    ``erased_at``: when its personal data were erased, for good (R110).

    Without slots: ``with_`` copies its dictionary, ten times quicker than rebuilding it field by field, which counts
    in a sweep of 100,000 requests.
    """

    reference: str
    uai: str
    school_year: SchoolYear
    state: State
    version: int
    nom: str
    prenom: str
    mail: str
    drane_declared_on: date | None = None
    chef_name: str = ""
    delegation_why: str = ""
    delegated_on: date | None = None
    charter_signed_on: date | None = None
    charter_version: str | None = None
    listing: Check | None = None
    delegation: Check | None = None
    code_issued_at: datetime | None = None
    previous_code_at: datetime | None = None
    extends: str | None = None
    key_elsewhere: bool = False
    expires_on: date | None = None
    expiry_seen_for: date | None = None
    handed_on: date | None = None
    renews: str | None = None
    acted_on_behalf: frozenset[int] = frozenset()
    issued_by: int | None = None
    key_possible: bool = False
    question_asked_at: datetime | None = None
    question_answered_at: datetime | None = None
    drane_sent_on: date | None = None
    drane_seen: str = ""
    drawn_at: datetime | None = None
    drawn_in: int | None = None
    erased_at: datetime | None = None
    code_unread_since: datetime | None = None
    code_read_at: datetime | None = None

    @property
    def is_live(self) -> bool:
        return self.state is not State.REVOKED

    @property
    def has_key(self) -> bool:
        """True if a code was issued or a key extended, at any time (R47)."""
        return self.code_issued_at is not None

    @property
    def is_extension(self) -> bool:
        """True if a key that the person had already serves here: there is no code to hand over (R40)."""
        return self.extends is not None or self.key_elsewhere

    @property
    def code_by_link(self) -> bool:
        """True if the code is read on a page of the portal, and goes by no mail (R112)."""
        return self.code_unread_since is not None or self.code_read_at is not None

    @property
    def question_is_open(self) -> bool:
        """True while the establishment has not answered the rectorat's question (R90)."""
        return self.question_asked_at is not None and self.question_answered_at is None

    @property
    def person(self) -> str:
        return person_key(self.nom, self.prenom)

    @property
    def folded_mail(self) -> str:
        return fold_mail(self.mail)

    def with_(self, **changes: Any) -> "Request":
        """A copy with other values; unchanged ones are the same objects. Raises TypeError on an unknown field."""
        if not changes.keys() <= self.__dict__.keys():
            raise TypeError(f"unknown fields: {changes.keys() - self.__dict__.keys()}")
        copy = object.__new__(Request)
        object.__setattr__(copy, "__dict__", {**self.__dict__, **changes})
        return copy


def key_holders(others: Iterable[Request], *, one_key_a_person: bool) -> list[Request]:
    """A person's other live requests that rely on the same key (R42)."""
    return [other for other in others if one_key_a_person and other.is_live and other.has_key]


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """All that a decision may look at. ``request`` is None only for a declaration.

    ``live_requests`` counts those of the establishment, when one is to be born (R18);
    ``others`` are the person's other live requests, in any establishment and year, never the request itself;
    ``shared_mailboxes`` are the folded addresses, of those that the command is about, to which an establishment's mails
    go (R16); ``reports`` are the request's own; ``revoked_for``: why the rectorat revoked it, loaded for a renewal
    (R33); ``batch``: in which its code was drawn, while it waits (R97); ``extended`` is the request whose key would
    serve here too (R40), with its removal and its reports.
    """

    establishment: Establishment | None
    request: Request | None = None
    live_requests: int = 0
    others: tuple[Request, ...] = ()
    shared_mailboxes: frozenset[str] = frozenset()
    reports: tuple[Report, ...] = ()
    removal: Removal | None = None
    revoked_for: RevokeReason | None = None
    last: LastEvent | None = None
    code_fate: CodeStatus = CodeStatus.NONE
    batch: DrawnBatch | None = None
    extended: Request | None = None
    extended_removal: Removal | None = None
    extended_reports: tuple[Report, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Actor:
    """A person, the schedule or the connector, in one capacity.

    ``number`` is the only thing that the journal keeps (R64); ``establishments`` are the UAI of a chef or a
    deputy; ``name`` is what a chef gives of himself, and tells when the chef has changed (R37); ``address`` is a
    RUPN's, folded: the requests that bear it are his (R113). ``in_stead_of``: the address, or the chef's name, of who
    is substituted (R114); ``counts_as``: other numbers whose acts count as this one's, those of both persons of a
    substitution, and of who could act in the stead of a substitute (R6).
    """

    role: Role
    number: int
    label: str = ""
    name: str = ""
    address: str = ""
    establishments: frozenset[str] = field(default_factory=frozenset)
    channel: Channel = Channel.CLI
    in_stead_of: str = ""
    counts_as: frozenset[int] = frozenset()

    @property
    def numbers(self) -> frozenset[int]:
        """Every number whose acts are this person's, for the rule of two persons (R6)."""
        return self.counts_as | {self.number}

    @property
    def chef_name(self) -> str:
        """The name of the chef whose acts these are: a substitute's are those of the chef who is substituted."""
        if self.role is not Role.CHEF:
            return ""
        return self.in_stead_of or self.name

    @property
    def is_establishment(self) -> bool:
        return self.role in (Role.CHEF, Role.DEPUTY)

    def name_of(self, role: Role, label: str) -> str:
        """Return how this reader is told of an actor: who it was at the rectorat is not an establishment's business.

        Every page, answer, refusal, history, file and mail names by this function whoever acted (R3). A RUPN reads no
        name but his own (R113).
        """
        if self.role is Role.RUPN:
            return _NAMES_FOR_RUPN[role]
        return _NAMES_FOR_ESTABLISHMENTS.get(role, label) if self.is_establishment else label

    def can_see(self, uai: str) -> bool:
        """Return True when this actor may see what concerns an establishment (R3); a RUPN sees none whole (R113)."""
        if self.role is Role.RUPN:
            return False
        return not self.is_establishment or uai in self.establishments

    def owns(self, request: Request) -> bool:
        """Return True for the RUPN whom this request is about: it bears his address (R113)."""
        return self.role is Role.RUPN and bool(self.address) and request.folded_mail == self.address


@dataclass(frozen=True, kw_only=True)
class OnBehalf:
    """An establishment's request to an operator to act for it: who asked, how, when (ISO day) (R5)."""

    who: str
    how: RequestedBy
    when: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Timetable:
    """Times at which the software writes of its own accord (R78 to R81); delays are in days.

    ``hour``: the académie's hour from which a day's mails leave. ``notices`` count back from a year's last day (R78).
    ``stalled`` and ``handover`` count from the day on which a request came to its state, or its code left: one reminder
    for each, no more (R79). ``invite_on`` is the day of the invitation to renew, None for a
    week after the campaign opens (R81). ``removals_late``: the delay
    after which an open removal is late (R80).
    """

    hour: int = 8
    notices: tuple[int, ...] = (30, 7)
    stalled: tuple[int, ...] = (7, 14, 30)
    handover: tuple[int, ...] = (5, 12, 25)
    invite_on: MonthDay | None = None
    removals_late: int = 15


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Settings that an académie chooses; the defaults are those of ``config.yaml``.

    ``stand_in_days``: how long an operator who could act in an establishment's stead counts as acting for it (R6);
    ``mailbox_hold``: how long no code leaves for a mailbox that he set (R14); ``most_live_requests`` is of one
    establishment (R18); ``checks_max_age_days`` is in days (R36); ``key_has_other_uses``: a key may serve other
    applications, so that its rights are removed and not itself (R48); ``code_format`` is matched against the whole code
    (R41), and ``code_example`` says it to people; ``draws_codes``: the software draws them (R97);
    ``code_by_link``: a code is read on its page, and goes by no mail (R112); ``code_hold``: how long a code that was
    just typed may be taken back (R62); ``mail_domains`` are those of a professional address (R16);
    ``delegation_applications`` are the folded names of the application delegated, as a list of delegations may write it
    (R94).
    """

    calendar: SchoolCalendar
    deputy_may_act: bool = True
    four_eyes: bool = False
    stand_in_days: int = 30
    mailbox_hold: timedelta = timedelta(hours=24)
    most_live_requests: int = 200
    checks_max_age_days: int = 30
    one_key_a_person: bool = True
    key_has_other_uses: bool = True
    code_format: re.Pattern[str] = re.compile(r"[A-Za-z0-9]{4,16}")
    code_example: str = "4 à 16 lettres et chiffres, par exemple K7m4Rt9x"
    draws_codes: bool = False
    code_by_link: bool = False
    code_hold: timedelta = timedelta(seconds=60)
    charter_version: str = "2026-1"
    drane_sent_by_us: bool = False
    delegation_applications: frozenset[str] = frozenset()
    mail_domains: MailDomains = field(default_factory=MailDomains)
    days: SchoolDays = field(default_factory=SchoolDays)
    timetable: Timetable = field(default_factory=Timetable)
