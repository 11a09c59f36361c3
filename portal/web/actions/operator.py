"""Every action that an operator does in his own name, by the end of its address (R34 to R49)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from types import MappingProxyType
from typing import Final

from sqlalchemy import Connection

from portal.web.actions.base import Action, ActionContext, Common, Values
from portal.web.forms import Field, Shape, choices
from states import commands as c
from states import french
from states.model import Report, Request
from states.rules.changes import REISSUE_REASONS, REVOKE_REASONS, to_settle
from states.rules.verification import drane_standing
from states.validation import normalise_reference
from states.vocabulary import (
    DATED_CHANGES,
    DRANE_MOVEMENTS,
    REPORTED_CHANGES,
    Change,
    CheckOutcome,
    ReissueReason,
    RemovalKind,
    RemovalOutcome,
    RevokeReason,
    Settlement,
    State,
    Step,
    Trigger,
)
from workflow.requests.detail import ended_key
from workflow.requests.worklist import last_source
from workflow.settings.model import Settings

DISCREET: Final = "Sans nom de personne, rien sur la santé."
"""The hint of every free text."""

RECEIVED: Final = "liste reçue"

NEW: Final = "nouveau"
"""Chosen instead of a reference when a new code is wanted although a key exists."""

ELSEWHERE: Final = "ailleurs"
"""Chosen instead of a reference when the key serves another application (R40)."""

_MISSING: Final = "Donner le code que porte le serveur ODA."

_NEW_KEY: Final = Field(
    name="new_key_confirmed", shape=Shape.CHECK, required=False,
    label="Une nouvelle clé est voulue : celle que la personne utilise ailleurs ne marchera plus",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadyReason:
    """A reason to send a request back, ready to choose, with the step that it makes redo (R38).

    ``slug`` stands in the address of the form that it fills; ``label`` is what the operator chooses; ``text`` is what
    the establishment will read, and may be changed first.
    """

    slug: str
    step: Step
    label: str
    text: str


def ready_reasons(settings: Settings) -> tuple[ReadyReason, ...]:
    """The reasons of this académie, step after step."""
    module = settings.delegce.module
    absent_from_list = (
        ReadyReason(
            slug="absent-de-la-liste", step=Step.DECLARATION, label="Absent de la liste des RUPN de la DRANE",
            text="Le RUPN n'est pas dans la liste de la DRANE. Déclarez-le dans l'application de la DRANE, puis"
            " reprenez la demande.",
        ),
    )  # fmt: skip
    return (
        *(absent_from_list if settings.drane.declaration == "by_chef" else ()),
        ReadyReason(
            slug="identite-differente", step=Step.DECLARATION, label="Nom, prénom ou adresse différents de la liste",
            text="Le nom, le prénom ou l'adresse électronique ne sont pas ceux de la liste des RUPN. Corrigez-les,"
            " puis reprenez la demande.",
        ),
        ReadyReason(
            slug="delegation-introuvable", step=Step.DELEGATION, label="Délégation introuvable dans DelegCE",
            text=f"La délégation du module « {module} » n'apparaît pas dans DelegCE pour ce RUPN. Faites-la dans"
            " DelegCE, puis attestez-la de nouveau.",
        ),
        ReadyReason(
            slug="autre-module", step=Step.DELEGATION, label="Délégation faite pour un autre module",
            text=f"La délégation faite dans DelegCE ne porte pas sur le module « {module} ». Faites-la pour ce module,"
            " puis attestez-la de nouveau.",
        ),
        ReadyReason(
            slug="autre-date", step=Step.DELEGATION, label="Date différente de celle de DelegCE",
            text="La date de la délégation n'est pas celle qui figure dans DelegCE. Attestez-la de nouveau, à la bonne"
            " date.",
        ),
        ReadyReason(
            slug="charte-a-refaire", step=Step.CHARTER, label="Charte à signer de nouveau",
            text="La charte est à signer de nouveau : imprimez-la depuis la page de la demande, faites-la signer au"
            " RUPN, puis enregistrez la date de signature.",
        ),
        ReadyReason(
            slug="identite-a-relire", step=Step.CONFIRMATION, label="Identité à relire",
            text="Relisez le nom, le prénom et l'adresse électronique du RUPN, corrigez-les s'il le faut, puis renvoyez"
            " la demande.",
        ),
    )  # fmt: skip


def reasons_by_step(action_context: ActionContext) -> Mapping[str, tuple[tuple[Step, tuple[ReadyReason, ...]], ...]]:
    """The same, grouped under the step that each makes redo, for the template."""
    reasons = ready_reasons(action_context.app.settings)
    return {"ready": tuple((step, tuple(group)) for step, group in groupby(reasons, lambda reason: reason.step))}


def proposed_source(connection: Connection, action_context: ActionContext, trigger: Trigger) -> str:
    """The list proposed as the one that was read: the operator's last one."""
    return last_source(connection, trigger, action_context.visitor.actor.number) or RECEIVED


def expected_outcome(action_context: ActionContext) -> str:
    """The outcome that today's task proposes (R48); none for an open question (R47)."""
    removal = action_context.view.removal
    if removal is None or removal.todo is None or removal.kind is RemovalKind.KEY_ENABLED:
        return ""
    return removal.todo.outcome


def may_serve_elsewhere(action_context: ActionContext) -> bool:
    """Return True when an operator may say that the key serves another application (R40)."""
    policy = action_context.app.policy
    return policy.one_key_a_person and policy.key_has_other_uses


def code_field(action_context: ActionContext, label: str, *, before: str = "", required: bool = True) -> Field:
    """The field of a code: for whom it is, its form, when it leaves and to which mailbox (R41, R62)."""
    view, policy = action_context.view, action_context.app.policy
    hold = round(policy.code_hold.total_seconds())
    when = f"{french.plural(hold, 'seconde')} après l'envoi du formulaire" if hold else "aussitôt"
    return Field(
        name="code", label=f"{label} {french.de(f'{view.request.prenom} {view.request.nom}')}", shape=Shape.CODE,
        hint=f"{before}Celui que porte le serveur ODA : {policy.code_example}. Un courriel le porte, {when}, à"
        f" {view.establishment.mailbox or 'la boîte de l’établissement'} ; il n'est plus jamais affiché.",
        focus=required, required=required, missing=_MISSING,
    )  # fmt: skip


def extension_label(request: Request) -> str:
    """The key of another request, as one chooses it."""
    until = f", expire le {french.day(request.expires_on)}" if request.expires_on else ""
    return f"Étendre la clé de la demande {request.reference} ({request.uai}, {request.school_year}{until})"


def report_label(report: Report) -> str:
    """A report as one chooses it; a settled one stays in the list, so that a form sent twice reads the same (R10)."""
    settled = f" (déjà réglé : {report.settlement.label})" if report.settlement else ""
    day = french.day(report.effective_on)
    return f"N° {report.number} : {report.change.label}, à partir du {day}{settled}"


def _check_fields(trigger: Trigger, action_context: ActionContext) -> Sequence[Field]:
    with action_context.app.database.read() as connection:
        source = proposed_source(connection, action_context, trigger)
    return [
        Field(name="outcome", label="Qu'avez-vous trouvé ?", shape=Shape.CHOICE, options=choices(CheckOutcome)),
        Field(name="source", label="Dans quelle liste ?", hint=f"En quelques mots. {DISCREET}",
              value=source),
        Field(name="checked_on", label="Quel jour ?", shape=Shape.DAY, value=action_context.today.isoformat(),
              hint="Le jour où la liste a été lue."),
    ]  # fmt: skip


def _check(
    command: type[c.CheckListing | c.CheckDelegation], _: ActionContext, values: Values, common: Common
) -> c.Command:
    outcome = CheckOutcome(values["outcome"])
    return command(outcome=outcome, source=values["source"], checked_on=values["checked_on"], **common)


def _send_back_fields(_: ActionContext) -> Sequence[Field]:
    return [
        Field(name="step", label="Que doit refaire l'établissement ?", shape=Shape.CHOICE,
              options=tuple((step.value, f"La {step.label}") for step in Step)),
        Field(name="why", label="Pourquoi ?", hint=f"L'établissement lira ce texte. {DISCREET}", shape=Shape.AREA),
    ]  # fmt: skip


def _question_fields(_: ActionContext) -> Sequence[Field]:
    return [
        Field(name="question", label="Votre question", shape=Shape.AREA,
              hint=f"L'établissement la recevra par courriel et répondra ici. {DISCREET}"),
    ]  # fmt: skip


def _drane_fields(action_context: ActionContext) -> Sequence[Field]:
    standing = drane_standing(action_context.view.request)
    return [
        Field(
            name="sent_on", label="Transmis à la DRANE le", shape=Shape.DAY, value=action_context.today.isoformat(),
            hint=f"Ce qui est noté : {DRANE_MOVEMENTS.get(standing, standing.label)}.",
        ),
    ]  # fmt: skip


def _expiry_field(action_context: ActionContext) -> Field:
    view = action_context.view
    default = " (date par défaut, la rentrée suivante n'étant pas connue)" if view.year_end.is_default else ""
    return Field(
        name="expires_on", label="Date d'expiration à porter sur le serveur ODA", shape=Shape.DAY,
        hint=f"Fin de l'année scolaire : {french.day(view.key_date)}{default}. Elle est enregistrée.",
        value=view.key_date.isoformat(),
    )  # fmt: skip


def keys_to_extend(action_context: ActionContext) -> list[Request]:
    """The keys that this request may keep: those in use, else that of the year that ended, proposed first (R40)."""
    if keys := action_context.view.key_holders:
        return keys
    app = action_context.app
    if not app.policy.one_key_a_person:
        return []
    with app.database.read() as connection:
        former = ended_key(connection, action_context.view.request)
    return [former] if former else []


def _issue_fields(action_context: ActionContext) -> Sequence[Field]:
    keys = keys_to_extend(action_context)
    expiry = _expiry_field(action_context)
    if not keys:
        return [code_field(action_context, "Code d'initialisation"), expiry]
    elsewhere = ((ELSEWHERE, "Garder la clé qui sert à une autre application"),)
    options = (
        *((key.reference, extension_label(key)) for key in keys),
        *(elsewhere if may_serve_elsewhere(action_context) else ()),
        (NEW, "Émettre un nouveau code"),
    )
    return [
        Field(name="extends", label="Étendre la clé, ou émettre un code ?", shape=Shape.CHOICE, options=options,
              value=keys[0].reference),
        code_field(action_context, "Code d'initialisation", before="Pour un nouveau code seulement. ", required=False),
        _NEW_KEY,
        expiry,
    ]  # fmt: skip


def _issue(_: ActionContext, values: Values, common: Common) -> c.Command:
    key = values.get("extends")
    return c.IssueCode(
        code=c.Code(clear=values["code"]) if values["code"] else None,
        extends=None if key in (NEW, ELSEWHERE) else key, key_elsewhere=key == ELSEWHERE,
        expires_on=values["expires_on"], new_key_confirmed=values.get("new_key_confirmed", False), **common,
    )  # fmt: skip


def _extend_fields(action_context: ActionContext) -> Sequence[Field]:
    return [
        Field(name="extends", label="De quelle demande vient la clé ?", hint="Sa référence, par exemple ODA-2027-00042."
              " C'est une autre demande de la même personne, dont la clé existe encore.", focus=True),
        _expiry_field(action_context),
    ]  # fmt: skip


def _extend(_: ActionContext, values: Values, common: Common) -> c.Command:
    reference = "".join(filter(str.isascii, normalise_reference(values["extends"])))
    return c.IssueCode(extends=reference, expires_on=values["expires_on"], **common)


def _reissue_fields(action_context: ActionContext) -> Sequence[Field]:
    return [
        Field(name="reason", label="Pourquoi ?", shape=Shape.CHOICE, options=choices(ReissueReason)),
        replace(code_field(action_context, "Nouveau code d'initialisation"), focus=False),
        *([_NEW_KEY] if action_context.view.key_holders else []),
    ]  # fmt: skip


def _reissue(_: ActionContext, values: Values, common: Common) -> c.Command:
    return c.ReissueCode(
        reason=ReissueReason(values["reason"]), code=c.Code(clear=values["code"]),
        new_key_confirmed=values.get("new_key_confirmed", False), **common,
    )  # fmt: skip


def _note_field(hint: str = "") -> Field:
    return Field(name="note", label="Précision", hint=f"{hint}{DISCREET}", shape=Shape.AREA, required=False)


def _report_fields(action_context: ActionContext) -> Sequence[Field]:
    return [
        Field(name="change", label="Qu'est-ce qui change ?", shape=Shape.CHOICE, options=choices(REPORTED_CHANGES)),
        Field(name="effective_on", label="À partir de quand ?", hint="Ce jour peut être à venir.", shape=Shape.DAY,
              value=action_context.today.isoformat()),
        _note_field(),
    ]  # fmt: skip


def _report(_: ActionContext, values: Values, common: Common) -> c.Command:
    change, note = Change(values["change"]), values["note"] or ""
    return c.ReportChange(change=change, effective_on=values["effective_on"], note=note, **common)


def _settle_fields(action_context: ActionContext) -> Sequence[Field]:
    """One question, one reason: the action that answers a report settles it (R44 to R46).

    A code or a day is asked where a report of the request can have that answer.
    """
    reports, request = action_context.view.reports, action_context.view.request
    first_open = next((report for report in reports if report.is_open), None)
    options = tuple((str(report.number), report_label(report)) for report in reports)
    asks_code = any(report.change in REISSUE_REASONS for report in reports)
    takes_code = asks_code and not action_context.app.policy.draws_codes  # a drawn one has its own page (R97)
    is_reissued = any(_is_reissued(request, report) for report in reports)
    takes_day = any(report.change in DATED_CHANGES for report in reports)
    answers = {
        Settlement.REISSUED: "Réémettre un code" if takes_code else "Un code a été réémis" if is_reissued else "",
        Settlement.REVOKED: "Révoquer maintenant" if request.is_live else "Les droits sont révoqués",
        Settlement.REVOCATION_DATED: "Révoquer un jour à venir" if takes_day else "",
        Settlement.NO_EFFECT: "Sans effet : rien ne change",
    }
    coming = first_open.effective_on if first_open and first_open.effective_on > action_context.today else None
    code = [
        replace(field, required=False, hint=f"Pour réémettre seulement. {field.hint}")
        for field in _reissue_fields(action_context)
        if field.name != "reason"
    ]
    return [
        Field(name="report", label="Quel signalement ?", shape=Shape.CHOICE, options=options,
              value=str(first_open.number) if first_open else ""),
        Field(name="settlement", label="Quelle suite ?", shape=Shape.CHOICE,
              options=tuple((answer.value, label) for answer, label in answers.items() if label)),
        *(code if takes_code else []),
        *([Field(name="revoke_on", label="Jour de la révocation", shape=Shape.DAY, required=False,
                 hint="Pour une révocation à venir seulement : elle se fera d'elle-même à 0 heure ce jour-là.",
                 value=coming.isoformat() if coming else "")] if takes_day else []),
        Field(name="why", label="Pourquoi ?", shape=Shape.AREA, required=False,
              hint=f"Nécessaire pour dater la révocation, ou sans effet. L'établissement lira ce texte. {DISCREET}"),
    ]  # fmt: skip


def _settle(action_context: ActionContext, values: Values, common: Common) -> c.Command:
    """The command that answers the report; what was done before is only recorded, and only on the page as it is now:
    one sent twice asks for the same again (R10)."""
    view, number, why = action_context.view, values["report"], values["why"] or ""
    settlement, is_current = Settlement(values["settlement"]), common["expected_version"] == view.request.version
    report = next((report for report in view.reports if str(report.number) == number), None)
    change = report.change if report else None
    is_reissued = is_current and report is not None and _is_reissued(view.request, report)
    if settlement is Settlement.REISSUED and change in REISSUE_REASONS and not is_reissued:
        return c.ReissueCode(
            reason=REISSUE_REASONS[change], code=c.Code(clear=values.get("code") or ""),
            new_key_confirmed=values.get("new_key_confirmed", False), **common,
        )  # fmt: skip
    if settlement is Settlement.REVOKED and not (is_current and not view.request.is_live):
        reason = REVOKE_REASONS.get(change, RevokeReason.OTHER) if change else RevokeReason.OTHER
        return c.Revoke(reason=reason, note=why, **common)
    day = values.get("revoke_on") if settlement is Settlement.REVOCATION_DATED else None
    return c.SettleChange(
        settlement=settlement, why=why, revoke_on=day, report=report.number if report else None, **common
    )


def _is_reissued(request: Request, report: Report) -> bool:
    """True if a code was issued since this report, whose answer it may be (R44)."""
    return request.code_issued_at is not None and request.code_issued_at > report.reported_at


def _draws_answer(action_context: ActionContext) -> Mapping[str, bool]:
    """For the template, True if a code to draw would settle a report of the request (R97)."""
    reports = to_settle(action_context.view.request, action_context.view.reports)
    asks_code = any(report.change in REISSUE_REASONS for report in reports)
    return {"draws_answer": asks_code and action_context.is_open(Trigger.DRAW_CODE)}


def _revoke_fields(_: ActionContext) -> Sequence[Field]:
    return [
        Field(name="reason", label="Pourquoi ?", shape=Shape.CHOICE, options=choices(RevokeReason)),
        _note_field("L'établissement lira ce texte, nécessaire pour un refus, une erreur ou une autre raison. "),
    ]


def _removal_fields(action_context: ActionContext) -> Sequence[Field]:
    return [
        Field(name="outcome", label="Qu'avez-vous fait sur le serveur ODA ?", shape=Shape.CHOICE,
              options=choices(RemovalOutcome), value=expected_outcome(action_context)),
        _note_field(),
    ]  # fmt: skip


def _draw_fields(action_context: ActionContext) -> Sequence[Field]:
    request = action_context.view.request
    has_had_code = request.state is State.CODE_ISSUED
    reported = [REISSUE_REASONS.get(report.change) for report in to_settle(request, action_context.view.reports)]
    reason = Field(
        name="reason", label="Pourquoi ?", shape=Shape.CHOICE, options=choices(ReissueReason),
        value=next((reason.value for reason in reported if reason), ""),
    )  # fmt: skip
    return [
        *([reason] if has_had_code else [_expiry_field(action_context)]),
        *([_NEW_KEY] if action_context.view.key_holders else []),
    ]


_ALL: Final = (
    Action(
        trigger=Trigger.DRAW_CODE, slug="tirer-un-code", template="actions/draw_code.html", fields=_draw_fields,
        build=lambda _, __, common: c.DrawCode(batch=0, **common),  # its own route makes the batch (R97)
    ),
    Action(
        trigger=Trigger.CHECK_LISTING, slug="verifier-liste", template="actions/check.html",
        fields=partial(_check_fields, Trigger.CHECK_LISTING), build=partial(_check, c.CheckListing),
    ),
    Action(
        trigger=Trigger.CHECK_DELEGATION, slug="verifier-delegation", template="actions/check.html",
        fields=partial(_check_fields, Trigger.CHECK_DELEGATION), build=partial(_check, c.CheckDelegation),
    ),
    Action(
        trigger=Trigger.SEND_BACK, slug="renvoyer", template="actions/send_back.html", fields=_send_back_fields,
        scope=reasons_by_step,
        build=lambda _, values, common: c.SendBack(step=Step(values["step"]), why=values["why"], **common),
    ),
    Action(
        trigger=Trigger.ISSUE_CODE, slug="emettre", template="actions/issue.html", fields=_issue_fields, build=_issue,
    ),
    Action(
        trigger=Trigger.ISSUE_CODE, slug="etendre", template="actions/issue.html", fields=_extend_fields, build=_extend,
    ),
    Action(
        trigger=Trigger.ISSUE_CODE, slug="cle-existante", template="actions/key_elsewhere.html",
        fields=lambda action_context: [_expiry_field(action_context)],
        build=lambda _, values, common: c.IssueCode(key_elsewhere=True, expires_on=values["expires_on"], **common),
    ),
    Action(
        trigger=Trigger.TAKE_BACK_CODE, slug="annuler-envoi", template="actions/take_back_code.html",
        build=lambda _, __, common: c.TakeBackCode(**common),
    ),
    Action(
        trigger=Trigger.ASK_QUESTION, slug="question", template="actions/operator.html", fields=_question_fields,
        build=lambda _, values, common: c.AskQuestion(question=values["question"], **common),
    ),
    Action(
        trigger=Trigger.SEND_TO_DRANE, slug="transmis-drane", template="actions/operator.html", fields=_drane_fields,
        build=lambda _, values, common: c.SendToDrane(sent_on=values["sent_on"], **common),
    ),
    Action(
        trigger=Trigger.REISSUE_CODE, slug="reemettre", template="actions/issue.html", fields=_reissue_fields,
        build=_reissue,
    ),
    Action(
        trigger=Trigger.CONFIRM_EXPIRY, slug="expiration", template="actions/expiry.html",
        fields=lambda action_context: [_expiry_field(action_context)],
        build=lambda _, values, common: c.ConfirmExpiry(expires_on=values["expires_on"], **common),
    ),
    Action(
        trigger=Trigger.REPORT_CHANGE, slug="signaler", template="actions/operator.html", fields=_report_fields,
        build=_report,
    ),
    Action(
        trigger=Trigger.SETTLE_CHANGE, slug="regler", template="actions/settle.html", fields=_settle_fields,
        build=_settle, scope=_draws_answer,
    ),
    Action(
        trigger=Trigger.REVOKE, slug="revoquer", template="actions/revoke.html", fields=_revoke_fields, danger=True,
        build=lambda _, values, common: c.Revoke(
            reason=RevokeReason(values["reason"]), note=values["note"] or "", **common
        ),
    ),
    Action(
        trigger=Trigger.CONFIRM_REMOVAL, slug="retrait", template="actions/removal.html", fields=_removal_fields,
        build=lambda _, values, common: c.ConfirmRemoval(
            outcome=RemovalOutcome(values["outcome"]), note=values["note"] or "", **common
        ),
    ),
    Action(
        trigger=Trigger.REOPEN_REMOVAL, slug="rouvrir-retrait", template="actions/reopen_removal.html",
        fields=lambda _: [Field(name="why", label="Pourquoi ?", hint=DISCREET, shape=Shape.AREA)],
        build=lambda _, values, common: c.ReopenRemoval(why=values["why"], **common),
    ),
)  # fmt: skip

OPERATOR_ACTIONS: Final[Mapping[str, Action]] = MappingProxyType({action.slug: action for action in _ALL})
