"""Reports of a change, the end of a request, and the removal of its rights (R32, R45, R46, R49)."""

from collections.abc import Mapping
from typing import Any, Final

from notifications.vocabulary import member
from portal.web.actions.model import Action, Asked, Values
from portal.web.actions.operator_checks import DISCREET, choices
from portal.web.forms import Field, Shape
from states import french
from states.commands import Command, ConfirmRemoval, ReportChange, Revoke, SettleChange
from states.facts import Report
from states.removal import Action as ToDo
from states.vocabulary import Change, RemovalKind, RemovalOutcome, RevokeReason, Settlement, Trigger


def _note(hint: str = "") -> Field:
    return Field(name="note", label="Précision", hint=f"{hint}{DISCREET}", shape=Shape.AREA, required=False)


def _report_fields(asked: Asked) -> list[Field]:
    return [
        Field(name="change", label="Qu'est-ce qui change ?", shape=Shape.CHOICE, options=choices(Change)),
        Field(name="effective_on", label="À partir de quand ?", hint="Ce jour peut être à venir.", shape=Shape.DAY,
              value=asked.today.isoformat()),
        _note(),
    ]  # fmt: skip


def _report(_: Asked, values: Values, common: Mapping[str, Any]) -> Command:
    return ReportChange(
        change=member(Change, values["change"]), effective_on=values["effective_on"], note=values["note"] or "",
        **common,
    )  # fmt: skip


def report_label(report: Report) -> str:
    """A report as one chooses it; a settled one stays in the list, so that a form sent twice reads the same (R10)."""
    settled = f" (déjà réglé : {report.settlement.label})" if report.settlement else ""
    day = french.day(report.effective_on)
    return f"N° {report.number} : {report.change.label}, à partir du {day}{settled}"


def _settle_fields(asked: Asked) -> list[Field]:
    reports = asked.view.reports
    first = next((str(one.number) for one in reports if one.is_open), "")
    options = tuple((str(one.number), report_label(one)) for one in reports)
    return [
        Field(name="report", label="Quel signalement ?", shape=Shape.CHOICE, options=options, value=first),
        Field(name="settlement", label="Qu'avez-vous fait ?", shape=Shape.CHOICE, options=choices(Settlement)),
        Field(name="why", label="Pourquoi ?", hint=DISCREET, shape=Shape.AREA),
    ]


def _settle(_: Asked, values: Values, common: Mapping[str, Any]) -> Command:
    number = values["report"]
    return SettleChange(
        settlement=member(Settlement, values["settlement"]), why=values["why"],
        report=int(number) if number.isdecimal() and len(number) < 10 else None, **common,
    )  # fmt: skip


def _revoke_fields(_: Asked) -> list[Field]:
    return [
        Field(name="reason", label="Pourquoi ?", shape=Shape.CHOICE, options=choices(RevokeReason)),
        _note("L'établissement lira ce texte, nécessaire avec « autre raison ». "),
    ]


def _revoke(_: Asked, values: Values, common: Mapping[str, Any]) -> Command:
    return Revoke(reason=member(RevokeReason, values["reason"]), note=values["note"] or "", **common)


def _removal_fields(asked: Asked) -> list[Field]:
    return [
        Field(name="outcome", label="Qu'avez-vous fait sur le serveur ODA ?", shape=Shape.CHOICE,
              options=choices(RemovalOutcome), value=expected_outcome(asked)),
        _note(),
    ]  # fmt: skip


def expected_outcome(asked: Asked) -> str:
    """The answer that follows from what is to be done today (R48); none when the question is open (R47)."""
    removal = asked.view.removal
    if removal is None or removal.todo is None or removal.kind is RemovalKind.KEY_ENABLED:
        return ""
    return RemovalOutcome.REMOVED if removal.todo.action is ToDo.REMOVE_KEY else RemovalOutcome.KEPT


def _removal(_: Asked, values: Values, common: Mapping[str, Any]) -> Command:
    return ConfirmRemoval(outcome=member(RemovalOutcome, values["outcome"]), note=values["note"] or "", **common)


CLOSING: Final = (
    Action(
        trigger=Trigger.REPORT_CHANGE, slug="signaler", title="Signaler un changement", template=
        "actions/operator.html", button="Enregistrer le signalement", fields=_report_fields, build=_report,
    ),
    Action(
        trigger=Trigger.SETTLE_CHANGE, slug="regler", title="Régler un signalement", button="Régler le signalement",
        template="actions/operator.html", fields=_settle_fields, build=_settle,
    ),
    Action(
        trigger=Trigger.REVOKE, slug="revoquer", title="Révoquer la demande", button="Révoquer la demande",
        template="actions/revoke.html", fields=_revoke_fields, build=_revoke, danger=True,
    ),
    Action(
        trigger=Trigger.CONFIRM_REMOVAL, slug="retrait", title="Confirmer le retrait des droits", button=
        "Confirmer le retrait", template="actions/removal.html", fields=_removal_fields, build=_removal,
    ),
)  # fmt: skip
