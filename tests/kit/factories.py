"""Builders of facts, actors, settings and commands: each gives a sound default, each keyword replaces one field.

All stand on Monday 12 October 2026 at 11 h in Toulouse, in the school year 2026-2027, in the establishment 0310001H.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from states import commands as c
from states.model import (
    Actor,
    Check,
    Establishment,
    Evidence,
    Facts,
    LastEvent,
    OnBehalf,
    Policy,
    Removal,
    Report,
    Request,
)
from states.rules.verification import delegation_digest, listing_digest
from states.school_calendar import SchoolCalendar, SchoolYear
from states.vocabulary import (
    Change,
    CheckOutcome,
    CodeStatus,
    ReissueReason,
    RemovalKind,
    RemovalOutcome,
    RequestedBy,
    RevokeReason,
    Role,
    Settlement,
    SignInMethod,
    State,
    Step,
    Trigger,
    WithdrawReason,
)

NOW = datetime(2026, 10, 12, 9, 0, tzinfo=UTC)
TODAY = date(2026, 10, 12)
ISSUED_AT = datetime(2026, 10, 6, 8, 0, tzinfo=UTC)
YEAR = SchoolYear(2026)
LAST_DAY = date(2027, 8, 31)
UAI = "0310001H"
OTHER_UAI = "0751234J"
REFERENCE = "ODA-2027-00042"
MAILBOX = "ce.0310001h@ac-toulouse.fr"
NOM, PRENOM, MAIL = "D'Étienne", "Anne-Sophie", "anne-sophie.detienne@ac-toulouse.fr"
CHEF_NAME = "Bernard Castaing"
CODE = "S3cretAB12"
_LIFE = tuple(State)


def calendar(**changes: Any) -> SchoolCalendar:
    """Europe/Paris, the eve of the pupils' return: 2026-2027 ends on 31 August 2027."""
    rentrees = {YEAR: date(2026, 9, 1), YEAR.next: date(2027, 9, 1)}
    return replace(SchoolCalendar(timezone=ZoneInfo("Europe/Paris"), rentrees=rentrees), **changes)


def policy(**changes: Any) -> Policy:
    """The usual settings, but a code that leaves at once, and may be drawn."""
    return replace(Policy(calendar=calendar(), code_hold=timedelta(), draws_codes=True), **changes)


def establishment(uai: str = UAI, **changes: Any) -> Establishment:
    known = Establishment(uai=uai, nom="Collège Jean-Moulin", commune="Toulouse", departement="031", mailbox=MAILBOX)
    return replace(known, **changes)


def chef(*uais: str, **changes: Any) -> Actor:
    charge = frozenset(uais or (UAI,))
    base = Actor(role=Role.CHEF, number=1, label=f"la boîte de {UAI}", name=CHEF_NAME, establishments=charge)
    return replace(base, **changes)


def deputy(*uais: str, **changes: Any) -> Actor:
    return chef(*uais, **{"role": Role.DEPUTY, "number": 2, "name": "Claire Ader", **changes})


def operator(**changes: Any) -> Actor:
    return replace(Actor(role=Role.OPERATOR, number=10, label="opérateur n° 10"), **changes)


def reader(**changes: Any) -> Actor:
    return replace(Actor(role=Role.READER, number=20, label="lecteur n° 20"), **changes)


def schedule(**changes: Any) -> Actor:
    return replace(Actor(role=Role.SCHEDULE, number=0, label="échéancier"), **changes)


def rupn(**changes: Any) -> Actor:
    return replace(Actor(role=Role.RUPN, number=40, label="le RUPN", address=MAIL.lower()), **changes)


def connector(**changes: Any) -> Actor:
    return replace(Actor(role=Role.CONNECTOR, number=30, label="connecteur du serveur ODA"), **changes)


def actor(role: Role) -> Actor:
    """Somebody in that role, in charge of the usual establishment where that means something."""
    build = {Role.CHEF: chef, Role.DEPUTY: deputy, Role.OPERATOR: operator, Role.READER: reader,
             Role.CONNECTOR: connector, Role.RUPN: rupn}  # fmt: skip
    return build.get(role, schedule)()


def on_behalf(**changes: Any) -> OnBehalf:
    return replace(OnBehalf(who="Mme la principale", how=RequestedBy.TELEPHONE, when="2026-10-09"), **changes)


def checked(request: Request, *, on: date = date(2026, 10, 5), **outcomes: CheckOutcome) -> Request:
    """The request with both checks made on that day, on what it bears now; positive unless told."""
    listing = outcomes.get("listing", CheckOutcome.POSITIVE)
    delegation = outcomes.get("delegation", CheckOutcome.POSITIVE)
    possible = request.key_possible or listing is delegation is CheckOutcome.POSITIVE
    return request.with_(
        listing=Check(listing, "liste du 5 octobre", on, listing_digest(request)),
        delegation=Check(delegation, "export DelegCE", on, delegation_digest(request)),
        key_possible=possible,
    )


def request(state: State = State.DECLARED, **changes: Any) -> Request:
    """A request as it is in that state, every step before it done; a revoked one had its code."""
    done = _LIFE.index(state)
    built = Request(
        reference=REFERENCE, uai=UAI, school_year=YEAR, state=state, version=done + 1, nom=NOM, prenom=PRENOM,
        mail=MAIL, drane_declared_on=date(2026, 9, 10), chef_name=CHEF_NAME,
    )  # fmt: skip
    if done >= _LIFE.index(State.DELEGATED):
        built = built.with_(delegation_why="aide aux parents", delegated_on=date(2026, 9, 15))
    if done >= _LIFE.index(State.CHARTER_SIGNED):
        built = built.with_(charter_signed_on=date(2026, 9, 20), charter_version="2026-1")
    if done >= _LIFE.index(State.CODE_ISSUED):
        built = checked(built).with_(
            code_issued_at=ISSUED_AT, expires_on=LAST_DAY, expiry_seen_for=LAST_DAY, issued_by=10
        )
    return built.with_(**changes)


def evidence(**changes: Any) -> Evidence:
    return replace(Evidence(entry=7, list_number=3, line=34, score=100), **changes)


def other(state: State = State.CODE_ISSUED, **changes: Any) -> Request:
    """Another request of the same person, in another establishment unless told."""
    return request(state, **{"reference": "ODA-2027-00077", "uai": OTHER_UAI, **changes})


def report(number: int = 1, change: Change = Change.ABSENCE, **changes: Any) -> Report:
    return replace(Report(number=number, change=change, effective_on=TODAY, reported_at=ISSUED_AT), **changes)


def facts(of: Request | State | None = None, **changes: Any) -> Facts:
    """What is known: of a request, of a request in that state, or of an establishment about to declare."""
    known = request(of) if isinstance(of, State) else of
    base = Facts(establishment=establishment(), request=known)
    if known is not None:
        base = replace(
            base, last=LastEvent(Trigger.DECLARE, "la boîte de 0310001H", Role.CHEF, NOW - timedelta(days=3))
        )
    if known is not None and known.state is State.REVOKED and known.has_key:
        base = replace(base, removal=Removal(RemovalKind.REMOVE_RIGHTS))
    if known is not None and known.state is State.CODE_ISSUED:
        base = replace(base, code_fate=CodeStatus.ACCEPTED)
    return replace(base, **changes)


_ON: dict[str, Any] = {"reference": REFERENCE}
_COMMANDS: dict[Trigger, c.Command] = {
    Trigger.DECLARE: c.Declare(uai=UAI, nom=NOM, prenom=PRENOM, mail=MAIL, drane_declared_on=date(2026, 9, 10)),
    Trigger.DELEGATE: c.Delegate(**_ON, why="aide aux parents", made_on=date(2026, 9, 15)),
    Trigger.SIGN_CHARTER: c.SignCharter(**_ON, signed_on=date(2026, 9, 20), version="2026-1", copy_kept=True),
    Trigger.SUBMIT: c.Submit(**_ON, nom=NOM, prenom=PRENOM, mail=MAIL),
    Trigger.CHECK_LISTING: c.CheckListing(**_ON, outcome=CheckOutcome.POSITIVE, source="liste du 5 octobre"),
    Trigger.CHECK_DELEGATION: c.CheckDelegation(**_ON, outcome=CheckOutcome.POSITIVE, source="export DelegCE"),
    Trigger.SEND_BACK: c.SendBack(**_ON, step=Step.CHARTER, why="la charte est à revoir"),
    Trigger.DRAW_CODE: c.DrawCode(**_ON, batch=3, reason=ReissueReason.LOST),
    Trigger.ISSUE_CODE: c.IssueCode(**_ON, code=c.Code(clear=CODE)),
    Trigger.REISSUE_CODE: c.ReissueCode(**_ON, reason=ReissueReason.LOST, code=c.Code(clear=CODE)),
    Trigger.TAKE_BACK_CODE: c.TakeBackCode(**_ON),
    Trigger.OPEN_CODE: c.OpenCode(**_ON, method=SignInMethod.PROVIDER),
    Trigger.CONFIRM_HANDOVER: c.ConfirmHandover(**_ON, handed_on=date(2026, 10, 8)),
    Trigger.CONFIRM_EXPIRY: c.ConfirmExpiry(**_ON, expires_on=date(2027, 7, 31)),
    Trigger.REPORT_CHANGE: c.ReportChange(**_ON, change=Change.ABSENCE, effective_on=TODAY),
    Trigger.SETTLE_CHANGE: c.SettleChange(**_ON, settlement=Settlement.NO_EFFECT, why="retour prévu lundi"),
    Trigger.AMEND: c.Amend(**_ON, mail="a.detienne@ac-toulouse.fr"),
    Trigger.TAKE_BACK: c.TakeBack(**_ON),
    Trigger.WITHDRAW: c.Withdraw(**_ON, reason=WithdrawReason.NOT_NEEDED),
    Trigger.REVOKE: c.Revoke(**_ON, reason=RevokeReason.DEPARTURE),
    Trigger.EXPIRE: c.Expire(**_ON),
    Trigger.CONFIRM_REMOVAL: c.ConfirmRemoval(**_ON, outcome=RemovalOutcome.REMOVED),
    Trigger.REOPEN_REMOVAL: c.ReopenRemoval(**_ON, why="confirmé pour une autre"),
    Trigger.RENEW: c.Renew(**_ON),
    Trigger.ASK_QUESTION: c.AskQuestion(**_ON, question="est-ce bien cette personne ?"),
    Trigger.ANSWER_QUESTION: c.AnswerQuestion(**_ON, answer="oui"),
    Trigger.SEND_TO_DRANE: c.SendToDrane(**_ON),
}


def command(trigger: Trigger, **changes: Any) -> Any:
    """A command that is accepted on ``facts_for(trigger)`` by ``actor_for(trigger)`` at ``now_for(trigger)``."""
    return replace(_COMMANDS[trigger], **changes)


_STARTS = {
    Trigger.DELEGATE: State.DECLARED,
    Trigger.SIGN_CHARTER: State.DELEGATED,
    Trigger.SUBMIT: State.CHARTER_SIGNED,
    Trigger.CHECK_LISTING: State.REQUESTED,
    Trigger.CHECK_DELEGATION: State.REQUESTED,
    Trigger.SEND_BACK: State.REQUESTED,
    Trigger.AMEND: State.DELEGATED,
    Trigger.TAKE_BACK: State.REQUESTED,
    Trigger.WITHDRAW: State.REQUESTED,
    Trigger.CONFIRM_REMOVAL: State.REVOKED,
    Trigger.RENEW: State.REVOKED,
    Trigger.ASK_QUESTION: State.REQUESTED,
}


def facts_for(trigger: Trigger) -> Facts:
    """Facts on which the usual command of that trigger is accepted."""
    if trigger is Trigger.DECLARE:
        return facts()
    if trigger in (Trigger.DRAW_CODE, Trigger.ISSUE_CODE):
        return facts(checked(request(State.REQUESTED)))
    if trigger is Trigger.TAKE_BACK_CODE:
        soon = NOW + timedelta(seconds=1)  # with no hold, only a code from a clock that is ahead still waits
        return facts(request(State.CODE_ISSUED, code_issued_at=soon), code_fate=CodeStatus.WAITING)
    if trigger is Trigger.OPEN_CODE:
        unread = request(State.CODE_ISSUED).with_(code_unread_since=NOW - timedelta(days=1))
        return facts(unread, code_fate=CodeStatus.TO_READ)
    if trigger is Trigger.REOPEN_REMOVAL:
        return facts(State.REVOKED, removal=Removal(RemovalKind.REMOVE_RIGHTS, RemovalOutcome.REMOVED))
    if trigger is Trigger.ANSWER_QUESTION:
        return facts(request(State.REQUESTED).with_(question_asked_at=NOW - timedelta(days=1)))
    known_facts = facts(_STARTS.get(trigger, State.CODE_ISSUED))
    return replace(known_facts, reports=(report(),)) if trigger is Trigger.SETTLE_CHANGE else known_facts


def actor_for(trigger: Trigger) -> Actor:
    """Who does it in his own name."""
    if trigger is Trigger.EXPIRE:
        return schedule()
    rectorat = {
        Trigger.CHECK_LISTING, Trigger.CHECK_DELEGATION, Trigger.SEND_BACK, Trigger.DRAW_CODE, Trigger.ISSUE_CODE,
        Trigger.REISSUE_CODE,
        Trigger.CONFIRM_EXPIRY, Trigger.SETTLE_CHANGE, Trigger.REVOKE, Trigger.CONFIRM_REMOVAL,
        Trigger.TAKE_BACK_CODE, Trigger.REOPEN_REMOVAL,
        Trigger.ASK_QUESTION, Trigger.SEND_TO_DRANE,
    }  # fmt: skip
    return operator() if trigger in rectorat else chef()


def now_for(trigger: Trigger) -> datetime:
    """The usual instant; after the school year's end for ``expire``."""
    return datetime(2027, 8, 31, 22, 0, tzinfo=UTC) if trigger is Trigger.EXPIRE else NOW
