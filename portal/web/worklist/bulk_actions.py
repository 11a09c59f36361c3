"""The bulk actions: of each its fields, and the command of one request."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlencode

from portal.texts import TRIGGER_TEXTS, BulkTexts
from portal.web.forms import Field, Shape, choices
from portal.web.worklist.filters import PLACE, packed
from states import commands as c
from states.policy import Policy
from states.transitions import BY_TRIGGER
from states.vocabulary import CheckOutcome, Labelled, RemovalOutcome, RevokeReason, Settlement, Step, Trigger
from workflow.requests.worklist import WorkLine

Values = Mapping[str, Any]


BATCH: Final = f"{PLACE}/lot"


@dataclass(frozen=True, kw_only=True)
class BulkAction:
    """One trigger on many requests.

    ``danger``: it cannot be taken back, and is confirmed by a box; ``build`` makes the command from the values read and
    from what every command has: ``reference``, ``expected_version``. ``by_line``: each request has a field of its own.
    """

    trigger: Trigger
    slug: str
    build: Callable[[Values, Mapping[str, Any]], c.Command]
    fields: Callable[[date], tuple[Field, ...]] = lambda _: ()
    danger: bool = False
    by_line: bool = False

    @property
    def texts(self) -> BulkTexts:
        return TRIGGER_TEXTS[self.trigger].bulk

    @property
    def address(self) -> str:
        return f"{BATCH}/{self.slug}"

    def prepared(self, references: Iterable[str], filters: Iterable[tuple[str, str]]) -> str:
        """The address at which it is prepared for these requests; ``filters``: of the list to come back to."""
        pairs = [("action", self.slug), ("cochees", packed(references)), *filters]
        return f"{BATCH}?{urlencode(pairs)}"

    def prepared_of_filter(self, filters: Iterable[tuple[str, str]]) -> str:
        """The address at which it is prepared for all the requests that these filters leave."""
        return f"{BATCH}?{urlencode([('action', self.slug), ('portee', 'filtre'), *filters])}"

    def can_have(self, item: WorkLine) -> bool:
        """Return True when the action starts from this request's state (R1) and its object is there.

        The engine decides all the same.
        """
        if item.line.state not in BY_TRIGGER[self.trigger].sources:
            return False
        match self.trigger:
            case Trigger.ISSUE_CODE | Trigger.DRAW_CODE:
                return item.is_ready
            case Trigger.CONFIRM_REMOVAL:
                return item.line.removal_open
            case Trigger.SETTLE_CHANGE:
                return item.line.report_open
            case Trigger.CONFIRM_EXPIRY:
                return item.expiry_differs
        return True


def _choice(name: str, label: str, values: type[Labelled], missing: str = "") -> Field:
    return Field(name=name, label=label, shape=Shape.CHOICE, options=choices(values), missing=missing)


def _check_fields(today: date) -> tuple[Field, ...]:
    return (
        _choice("outcome", "Résultat, le même pour toutes", CheckOutcome, "Dire ce que la vérification a trouvé."),
        Field(name="source", label="La liste qui a été lue", hint="En quelques mots, par exemple « export DelegCE »."),
        Field(name="checked_on", label="Vérifiée le", shape=Shape.DAY, value=today.isoformat()),
    )


def _check(command: type[c.CheckListing] | type[c.CheckDelegation]) -> Callable[..., c.Command]:
    def build(values: Values, common: Mapping[str, Any]) -> c.Command:
        outcome = CheckOutcome.of(values["outcome"])
        return command(outcome=outcome, source=values["source"], checked_on=values["checked_on"], **common)

    return build


def _why(label: str, hint: str = "", *, required: bool = True, name: str = "why") -> Field:
    return Field(name=name, label=label, shape=Shape.AREA, required=required,
                 hint=hint or "La même pour toutes. Quelques mots, sans nom ni donnée de santé.")  # fmt: skip


_SETTLEMENT: Final = Field(
    name="settlement", label="Ce qui a été fait", shape=Shape.CHOICE,
    options=choices(s for s in Settlement if s is not Settlement.REVOCATION_DATED),
)  # fmt: skip
"""A day is set request by request."""


_ALL: Final = (
    BulkAction(trigger=Trigger.DRAW_CODE, slug="tirer", build=lambda _, common: c.DrawCode(batch=0, **common)),
    BulkAction(
        trigger=Trigger.ISSUE_CODE, slug="emettre", by_line=True,
        build=lambda values, common: c.IssueCode(code=values["code"], **common),
    ),
    BulkAction(
        trigger=Trigger.CHECK_LISTING, slug="verifier-liste", fields=_check_fields, build=_check(c.CheckListing),
    ),
    BulkAction(
        trigger=Trigger.CHECK_DELEGATION, slug="verifier-delegation", fields=_check_fields,
        build=_check(c.CheckDelegation),
    ),
    BulkAction(
        trigger=Trigger.SEND_BACK, slug="renvoyer", danger=True,
        fields=lambda _: (_choice("step", "L'étape à refaire", Step),
                          _why("La raison, que chaque établissement lira")),
        build=lambda v, common: c.SendBack(step=Step.of(v["step"]), why=v["why"], **common),
    ),
    BulkAction(
        trigger=Trigger.CONFIRM_EXPIRY, slug="cocher-expiration", build=lambda _, common: c.ConfirmExpiry(**common),
    ),
    BulkAction(
        trigger=Trigger.SETTLE_CHANGE, slug="regler",
        fields=lambda _: (_SETTLEMENT, _why("Pourquoi, ce que chaque établissement lira")),
        build=lambda v, common: c.SettleChange(settlement=Settlement.of(v["settlement"]), why=v["why"], **common),
    ),
    BulkAction(
        trigger=Trigger.CONFIRM_REMOVAL, slug="confirmer-retrait", danger=True,
        fields=lambda _: (_choice("outcome", "Ce qui a été fait sur le serveur ODA", RemovalOutcome),
                          _why("Précision", required=False, name="note")),
        build=lambda v, common: c.ConfirmRemoval(
            outcome=RemovalOutcome.of(v["outcome"]), note=v["note"] or "", **common
        ),
    ),
    BulkAction(
        trigger=Trigger.REVOKE, slug="revoquer", danger=True,
        fields=lambda _: (_choice("reason", "La raison, la même pour toutes", RevokeReason),
                          _why("Précision", "Nécessaire pour un refus, une erreur ou une autre raison.",
                               required=False, name="note")),
        build=lambda v, common: c.Revoke(reason=RevokeReason.of(v["reason"]), note=v["note"] or "", **common),
    ),
)  # fmt: skip


BULK: Final[Mapping[str, BulkAction]] = MappingProxyType({action.slug: action for action in _ALL})
"""The actions by the end of their address, in the order in which they are proposed."""


ISSUE: Final = BULK["emettre"]

DRAW: Final = BULK["tirer"]
"""Its batch is made by the post of its page."""


def bulk_actions(policy: Policy) -> list[BulkAction]:
    """The actions that are proposed under these settings."""
    return [action for action in BULK.values() if action is not DRAW or policy.draws_codes]
