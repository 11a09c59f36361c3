"""Whether the model accepts a command: the needs of each trigger, in the plainest words."""

from datetime import datetime, timedelta

from states import commands as c
from states.validation import fold_mail, person_key
from states.vocabulary import ReissueReason, Settlement, SignInMethod
from tests.kit.system import SCHOOLS
from tests.stateful.model import (
    AFTER_END,
    HOLD,
    SOURCES,
    MCheck,
    Model,
    MRequest,
    ends_at,
    last_day,
    open_years,
    opening,
    today,
)

VERSION = "2026-1"
OF_A_KEY = ("code_not_received", "code_refused", "pin_forgotten", "key_lost", "not_needed", "key_compromised")
CAN_WAIT = ("mission", "departure", "absence", "not_needed")
MAX_AGE = timedelta(days=30)


class Verdicts:
    """The model's answer to one command, at one instant, by somebody in a role."""

    def __init__(self, model: Model, now: datetime) -> None:
        self.model = model
        self.now = now
        self.today = today(now)

    def accepts(self, command: c.Command, role: str, uais: set[str]) -> bool:
        """The whole answer."""
        trigger = command.trigger.value
        behalf = command.on_behalf is not None
        if isinstance(command, c.Declare):
            return self.model.may(trigger, role, uais, command.uai, behalf) and self._declare(command)
        assert isinstance(command, c.OnRequest)
        request = self.model.requests.get(command.reference)
        if request is None or not self.model.may(trigger, role, uais, request.uai, behalf):
            return False
        if request.state not in SOURCES[trigger]:
            return False
        if self.now >= ends_at(request.year) and trigger not in AFTER_END:
            return False
        rule = getattr(self, f"_{trigger}", None)
        return rule is None or bool(rule(command, request))

    def _others(self, command: c.OnRequest, request: MRequest) -> list[MRequest]:
        return self.model.others(command.reference, request.person, request.mail)

    def _keys_elsewhere(self, command: c.OnRequest, request: MRequest) -> list[MRequest]:
        return [r for r in self._others(command, request) if r.issued_on]

    def _declare(self, command: c.Declare) -> bool:
        years = open_years(self.now)
        year = command.school_year.start if command.school_year else years[-1]
        person, mail = person_key(command.nom, command.prenom), fold_mail(command.mail)
        duplicates = self.model.same_person("", command.uai, year, person, mail, command.homonym_confirmed)
        return year in years and SCHOOLS[command.uai] is not None and not duplicates

    def renewal_year(self, request: MRequest) -> int | None:
        years = [y for y in open_years(self.now) if y > request.year or (y == request.year and not request.live)]
        return years[-1] if years else None

    def _renew(self, command: c.Renew, request: MRequest) -> bool:
        year = self.renewal_year(request)
        if year is None or SCHOOLS[request.uai] is None:
            return False
        return not self.model.same_person(
            command.reference, request.uai, year, request.person, request.mail, command.homonym_confirmed
        )

    def _ask_question(self, _: c.AskQuestion, request: MRequest) -> bool:
        return request.question != "asked"

    def _answer_question(self, _: c.AnswerQuestion, request: MRequest) -> bool:
        return request.question == "asked"

    def _send_to_drane(self, _: c.SendToDrane, request: MRequest) -> bool:
        return request.drane is not None if request.state == "revoked" else request.drane != request.for_drane()

    def _delegate(self, command: c.Delegate, request: MRequest) -> bool:
        return command.made_on <= self.today and (not request.renews or command.made_on >= opening(request.year))

    def _sign_charter(self, command: c.SignCharter, request: MRequest) -> bool:
        good_day = opening(request.year) <= command.signed_on <= self.today
        return good_day and command.copy_kept and command.version == VERSION

    def _submit(self, command: c.Submit, request: MRequest) -> bool:
        return ((command.nom, command.prenom), fold_mail(command.mail)) == (request.name, request.mail)

    def _check_delegation(self, command: c.CheckDelegation, request: MRequest) -> bool:
        day = command.checked_on or self.today
        return request.delegated_on is not None and request.delegated_on <= day

    def _amend(self, command: c.Amend, request: MRequest) -> bool:
        person = person_key(command.nom or "", command.prenom or "")
        mail = fold_mail(command.mail or "")
        if (command.nom, command.prenom) == request.name and mail == request.mail:
            return False
        others = self.model.others(command.reference, person, mail)
        same = [r for r in others if (r.uai, r.year) == (request.uai, request.year)]
        if any(r.mail == mail for r in same):
            return False
        return person == request.person or not same or command.homonym_confirmed

    def _good(self, check: MCheck | None, saw: tuple[object, ...]) -> bool:
        return check is not None and check.positive and check.saw == saw and check.day >= self.today - MAX_AGE

    def _issue_code(self, command: c.IssueCode, request: MRequest) -> bool:
        if SCHOOLS[request.uai] is None:
            return False
        if not self._good(request.listing, request.listing_now()):
            return False
        if not self._good(request.delegation, request.delegation_now()):
            return False
        if command.key_elsewhere:
            return command.code is None and command.extends is None
        if command.extends is None:
            return not self._keys_elsewhere(command, request) or command.new_key_confirmed
        return command.code is None and self._extendable(command, request)

    def _extendable(self, command: c.IssueCode, request: MRequest) -> bool:
        source = self.model.requests.get(command.extends or "")
        if source is None or source is request or not source.issued_on or source.expires_on is None:
            return False
        if source.person != request.person and source.mail != request.mail:
            return False
        if source.expires_on < self.today and not (source.uai == request.uai and self._kept_its_key(source)):
            return False
        if self._open_compromise(source):
            return False
        return source.removal in (None, "remove_rights", "key_enabled", "kept")

    def _kept_its_key(self, request: MRequest) -> bool:
        """Whether its key served until the year's end, and ended with it."""
        if not request.issued_on or request.expires_on is None or request.expires_on < last_day(request.year):
            return False
        return request.live or (request.ended_on is not None and request.ended_on > last_day(request.year))

    def _open_compromise(self, request: MRequest) -> bool:
        return any(r.change == "key_compromised" and r.settlement is None for r in request.reports)

    def _reissue_code(self, command: c.ReissueCode, request: MRequest) -> bool:
        if SCHOOLS[request.uai] is None:
            return False
        if self._keys_elsewhere(command, request) and not command.new_key_confirmed:
            return False
        if command.reason is not ReissueReason.COMPROMISED:
            return not self._open_compromise(request)
        return self._open_compromise(request) or self._answered_by_a_code_taken_back(request)

    def _answered_by_a_code_taken_back(self, request: MRequest) -> bool:
        return any(
            r.change == "key_compromised" and r.settlement == "reissued" and request.issued_at
            and r.reported_at >= request.issued_at for r in request.reports
        )  # fmt: skip

    def _take_back_code(self, _: c.TakeBackCode, request: MRequest) -> bool:
        waits = request.sealed_at is not None and not request.sent
        return waits and request.issued_at is not None and self.now < request.issued_at + HOLD

    def _open_code(self, command: c.OpenCode, request: MRequest) -> bool:
        if command.method is SignInMethod.MAIL_LINK or not request.unread or request.sealed_at is None:
            return False
        return request.sent or (request.issued_at is not None and self.now >= request.issued_at + HOLD)

    def _confirm_handover(self, command: c.ConfirmHandover, request: MRequest) -> bool:
        if request.extends or request.elsewhere or request.handed or request.issued_on is None:
            return False
        if request.unread or not (request.sent or request.read):
            return False
        return request.issued_on <= command.handed_on <= self.today

    def _confirm_expiry(self, command: c.ConfirmExpiry, request: MRequest) -> bool:
        if command.expires_on is None:
            return request.expires_on != last_day(request.year)
        latest = [r.expires_on for r in self._keys_elsewhere(command, request) if r.expires_on]
        bound = max([last_day(request.year), *latest])
        return self.today <= command.expires_on <= bound and command.expires_on != request.expires_on

    def _report_change(self, command: c.ReportChange, request: MRequest) -> bool:
        change = command.change.value
        if change in OF_A_KEY and not request.issued_on:
            return False
        if change in ("code_not_received", "code_refused") and (request.extends or request.elsewhere):
            return False
        return not any(
            r.change == change and r.effective_on == command.effective_on and r.settlement is None
            for r in request.reports
        )

    def _settle_change(self, command: c.SettleChange, request: MRequest) -> bool:
        candidates = request.to_settle()
        candidates = [r for r in candidates if not r.day] or candidates
        if len(candidates) != 1:
            return False
        (report,) = candidates
        if command.settlement is Settlement.REVOCATION_DATED:
            if command.revoke_on is None or command.revoke_on == report.day or report.change not in CAN_WAIT:
                return False
            in_time = self.today < command.revoke_on <= last_day(request.year)
            return request.live and in_time and self.now < ends_at(request.year)
        if command.revoke_on:
            return False
        if command.settlement is Settlement.REVOKED:
            return not request.live
        if command.settlement is Settlement.REISSUED:
            issued = request.issued_at
            extended = request.extends or request.elsewhere
            return not extended and issued is not None and issued > report.reported_at
        return True

    def _take_back(self, _: c.TakeBack, request: MRequest) -> bool:
        checks = ((request.listing, request.listing_now()), (request.delegation, request.delegation_now()))
        return not any(check is not None and check.saw == saw for check, saw in checks)

    def _expire(self, _: c.Expire, request: MRequest) -> bool:
        return self.now >= ends_at(request.year)

    def _confirm_removal(self, _: c.ConfirmRemoval, request: MRequest) -> bool:
        return request.removal in ("remove_rights", "key_enabled")

    def _reopen_removal(self, _: c.ReopenRemoval, request: MRequest) -> bool:
        return request.removal not in (None, "remove_rights", "key_enabled")
