"""The facts of each mail, frozen when it is enqueued (R56): plain values that go to JSON and come back equal."""

from dataclasses import dataclass
from datetime import date

from states.vocabulary import Change, ReissueReason, RemovalKind, RevokeReason, State, Step, WithdrawReason


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """The establishment, as a reader knows it."""

    uai: str
    nom: str
    commune: str = ""

    @property
    def full(self) -> str:
        """``Collège Jean-Jaurès, Colomiers (0310001H)``."""
        return f"{self.nom}, {self.commune} ({self.uai})" if self.commune else f"{self.nom} ({self.uai})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """The RUPN."""

    nom: str
    prenom: str
    mail: str

    @property
    def full(self) -> str:
        return f"{self.prenom} {self.nom}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Year:
    """A school year: ``2026-2027``, its last day, and whether that day stands in for an unknown one (R22)."""

    label: str
    last_day: date
    is_default: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class OnRequest:
    """What every mail about one request says. ``by_operator``: an operator did it for the establishment (R5)."""

    reference: str
    establishment: Place
    rupn: Person
    year: Year
    by_operator: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Declared(OnRequest):
    """``renews``: the reference of the request that is renewed (R33)."""

    drane_declared_on: date | None = None
    renews: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Delegated(OnRequest):
    delegated_on: date


@dataclass(frozen=True, kw_only=True, slots=True)
class CharterSigned(OnRequest):
    signed_on: date
    version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Submitted(OnRequest):
    submitted_on: date
    drane_declared_on: date | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SentBack(OnRequest):
    step: Step
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeIssued(OnRequest):
    """The code itself is nowhere here: its slot is filled on the wire (R60)."""

    issued_on: date
    expires_on: date


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeReissued(OnRequest):
    issued_on: date
    expires_on: date
    reason: ReissueReason


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyExtended(OnRequest):
    """Nothing tells which request the key comes from: it may be another establishment's."""

    expires_on: date


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeReported(OnRequest):
    """A receipt. ``is_due``: it takes effect today or has done so; ``delegated``: a delegation stands in DelegCE."""

    change: Change
    effective_on: date
    is_due: bool
    delegated: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Withdrawn(OnRequest):
    reason: WithdrawReason
    note: str = ""
    delegated: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Revoked(OnRequest):
    """``had_key``: a code was issued or a key extended; ``delegated``: a delegation is to be removed in DelegCE."""

    reason: RevokeReason
    note: str = ""
    had_key: bool = False
    delegated: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """One RUPN among those of a year that ends."""

    rupn: Person
    reference: str
    had_key: bool
    delegated: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class OfEstablishment:
    """What every mail about several RUPN of one establishment says."""

    establishment: Place
    year: Year
    rupns: tuple[Ended, ...]

    @property
    def with_key(self) -> tuple[Ended, ...]:
        return tuple(r for r in self.rupns if r.had_key)

    @property
    def with_delegation(self) -> tuple[Ended, ...]:
        return tuple(r for r in self.rupns if r.delegated)


@dataclass(frozen=True, kw_only=True, slots=True)
class YearEnded(OfEstablishment):
    """The year has ended: one mail for the establishment (R54)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class YearEndNotice(OfEstablishment):
    """The year will end in ``days_left`` days."""

    days_left: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RenewalInvitation(OfEstablishment):
    """``year`` is the one that ended; ``next_year`` the one whose campaign is open."""

    next_year: Year


@dataclass(frozen=True, kw_only=True, slots=True)
class HandoverReminder(OnRequest):
    issued_on: date


@dataclass(frozen=True, kw_only=True, slots=True)
class StalledReminder(OnRequest):
    """``state`` is where the request stands since the day ``since``."""

    state: State
    since: date


@dataclass(frozen=True, kw_only=True, slots=True)
class NewRequest(OnRequest):
    """``others``: references of the person's other live requests (R19)."""

    submitted_on: date
    others: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class RemovalTask(OnRequest):
    """``kept_for``: references that relied on the same key when this was written (R48)."""

    task: RemovalKind
    why: str
    note: str = ""
    kept_for: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeToHandle(OnRequest):
    """``is_due``: to be handled now, else on the day ``effective_on``; ``state`` as the request stands."""

    number: int
    change: Change
    effective_on: date
    is_due: bool
    state: State
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeDue(OnRequest):
    number: int
    change: Change
    effective_on: date


@dataclass(frozen=True, kw_only=True, slots=True)
class Late:
    """A request that waits too long, since the day ``since``."""

    reference: str
    establishment: Place
    state: State
    since: date


@dataclass(frozen=True, kw_only=True, slots=True)
class LateGroup:
    """What is late in one way: ``total`` may be more than the ones listed, and 1,001 stands for more than 1,000."""

    total: int = 0
    requests: tuple[Late, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldEnd:
    """A year's end that waits for an operator; ``why`` is a French clause without a full stop (R52)."""

    year: Year
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LateDigest:
    """All that is late on a day (R80); ``total`` and ``requests`` are of those that wait for the rectorat.

    ``stalled`` and ``not_handed``: past the last delay of reminders; ``undelivered``: codes that did not arrive;
    ``reports``: due and not settled; ``removals``: open for too long, of ``removals_open`` in all; ``machines``:
    those that their clock stopped. A digest of before those were counted has none of them.
    """

    on: date
    total: int
    requests: tuple[Late, ...]
    stalled: LateGroup = LateGroup()
    not_handed: LateGroup = LateGroup()
    undelivered: LateGroup = LateGroup()
    reports: LateGroup = LateGroup()
    removals: LateGroup = LateGroup()
    removals_open: int = 0
    held: tuple[HeldEnd, ...] = ()
    machines: tuple[str, ...] = ()

    @property
    def to_handle(self) -> LateGroup:
        """The requests that wait for the rectorat, as the other groups are."""
        return LateGroup(total=self.total, requests=self.requests)

    @property
    def points(self) -> int:
        """How many kinds of things are late; when none is, there is nothing to write."""
        groups = (self.to_handle, self.stalled, self.not_handed, self.undelivered, self.reports, self.removals)
        return sum(bool(one.total) for one in groups) + len(self.held) + len(self.machines)


@dataclass(frozen=True, kw_only=True, slots=True)
class DepartementCount:
    """One département's share of a year's end; ``code`` as the directory has it, empty when it has none."""

    code: str
    establishments: int
    revoked: int
    removals: int
    questions: int


@dataclass(frozen=True, kw_only=True, slots=True)
class YearEndReport:
    """``removals`` rights to remove, ``questions`` keys perhaps enabled, ``without_mailbox`` told to nobody (R15).

    ``departements`` is empty in a report of before they were counted.
    """

    year: Year
    revoked: int
    establishments: int
    removals: int
    questions: int
    without_mailbox: tuple[Place, ...] = ()
    departements: tuple[DepartementCount, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class BrakeAlert:
    """``why`` is a French clause without a full stop; ``requests`` are still live because of the brake (R52)."""

    year: Year
    requests: int
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ClockAlert:
    """A machine that stopped acting (R82): its name, ``gap`` between its clock and the database's, ``since`` when.

    ``gap`` and ``since`` are in words; ``ahead``: its clock is fast, else slow.
    """

    machine: str
    gap: str
    ahead: bool
    since: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MailUndeliverable:
    """``mail`` is the dead mail's number (None until it is stored); ``reply`` the server's words."""

    mail: int | None
    title: str
    establishment: Place
    reference: str | None
    recipient: str
    fault: str
    reply: str = ""
    code_lost: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class RelayCheck:
    """A trial of the relay, sent at once: who asked for it, from which ``machine``, and how ``connection`` is made."""

    asked_by: str
    machine: str
    host: str
    port: int
    connection: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SignInRectorat:
    """A link to sign in (R72). ``minutes`` it is valid, until ``until``, an instant written in French.

    The link itself is nowhere here: its slot is filled on the wire.
    """

    minutes: int
    until: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SignIn(SignInRectorat):
    """The same for an establishment; ``others`` share its mailbox, and come in by the same link."""

    establishment: Place
    others: tuple[Place, ...] = ()
