"""The values that the machine gives to each command, good ones and wrong ones."""

from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from states import commands as c
from states.vocabulary import (
    EVIDENCE_CHANGES,
    RUPN_CHANGES,
    Change,
    CheckOutcome,
    ReissueReason,
    RemovalOutcome,
    RevokeReason,
    Settlement,
    SignInMethod,
    Step,
    Trigger,
    WithdrawReason,
)
from tests.stateful.acceptance_rules import VERSION
from tests.stateful.model import Model

PEOPLE = (
    ("Durand", "Anne", "anne@ac-toulouse.fr"),
    ("DURAND", "Anné", "anne.bis@ac-toulouse.fr"),
    ("d'Étienne-Noël", "Zoë", "zoe@ac-toulouse.fr"),
)
CODE = c.Code(clear="Ab12Cd34")
REPORTED_BY_PEOPLE = [change for change in Change if change not in (*EVIDENCE_CHANGES, *RUPN_CHANGES)]
days = st.integers(min_value=-40, max_value=3)
OPERATOR_TRIGGERS = {
    Trigger.CHECK_LISTING, Trigger.CHECK_DELEGATION, Trigger.SEND_BACK, Trigger.ISSUE_CODE, Trigger.REISSUE_CODE,
    Trigger.CONFIRM_EXPIRY, Trigger.SETTLE_CHANGE, Trigger.REVOKE, Trigger.CONFIRM_REMOVAL,
    Trigger.TAKE_BACK_CODE, Trigger.REOPEN_REMOVAL,
    Trigger.ASK_QUESTION, Trigger.SEND_TO_DRANE,
}  # fmt: skip
ENDINGS = [Trigger.REVOKE, Trigger.WITHDRAW, Trigger.CONFIRM_REMOVAL, Trigger.RENEW, Trigger.SETTLE_CHANGE,
           Trigger.REOPEN_REMOVAL]  # fmt: skip
NEXT = {
    "declared": [Trigger.DELEGATE],
    "delegated": [Trigger.SIGN_CHARTER],
    "charter_signed": [Trigger.SUBMIT],
    "requested": [Trigger.CHECK_LISTING, Trigger.CHECK_DELEGATION, Trigger.ISSUE_CODE, Trigger.TAKE_BACK],
    "code_issued": [Trigger.CONFIRM_HANDOVER, Trigger.OPEN_CODE, Trigger.REISSUE_CODE, Trigger.REPORT_CHANGE,
                    Trigger.SETTLE_CHANGE, Trigger.RENEW, Trigger.TAKE_BACK_CODE],
    "revoked": [Trigger.CONFIRM_REMOVAL, Trigger.RENEW, Trigger.REOPEN_REMOVAL],
}  # fmt: skip


class Values:
    """One ``make_<trigger>`` a command: the fields besides the reference, drawn by Hypothesis."""

    model: Model

    def make_delegate(self, data: Any, _: str, day: date, good: bool) -> dict[str, Any]:
        return {"why": data.draw(st.sampled_from(["accueil des familles", "absence du CPE"])), "made_on": day}

    def make_sign_charter(self, data: Any, _: str, day: date, good: bool) -> dict[str, Any]:
        copy_kept = good or data.draw(st.booleans())
        version = VERSION if good else data.draw(st.sampled_from([VERSION, VERSION, "2020"]))
        return {"signed_on": day, "version": version, "copy_kept": copy_kept}

    def make_submit(self, data: Any, reference: str, day: date, good: bool) -> dict[str, Any]:
        request = self.model.requests[reference]
        mail = request.mail if good else data.draw(st.sampled_from([request.mail, "autre@ac-toulouse.fr"]))
        return {"nom": request.name[0], "prenom": request.name[1], "mail": mail}

    def make_check_listing(self, data: Any, _: str, day: date, good: bool) -> dict[str, Any]:
        positive = good or data.draw(st.booleans())
        outcome = CheckOutcome.POSITIVE if positive else CheckOutcome.NEGATIVE
        return {"outcome": outcome, "source": "liste reçue ce jour"}

    make_check_delegation = make_check_listing

    def make_send_back(self, data: Any, _: str, day: date, good: bool) -> dict[str, Any]:
        return {"step": data.draw(st.sampled_from(Step)), "why": "à reprendre"}

    def make_issue_code(self, data: Any, reference: str, day: date, good: bool) -> dict[str, Any]:
        if data.draw(st.integers(0, 3)) > 0:
            return {"code": CODE, "new_key_confirmed": data.draw(st.booleans())}
        if data.draw(st.booleans()):
            return {"key_elsewhere": True}
        return {"extends": data.draw(st.sampled_from(sorted(self.model.requests)))}

    def make_reissue_code(self, data: Any, _: str, day: date, good: bool) -> dict[str, Any]:
        reason = data.draw(st.sampled_from(ReissueReason))
        return {"reason": reason, "code": CODE, "new_key_confirmed": data.draw(st.booleans())}

    def make_take_back_code(self, data: Any, _: str, day: date, good: bool) -> dict[str, Any]:
        return {}

    def make_open_code(self, data: Any, _: str, day: date, good: bool) -> dict[str, Any]:
        methods = [method for method in SignInMethod if method is not SignInMethod.MAIL_LINK or not good]
        return {"method": data.draw(st.sampled_from(methods))}

    def make_reopen_removal(self, data: Any, _: str, day: date, good: bool) -> dict[str, Any]:
        return {"why": "confirmé pour une autre"}

    def make_confirm_handover(self, data: Any, _: str, day: date, good: bool) -> dict[str, Any]:
        return {"handed_on": day}

    def make_confirm_expiry(self, data: Any, _: str, day: date, good: bool) -> dict[str, Any]:
        return {"expires_on": data.draw(st.sampled_from([None, day, day + timedelta(days=10)]))}

    def make_report_change(self, data: Any, _: str, day: date, good: bool) -> dict[str, Any]:
        return {"change": data.draw(st.sampled_from(REPORTED_BY_PEOPLE)), "effective_on": day}

    def make_settle_change(self, data: Any, _: str, day: date, good: bool) -> dict[str, Any]:
        settlement = data.draw(st.sampled_from(Settlement))
        days = [day + timedelta(days=1), day + timedelta(days=20), date(day.year, 8, 31), None]
        is_dated = settlement is Settlement.REVOCATION_DATED or data.draw(st.integers(0, 9)) == 0
        revoke_on = data.draw(st.sampled_from(days)) if is_dated else None
        return {"settlement": settlement, "why": "vu avec le chef", "revoke_on": revoke_on}

    def make_take_back(self, data: Any, _: str, day: date, good: bool) -> dict[str, Any]:
        return {}

    def make_ask_question(self, data: Any, _: str, day: date, good: bool) -> dict[str, Any]:
        return {"question": "est-ce bien cette personne ?"}

    def make_answer_question(self, data: Any, _: str, day: date, good: bool) -> dict[str, Any]:
        return {"answer": "oui"}

    def make_send_to_drane(self, data: Any, _: str, day: date, good: bool) -> dict[str, Any]:
        return {}

    def make_amend(self, data: Any, _: str, day: date, good: bool) -> dict[str, Any]:
        nom, prenom, mail = data.draw(st.sampled_from(PEOPLE))
        return {"nom": nom, "prenom": prenom, "mail": mail, "homonym_confirmed": data.draw(st.booleans())}

    def make_withdraw(self, data: Any, _: str, day: date, good: bool) -> dict[str, Any]:
        return {"reason": data.draw(st.sampled_from(WithdrawReason)), "note": "plus utile"}

    def make_revoke(self, data: Any, _: str, day: date, good: bool) -> dict[str, Any]:
        return {"reason": data.draw(st.sampled_from(RevokeReason)), "note": "décidé ce jour"}

    def make_expire(self, data: Any, _: str, day: date, good: bool) -> dict[str, Any]:
        return {}

    def make_confirm_removal(self, data: Any, _: str, day: date, good: bool) -> dict[str, Any]:
        return {"outcome": data.draw(st.sampled_from(RemovalOutcome))}

    def make_renew(self, data: Any, _: str, day: date, good: bool) -> dict[str, Any]:
        return {"homonym_confirmed": data.draw(st.booleans())}
