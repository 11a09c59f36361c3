"""What the model makes of an accepted command."""

from datetime import datetime

from states import commands as c
from states.validation import fold, fold_mail, person_key
from states.vocabulary import Step
from tests.kit.system import SUCCESSORS
from tests.stateful.acceptance_rules import Verdicts
from tests.stateful.model import MCheck, Model, MReport, MRequest, last_day, open_years, today

SUCCESSOR = {uai: fold(name) for uai, name in SUCCESSORS.items()}

BEFORE = {
    Step.DECLARATION: "declared",
    Step.DELEGATION: "declared",
    Step.CHARTER: "delegated",
    Step.CONFIRMATION: "charter_signed",
}


class Effects:
    """Applies commands that the model accepts."""

    def __init__(self, model: Model, now: datetime) -> None:
        self.model = model
        self.now = now
        self.today = today(now)

    def apply(self, command: c.Command, reference: str, chef: str) -> None:
        """Change the model; ``reference`` is the one that the software gave, ``chef`` the name of a chef who acts."""
        if isinstance(command, c.Declare):
            self._declare(command, reference, chef)
            return
        assert isinstance(command, c.OnRequest)
        if isinstance(command, c.Renew):
            self._renew(command, reference, chef)
            return
        request = self.model.requests[command.reference]
        request.version += 1
        getattr(self, f"_{command.trigger.value}")(command, request)
        self._chef(request, chef)

    def _chef(self, request: MRequest, name: str) -> None:
        """The chef who said to succeed voids the delegation's check; another name, and the first known, do not."""
        if not name or fold(name) == request.chef or (request.chef and fold(name) != SUCCESSOR.get(request.uai)):
            return
        first, check = not request.chef, request.delegation
        current = check is not None and check.saw == request.delegation_now()
        request.chef = fold(name)
        if first and current and check:
            check.saw = request.delegation_now()

    def _declare(self, command: c.Declare, reference: str, chef: str) -> None:
        year = command.school_year.start if command.school_year else open_years(self.now)[-1]
        self.model.requests[reference] = MRequest(
            command.uai,
            year,
            person_key(command.nom, command.prenom),
            fold_mail(command.mail),
            chef=fold(chef),
            name=(command.nom, command.prenom),
        )

    def _renew(self, command: c.Renew, reference: str, chef: str) -> None:
        old = self.model.requests[command.reference]
        year = Verdicts(self.model, self.now).renewal_year(old)
        assert year is not None
        self.model.requests[reference] = MRequest(
            old.uai, year, old.person, old.mail, renews=True, chef=fold(chef) or old.chef, name=old.name, why=old.why
        )

    def _delegate(self, command: c.Delegate, request: MRequest) -> None:
        request.state, request.delegated_on, request.why = "delegated", command.made_on, command.why

    def _sign_charter(self, _: c.SignCharter, request: MRequest) -> None:
        request.state = "charter_signed"

    def _submit(self, _: c.Submit, request: MRequest) -> None:
        request.state = "requested"

    def _check_listing(self, command: c.CheckListing, request: MRequest) -> None:
        request.listing = MCheck(command.outcome.value == "positive", request.listing_now(), self.today)
        self._remember(request)

    def _check_delegation(self, command: c.CheckDelegation, request: MRequest) -> None:
        request.delegation = MCheck(command.outcome.value == "positive", request.delegation_now(), self.today)
        self._remember(request)

    def _remember(self, request: MRequest) -> None:
        checks = (request.listing, request.delegation)
        request.key_possible |= all(check is not None and check.positive for check in checks)

    def _send_back(self, command: c.SendBack, request: MRequest) -> None:
        request.state = BEFORE[command.step]

    def _issue_code(self, command: c.IssueCode, request: MRequest) -> None:
        source = self.model.requests.get(command.extends or "")
        request.state, request.extends = "code_issued", command.extends
        request.elsewhere = source.elsewhere if source else command.key_elsewhere
        request.previous_at = None
        request.expires_on = command.expires_on or last_day(request.year)
        self._issued(request, sealed=command.code is not None)

    def _reissue_code(self, _: c.ReissueCode, request: MRequest) -> None:
        waiting = ("code_not_received", "code_refused", "pin_forgotten", "key_lost", "key_compromised")
        request.settle("reissued", [r for r in request.to_settle() if r.change in waiting])
        request.extends, request.elsewhere, request.previous_at = None, False, request.issued_at
        self._issued(request, sealed=True)

    def _issued(self, request: MRequest, *, sealed: bool) -> None:
        request.issued_on, request.issued_at = self.today, self.now
        request.handed, request.sent = False, False
        request.sealed_at = self.now if sealed else None
        request.unread, request.read = sealed and self.model.by_link, False

    def _open_code(self, _: c.OpenCode, request: MRequest) -> None:
        request.unread, request.read, request.sealed_at = False, True, None

    def _take_back_code(self, _: c.TakeBackCode, request: MRequest) -> None:
        request.issued_at, request.previous_at, request.sealed_at = request.previous_at, None, None
        request.issued_on = today(request.issued_at) if request.issued_at else None
        if request.issued_at is None:
            request.state, request.expires_on, request.unread = "requested", None, False

    def _confirm_handover(self, _: c.ConfirmHandover, request: MRequest) -> None:
        request.handed, request.sealed_at = True, None

    def _confirm_expiry(self, command: c.ConfirmExpiry, request: MRequest) -> None:
        request.expires_on = command.expires_on or last_day(request.year)

    def _report_change(self, command: c.ReportChange, request: MRequest) -> None:
        request.reports.append(MReport(command.change.value, command.effective_on, self.now))

    def _settle_change(self, command: c.SettleChange, request: MRequest) -> None:
        candidates = request.to_settle()
        report = next(iter([r for r in candidates if not r.day] or candidates))
        report.settlement, report.day = command.settlement.value, command.revoke_on

    def _take_back(self, _: c.TakeBack, request: MRequest) -> None:
        request.state = "charter_signed"

    def _ask_question(self, _: c.AskQuestion, request: MRequest) -> None:
        request.question = "asked"

    def _answer_question(self, _: c.AnswerQuestion, request: MRequest) -> None:
        request.question = "answered"

    def _send_to_drane(self, _: c.SendToDrane, request: MRequest) -> None:
        request.drane = request.for_drane() if request.state != "revoked" else None

    def _amend(self, command: c.Amend, request: MRequest) -> None:
        # every amendment of these tests gives the whole identity
        person = person_key(command.nom or "", command.prenom or "")
        if request.state == "charter_signed" and (command.nom, command.prenom) != request.name:
            request.state = "delegated"
        request.person, request.mail = person, fold_mail(command.mail or "")
        request.name = (command.nom or "", command.prenom or "")

    def _withdraw(self, _: c.Withdraw, request: MRequest) -> None:
        request.version -= 1
        self.model.revoke(request, self.today)

    _expire = _withdraw

    def _revoke(self, _: c.Revoke, request: MRequest) -> None:
        request.version -= 1
        self.model.revoke_reported(request, self.today)

    def _confirm_removal(self, command: c.ConfirmRemoval, request: MRequest) -> None:
        request.removal = command.outcome.value

    def _reopen_removal(self, _: c.ReopenRemoval, request: MRequest) -> None:
        request.removal = request.task
