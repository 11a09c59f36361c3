"""At least one scene for each refusal and each warning that the rules can give, by its code."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from states.commands import Code
from states.decision import Decision, Refused
from states.model import Actor, DrawnBatch, Facts, LastEvent, Removal, StandIn
from states.refusals import Reason
from states.rules.verification import drane_digest
from states.school_calendar import SchoolYear
from states.transitions import decide
from states.vocabulary import (
    Change,
    CheckOutcome,
    CodeStatus,
    DraneStanding,
    ReissueReason,
    RemovalKind,
    RemovalOutcome,
    RevokeReason,
    Role,
    Settlement,
    SignInMethod,
    StandInKind,
    State,
    Trigger,
)
from tests.kit import factories as f

S, T = State, Trigger
READY = f.checked(f.request(S.REQUESTED))
ISSUED = f.request(S.CODE_ISSUED)
HERE = f.other(S.DECLARED, uai=f.UAI)
JULY = datetime(2027, 7, 10, 9, tzinfo=UTC)
EXTENDING = {"code": None, "extends": "ODA-2026-00001"}
TWO_HOLDERS = (f.other(), f.other(mail="autre@x.fr"))
ELSEWHERE_AND_LATER = (f.other(), HERE.with_(school_year=f.YEAR.next))
COMPROMISED = {"reason": ReissueReason.COMPROMISED}
REISSUED = LastEvent(T.REISSUE_CODE, "opérateur n° 11", Role.OPERATOR, f.NOW)
DONE = Removal(RemovalKind.REMOVE_RIGHTS, RemovalOutcome.REMOVED)
OCTOBER = datetime(2027, 10, 4, 9, tzinfo=UTC)
ENDED = Removal(RemovalKind.REMOVE_RIGHTS, opened_at=datetime(2027, 9, 1, 1, tzinfo=UTC))
RENEWED = f.checked(f.request(S.REQUESTED, reference="ODA-2028-00009", school_year=f.YEAR.next))
SETTLED = f.report(settlement=Settlement.NO_EFFECT)
WORN = f.checked(f.request(S.REQUESTED), on=date(2026, 8, 1))
NEGATIVE = f.checked(f.request(S.REQUESTED), listing=CheckOutcome.NEGATIVE)
WORN_OUT = f.other(S.REVOKED, expires_on=date(2026, 8, 31))
UNKNOWN = f.calendar(rentrees={})
NO_MAILBOX = f.establishment(is_open=False, mailbox=None)

SENT = ISSUED.with_(drane_sent_on=f.TODAY, drane_seen=drane_digest(ISSUED))
REMOVED = f.request(S.REVOKED).with_(drane_sent_on=f.TODAY)

TO_READ = ISSUED.with_(code_unread_since=f.NOW)
READ = ISSUED.with_(code_read_at=f.NOW)
OPENED = LastEvent(T.OPEN_CODE, "Claire Ader, adjoint (0310001H)", Role.DEPUTY, f.NOW)

DRAWN = {"code": None, "drawn": True}
WAITS = {"drawn_at": f.NOW, "drawn_in": 3}
BATCH = DrawnBatch(3, f.NOW, "op@ac-toulouse.fr")
HELD = f.facts(READY.with_(**WAITS), code_fate=CodeStatus.HELD, batch=BATCH)
HELD_AGAIN = f.facts(ISSUED.with_(**WAITS), code_fate=CodeStatus.HELD, batch=BATCH)
DATED = {"settlement": Settlement.REVOCATION_DATED, "revoke_on": date(2027, 1, 4)}
STOOD_IN = tuple(StandIn(kind=kind, operator=10, label="op@ac-toulouse.fr", since=f.NOW) for kind in StandInKind)

Scene = tuple[Trigger, Facts | None, dict[str, Any], dict[str, Any]]
SCENES: dict[str, tuple[Scene, ...]] = {
    "unknown_request": ((T.REVOKE, f.facts(establishment=None), {}, {}),),
    "wrong_state": (*((trigger, f.facts(S.REVOKED), {}, {}) for trigger in (T.DELEGATE, T.WITHDRAW, T.REVOKE)),
                    (T.WITHDRAW, f.facts(S.CODE_ISSUED), {}, {}),
                    (T.ISSUE_CODE, f.facts(S.DECLARED, last=None), {}, {})),
    "wrong_role": tuple((trigger, None, {}, {"actor": f.reader()}) for trigger in Trigger),
    "not_your_establishment": ((T.DELEGATE, None, {}, {"actor": f.chef(f.OTHER_UAI)}),),
    "deputy_may_not_act": ((T.DELEGATE, None, {}, {"actor": f.deputy(), "deputy_may_act": False}),),
    "behalf_needed": ((T.DELEGATE, None, {}, {"actor": f.operator()}),),
    "four_eyes": ((T.ISSUE_CODE, f.facts(READY.with_(acted_on_behalf=frozenset({10}))), {}, {"four_eyes": True}),
                  (T.CONFIRM_HANDOVER, f.facts(ISSUED.with_(issued_by=10)), {"on_behalf": f.on_behalf()},
                   {"actor": f.operator(), "four_eyes": True})),
    "stands_in": ((T.ISSUE_CODE, f.facts(READY, establishment=f.establishment(stand_ins=STOOD_IN)), {},
                   {"four_eyes": True}),),
    "mailbox_held": ((T.ISSUE_CODE, f.facts(READY, establishment=f.establishment(stand_ins=STOOD_IN)), {}, {}),),
    "changed_meanwhile": ((T.DELEGATE, None, {"expected_version": 9}, {}),
                          (T.DELEGATE, f.facts(S.DECLARED, last=None), {"expected_version": 9}, {})),
    "unknown_establishment": tuple(
        (T.DECLARE, f.facts(establishment=None), {"uai": uai, "on_behalf": f.on_behalf()}, {"actor": f.operator()})
        for uai in (f.UAI, "0310001A", "31", " ")),
    "closed_establishment": ((T.DECLARE, f.facts(establishment=NO_MAILBOX), {}, {}),),
    "no_mailbox": ((T.ISSUE_CODE, f.facts(READY, establishment=NO_MAILBOX), {}, {}),),
    "bad_field": (*((T.DECLARE, None, {"nom": nom, "prenom": nom, "mail": nom}, {})
                    for nom in ("", "x" * 200, "a\nb", "<a>", "12")),
                  *((T.DELEGATE, None, {"why": why}, {}) for why in ("", "x" * 1001, "\x00")),
                  (T.SEND_BACK, None, {"why": ""}, {}), (T.CHECK_LISTING, None, {"source": ""}, {}),
                  (T.REVOKE, None, {"note": "\x00"}, {}), (T.REVOKE, None, {"reason": RevokeReason.OTHER}, {}),
                  (T.SETTLE_CHANGE, None, {"why": ""}, {}),
                  (T.DELEGATE, None, {"on_behalf": f.on_behalf(who="", when="")}, {"actor": f.operator()})),
    "question_already_open": ((T.ASK_QUESTION, f.facts_for(T.ANSWER_QUESTION), {}, {}),),
    "no_question_open": ((T.ANSWER_QUESTION, f.facts(S.REQUESTED), {}, {}),),
    "nothing_for_drane": ((T.SEND_TO_DRANE, f.facts(S.REVOKED), {}, {}),
                          (T.SEND_TO_DRANE, f.facts(SENT), {}, {}),
                          (T.SEND_TO_DRANE, f.facts(REMOVED), {"what": DraneStanding.TO_REMOVE}, {})),
    "not_to_remove_from_drane": ((T.SEND_TO_DRANE, f.facts(SENT), {"what": DraneStanding.TO_REMOVE}, {}),),
    "shared_mailbox": ((T.DECLARE, f.facts(shared_mailboxes=frozenset({f.MAIL})), {}, {}),),
    "unusual_mail": ((T.DECLARE, None, {"mail": "anne@gmail.com"}, {}),
                     (T.AMEND, None, {"mail": "anne@ac-touluose.fr"}, {})),
    "same_person": ((T.DECLARE, f.facts(others=(HERE,)), {}, {}),),
    "too_many_requests": ((T.DECLARE, f.facts(live_requests=200), {}, {}),
                          (T.RENEW, f.facts(S.REVOKED, live_requests=1), {}, {"most_live_requests": 1})),
    "homonym": ((T.DECLARE, f.facts(others=(HERE.with_(mail="autre@x.fr"),)), {}, {}),),
    "year_closed": ((T.DECLARE, None, {"school_year": SchoolYear(2030)}, {"now": JULY}),),
    "year_ended": ((T.DELEGATE, None, {}, {"now": f.now_for(T.EXPIRE)}),
                   (T.DELEGATE, None, {}, {"now": f.now_for(T.EXPIRE), "calendar": UNKNOWN})),
    "year_not_ended": ((T.EXPIRE, None, {}, {"now": f.NOW}), (T.EXPIRE, None, {}, {"now": f.NOW, "calendar": UNKNOWN})),
    "not_renewable": ((T.RENEW, f.facts(ISSUED), {}, {}),),
    "wrong_renewal_year": ((T.RENEW, f.facts(ISSUED), {"school_year": f.YEAR}, {"now": JULY}),),
    "date_out_of_bounds": (
        (T.DECLARE, None, {"drane_declared_on": date(2030, 1, 1)}, {}),
        (T.DELEGATE, None, {"made_on": date(2030, 1, 1)}, {}),
        (T.SIGN_CHARTER, None, {"signed_on": date(2026, 1, 1)}, {}),
        (T.CHECK_LISTING, None, {"checked_on": date(2030, 1, 1)}, {}),
        (T.CHECK_DELEGATION, None, {"checked_on": date(2026, 9, 14)}, {}),
        (T.CONFIRM_HANDOVER, None, {"handed_on": date(2026, 1, 1)}, {}),
        (T.REPORT_CHANGE, None, {"effective_on": date(2040, 1, 1)}, {}),
        (T.CONFIRM_EXPIRY, None, {"expires_on": date(2040, 1, 1)}, {})),
    "charter_version": ((T.SIGN_CHARTER, None, {"version": "2020-1"}, {}),),
    "copy_not_kept": ((T.SIGN_CHARTER, None, {"copy_kept": False}, {}),),
    "identity_not_confirmed": ((T.SUBMIT, None, {"nom": "X", "prenom": "X", "mail": "X"}, {}),),
    "nothing_to_amend": ((T.AMEND, None, {"mail": None}, {}),),
    "check_missing": ((T.ISSUE_CODE, f.facts(S.REQUESTED), {}, {}),),
    "check_negative": ((T.ISSUE_CODE, f.facts(NEGATIVE), {}, {}),),
    "check_void": ((T.ISSUE_CODE, f.facts(READY.with_(nom="Autre")), {}, {}),),
    "check_too_old": ((T.ISSUE_CODE, f.facts(WORN), {}, {}),
                      (T.ISSUE_CODE, f.facts(WORN), {}, {"checks_max_age_days": 1}),
                      (T.ISSUE_CODE, f.facts(WORN), {}, {"checks_max_age_days": 0}),
                      (T.CHECK_LISTING, None, {"checked_on": date(2026, 9, 11)}, {})),
    "code_or_extension": ((T.ISSUE_CODE, None, {"code": None}, {}),),
    "code_format": ((T.REISSUE_CODE, None, {"code": Code(clear="?")}, {}),),
    "not_extendable": tuple(
        (T.ISSUE_CODE, f.facts(READY, extended=source, extended_removal=DONE), EXTENDING, {})
        for source in (None, READY, f.other(nom="Autre", mail="autre@x.fr"), f.other(S.DECLARED), WORN_OUT)),
    "key_in_use": tuple((trigger, f.facts(of, others=TWO_HOLDERS), {}, {})
                        for trigger, of in ((T.ISSUE_CODE, READY), (T.REISSUE_CODE, ISSUED))),
    "key_scope_is_request": (
        (T.ISSUE_CODE, None, {"code": None, "extends": "ODA-2027-00077"}, {"one_key_a_person": False}),),
    "nothing_to_tick": ((T.CONFIRM_EXPIRY, None, {"expires_on": None}, {}),),
    "report_first": ((T.REISSUE_CODE, None, COMPROMISED, {}),),
    "report_still_open": (
        (T.REISSUE_CODE, f.facts(ISSUED, reports=(f.report(1, Change.KEY_COMPROMISED),)), {}, {}),),
    "nothing_to_hand_over": ((T.CONFIRM_HANDOVER, f.facts(ISSUED.with_(extends="ODA-2027-00077")), {}, {}),),
    "already_handed_over": ((T.CONFIRM_HANDOVER, f.facts(ISSUED.with_(handed_on=f.TODAY)), {}, {}),),
    "code_not_delivered": tuple((T.CONFIRM_HANDOVER, f.facts(ISSUED, code_fate=fate), {}, {})
                                for fate in (CodeStatus.WAITING, CodeStatus.SENDING, CodeStatus.UNDELIVERABLE)),
    "no_key_to_report": ((T.REPORT_CHANGE, f.facts(S.REQUESTED), {"change": Change.KEY_LOST}, {}),),
    "already_reported": ((T.REPORT_CHANGE, f.facts(ISSUED, reports=(f.report(),)), {}, {}),),
    "no_such_report": ((T.SETTLE_CHANGE, f.facts(ISSUED), {}, {}), (T.SETTLE_CHANGE, None, {"report": 7}, {})),
    "which_report": ((T.SETTLE_CHANGE, f.facts(ISSUED, reports=(f.report(1), f.report(2))), {}, {}),),
    "report_settled": ((T.SETTLE_CHANGE, f.facts(ISSUED, reports=(SETTLED,)), {"report": 1}, {}),),
    "settled_as_revoked": ((T.SETTLE_CHANGE, None, {"settlement": Settlement.REVOKED}, {}),),
    "settled_as_reissued": (
        (T.SETTLE_CHANGE, f.facts(S.DECLARED, reports=(f.report(),)), {"settlement": Settlement.REISSUED}, {}),),
    "nothing_to_revoke": ((T.SETTLE_CHANGE, f.facts(S.REVOKED, reports=(f.report(),)), DATED, {}),),
    "not_to_be_dated": ((T.SETTLE_CHANGE, f.facts(ISSUED, reports=(f.report(1, Change.KEY_LOST),)), DATED, {}),),
    "revocation_day_missing": ((T.SETTLE_CHANGE, None, {"settlement": Settlement.REVOCATION_DATED}, {}),),
    "day_without_revocation": ((T.SETTLE_CHANGE, None, {"revoke_on": date(2027, 1, 4)}, {}),),
    "no_dated_revocation": ((T.REVOKE, None, {}, {"actor": f.schedule()}),),
    "revoked_before_its_day": (
        (T.REVOKE, f.facts(ISSUED, reports=(f.report(effective_on=date(2027, 1, 4)),)), {}, {}),),
    "renewed_after_revocation": ((T.RENEW, f.facts(S.REVOKED, revoked_for=RevokeReason.MISSION), {}, {}),),
    "check_recorded": ((T.TAKE_BACK, f.facts(READY), {}, {}),),
    "not_an_automatic_check": ((T.CHECK_LISTING, None, {}, {"actor": f.schedule()}),
                               (T.CHECK_DELEGATION, None, {"evidence": f.evidence(automatic=True)}, {})),
    "change_of_the_lists": ((T.REPORT_CHANGE, None, {"change": Change.LISTING_LOST}, {}),),
    "no_code_to_report": (
        (T.REPORT_CHANGE, f.facts(ISSUED.with_(extends="ODA-2027-00077")), {"change": Change.CODE_REFUSED}, {}),),
    "request_erased": ((T.REPORT_CHANGE, f.facts(f.request(S.REVOKED, erased_at=f.NOW)), {}, {}),),
    "no_removal_open": ((T.CONFIRM_REMOVAL, f.facts(S.REVOKED, removal=None), {}, {}),),
    "removal_confirmed": ((T.CONFIRM_REMOVAL, f.facts(S.REVOKED, removal=DONE), {}, {}),),
    "removal_still_open": ((T.REOPEN_REMOVAL, f.facts(S.REVOKED, removal=Removal(RemovalKind.REMOVE_RIGHTS)), {}, {}),),
    "second_code": ((T.ISSUE_CODE, f.facts(ISSUED), {}, {}), (T.REISSUE_CODE, f.facts(ISSUED, last=REISSUED),
                     {"expected_version": 9}, {})),
    "no_other_uses": ((T.ISSUE_CODE, None, {"code": None, "key_elsewhere": True}, {"key_has_other_uses": False}),),
    "hold_over": ((T.TAKE_BACK_CODE, f.facts(ISSUED, code_fate=CodeStatus.WAITING), {}, {}),),
    "code_not_read": ((T.CONFIRM_HANDOVER, f.facts(TO_READ, code_fate=CodeStatus.TO_READ), {}, {}),),
    "national_identity_needed": ((T.OPEN_CODE, None, {"method": SignInMethod.MAIL_LINK}, {}),),
    "code_already_read": (
        (T.OPEN_CODE, f.facts(READ, code_fate=CodeStatus.READ), {}, {}),
        (T.OPEN_CODE, f.facts(READ, code_fate=CodeStatus.READ, last=OPENED), {}, {}),
    ),
    "no_code_to_read": ((T.OPEN_CODE, f.facts(ISSUED), {}, {}),
                        (T.OPEN_CODE, f.facts(TO_READ, code_fate=CodeStatus.UNDELIVERABLE), {}, {})),
    "code_readable_from": (
        (T.OPEN_CODE, f.facts(TO_READ.with_(code_issued_at=f.NOW), code_fate=CodeStatus.WAITING), {},
         {"code_hold": timedelta(seconds=60)}),
    ),
    "change_of_the_rupn": ((T.REPORT_CHANGE, None, {"change": Change.NOT_RUPN}, {}),),
    "not_your_request": ((T.REPORT_CHANGE, None, {"change": Change.NOT_RUPN}, {"actor": f.rupn(address="")}),),
    "code_has_left": tuple((T.TAKE_BACK_CODE, f.facts(ISSUED, code_fate=fate), {}, {})
                           for fate in (CodeStatus.SENDING, CodeStatus.ACCEPTED, CodeStatus.HANDED_OVER)),
    "no_code_waits": ((T.TAKE_BACK_CODE, f.facts(ISSUED, code_fate=CodeStatus.UNDELIVERABLE), {}, {}),),
    "codes_are_typed": ((T.DRAW_CODE, f.facts(READY), {}, {"draws_codes": False}),),
    "code_already_drawn": (
        (T.DRAW_CODE, HELD, {}, {}), (T.ISSUE_CODE, HELD, {}, {}), (T.REISSUE_CODE, HELD_AGAIN, {}, {}),
    ),
    "no_drawn_code": ((T.ISSUE_CODE, f.facts(READY), DRAWN, {}),),
    "drawn_code_erased": ((T.ISSUE_CODE, replace(HELD, code_fate=CodeStatus.NONE), DRAWN, {}),),
    "file_not_taken": ((T.ISSUE_CODE, HELD, DRAWN, {}), (T.REISSUE_CODE, HELD_AGAIN, DRAWN, {})),
    "reissue_reason_missing": ((T.DRAW_CODE, f.facts(ISSUED), {"reason": None}, {}),),
    "key_still_used": ((T.CONFIRM_REMOVAL, f.facts(S.REVOKED, others=TWO_HOLDERS), {}, {}),),
    "key_awaited": ((T.CONFIRM_REMOVAL, f.facts(S.REVOKED, removal=ENDED, others=(RENEWED,)), {}, {"now": OCTOBER}),),
    "other_request": ((T.DELEGATE, f.facts(S.DECLARED, others=ELSEWHERE_AND_LATER), {}, {}),
                      (T.REVOKE, f.facts(ISSUED, others=(f.other(mail="autre@x.fr"),)), {}, {})),
    "late_declaration": tuple(
        (T.DECLARE, None, {"school_year": f.YEAR}, {"now": datetime(2027, 8, 20, 9, tzinfo=UTC), "calendar": calendar})
        for calendar in (f.calendar(), UNKNOWN)),
}  # fmt: skip


def reasons_of(code: str) -> Iterator[Reason]:
    """Every reason that the scenes of a code give, warnings of an accepted command included."""
    for trigger, facts, changes, around in SCENES[code]:
        rest = dict(around)
        actor: Actor = rest.pop("actor", f.actor_for(trigger))
        now: datetime = rest.pop("now", f.now_for(trigger))
        policy = replace(f.policy(), **rest)
        answer = decide(facts or f.facts_for(trigger), f.command(trigger, **changes), actor, now, policy)
        yield from answer.reasons if isinstance(answer, Refused) else answer.warnings
        assert isinstance(answer, Refused | Decision)
