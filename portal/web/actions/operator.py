"""All that an operator can do of a request in his own name, by the address of its page."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from types import MappingProxyType
from typing import Final

from portal.web.actions.base import Action, ActionContext, Common, Values
from portal.web.forms import Field, Shape
from states import french
from states.commands import (
    CheckDelegation,
    CheckListing,
    Code,
    Command,
    ConfirmExpiry,
    ConfirmRemoval,
    IssueCode,
    ReissueCode,
    ReportChange,
    Revoke,
    SendBack,
    SettleChange,
)
from states.model import Report, Request
from states.rules.revocation import Action as ToDo
from states.rules.revocation import holders
from states.vocabulary import (
    Change,
    CheckOutcome,
    Labelled,
    ReissueReason,
    RemovalKind,
    RemovalOutcome,
    RevokeReason,
    Settlement,
    Step,
    Trigger,
)
from workflow.requests.worklist import last_source
from workflow.settings.model import Settings

# Reasons ready to choose when a request is sent back, each with the step that it makes redo (R38).


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadyReason:
    """``slug`` stands in the address of the form that it fills; ``text`` is what the establishment will read, and may
    be changed first; ``label`` is what the operator chooses."""

    slug: str
    step: Step
    label: str
    text: str


def ready_reasons(settings: Settings) -> tuple[ReadyReason, ...]:
    """The reasons of this académie, step after step."""
    module = settings.delegce.module
    of_the_list = (
        ReadyReason(
            slug="absent-de-la-liste", step=Step.DECLARATION, label="Absent de la liste des RUPN de la DRANE",
            text="Le RUPN n'est pas dans la liste de la DRANE. Déclarez-le dans l'application de la DRANE, puis"
            " reprenez la demande.",
        ),
    )  # fmt: skip
    return (
        *(of_the_list if settings.drane.declaration == "by_chef" else ()),
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


def by_step(settings: Settings) -> tuple[tuple[Step, tuple[ReadyReason, ...]], ...]:
    """The same, under the step that each makes redo."""
    return tuple((step, tuple(some)) for step, some in groupby(ready_reasons(settings), lambda one: one.step))


# The rectorat's work before a code: the two checks, and sending back (R34 to R38).


DISCREET: Final = "Sans nom de personne, rien sur la santé."
"""What the hint of every free text says."""


RECEIVED: Final = "liste reçue"


def choices(values: type[Labelled]) -> tuple[tuple[str, str], ...]:
    """A closed list as the options of a field."""
    return tuple((one.value, one.label[0].upper() + one.label[1:]) for one in values)


def source_of(action_context: ActionContext, trigger: Trigger) -> str:
    """What is proposed as the list that was read: the operator's last one."""
    with action_context.app.database.read() as connection:
        return last_source(connection, trigger, action_context.visitor.actor.number) or RECEIVED


def _check_fields(trigger: Trigger, action_context: ActionContext) -> list[Field]:
    return [
        Field(name="outcome", label="Qu'avez-vous trouvé ?", shape=Shape.CHOICE,
              options=choices(CheckOutcome)),
        Field(name="source", label="Dans quelle liste ?", hint=f"En quelques mots. {DISCREET}",
              value=source_of(action_context, trigger)),
        Field(name="checked_on", label="Quel jour ?", shape=Shape.DAY, value=action_context.today.isoformat(),
              hint="Le jour où la liste a été lue."),
    ]  # fmt: skip


def _check(command: type[CheckListing | CheckDelegation], _: ActionContext, values: Values, common: Common) -> Command:
    outcome = CheckOutcome.of(values["outcome"])
    return command(outcome=outcome, source=values["source"], checked_on=values["checked_on"], **common)


def _send_back_fields(_: ActionContext) -> list[Field]:
    return [
        Field(name="step", label="Que doit refaire l'établissement ?", shape=Shape.CHOICE,
              options=tuple((one.value, f"La {one.label}") for one in Step)),
        Field(name="why", label="Pourquoi ?", hint=f"L'établissement lira ce texte. {DISCREET}", shape=Shape.AREA),
    ]  # fmt: skip


def _send_back(_: ActionContext, values: Values, common: Common) -> Command:
    return SendBack(step=Step.of(values["step"]), why=values["why"], **common)


CHECKS: Final = (
    Action(
        trigger=Trigger.CHECK_LISTING, slug="verifier-liste", title="Vérifier la liste des RUPN",
        button="Enregistrer la vérification", template="actions/check.html",
        fields=partial(_check_fields, Trigger.CHECK_LISTING), build=partial(_check, CheckListing),
    ),
    Action(
        trigger=Trigger.CHECK_DELEGATION, slug="verifier-delegation", title="Vérifier la délégation",
        button="Enregistrer la vérification", template="actions/check.html",
        fields=partial(_check_fields, Trigger.CHECK_DELEGATION), build=partial(_check, CheckDelegation),
    ),
    Action(
        trigger=Trigger.SEND_BACK, slug="renvoyer", title="Renvoyer la demande à l'établissement",
        button="Renvoyer la demande", template="actions/send_back.html",
        fields=_send_back_fields, build=_send_back,
        more=lambda action_context: {"ready": by_step(action_context.app.settings)},
    ),
)  # fmt: skip


# Reports of a change, the end of a request, and the removal of its rights (R32, R45, R46, R49).


def _note(hint: str = "") -> Field:
    return Field(name="note", label="Précision", hint=f"{hint}{DISCREET}", shape=Shape.AREA, required=False)


def _report_fields(action_context: ActionContext) -> list[Field]:
    return [
        Field(name="change", label="Qu'est-ce qui change ?", shape=Shape.CHOICE, options=choices(Change)),
        Field(name="effective_on", label="À partir de quand ?", hint="Ce jour peut être à venir.", shape=Shape.DAY,
              value=action_context.today.isoformat()),
        _note(),
    ]  # fmt: skip


def _report(_: ActionContext, values: Values, common: Common) -> Command:
    return ReportChange(
        change=Change.of(values["change"]), effective_on=values["effective_on"], note=values["note"] or "",
        **common,
    )  # fmt: skip


def report_label(report: Report) -> str:
    """A report as one chooses it; a settled one stays in the list, so that a form sent twice reads the same (R10)."""
    settled = f" (déjà réglé : {report.settlement.label})" if report.settlement else ""
    day = french.day(report.effective_on)
    return f"N° {report.number} : {report.change.label}, à partir du {day}{settled}"


def _settle_fields(action_context: ActionContext) -> list[Field]:
    reports = action_context.view.reports
    first = next((str(one.number) for one in reports if one.is_open), "")
    options = tuple((str(one.number), report_label(one)) for one in reports)
    return [
        Field(name="report", label="Quel signalement ?", shape=Shape.CHOICE, options=options, value=first),
        Field(name="settlement", label="Qu'avez-vous fait ?", shape=Shape.CHOICE, options=choices(Settlement)),
        Field(name="why", label="Pourquoi ?", hint=DISCREET, shape=Shape.AREA),
    ]


def _settle(_: ActionContext, values: Values, common: Common) -> Command:
    number = values["report"]
    return SettleChange(
        settlement=Settlement.of(values["settlement"]), why=values["why"],
        report=int(number) if number.isdecimal() and len(number) < 10 else None, **common,
    )  # fmt: skip


def _revoke_fields(_: ActionContext) -> list[Field]:
    return [
        Field(name="reason", label="Pourquoi ?", shape=Shape.CHOICE, options=choices(RevokeReason)),
        _note("L'établissement lira ce texte, nécessaire avec « autre raison ». "),
    ]


def _revoke(_: ActionContext, values: Values, common: Common) -> Command:
    return Revoke(reason=RevokeReason.of(values["reason"]), note=values["note"] or "", **common)


def _removal_fields(action_context: ActionContext) -> list[Field]:
    return [
        Field(name="outcome", label="Qu'avez-vous fait sur le serveur ODA ?", shape=Shape.CHOICE,
              options=choices(RemovalOutcome), value=expected_outcome(action_context)),
        _note(),
    ]  # fmt: skip


def expected_outcome(action_context: ActionContext) -> str:
    """The answer that follows from what is to be done today (R48); none when the question is open (R47)."""
    removal = action_context.view.removal
    if removal is None or removal.todo is None or removal.kind is RemovalKind.KEY_ENABLED:
        return ""
    return RemovalOutcome.REMOVED if removal.todo.action is ToDo.REMOVE_KEY else RemovalOutcome.KEPT


def _removal(_: ActionContext, values: Values, common: Common) -> Command:
    return ConfirmRemoval(outcome=RemovalOutcome.of(values["outcome"]), note=values["note"] or "", **common)


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


# The code, the extension of a key, and the day that the key bears on the ODA server (R39 to R44).


NEW: Final = "nouveau"
"""Said instead of a reference when a new code is wanted although a key exists."""


_ONCE: Final = "Copié du serveur ODA, sans espace. Il part par courriel et n'est plus jamais affiché."


def keys_in_use(action_context: ActionContext) -> list[Request]:
    """The person's other live requests that rely on a key (R42)."""
    return holders(action_context.view.others, one_key_a_person=action_context.app.policy.one_key_a_person)


def extension_label(other: Request) -> str:
    """How the key of another request is told from the rest."""
    until = f", expire le {french.day(other.expires_on)}" if other.expires_on else ""
    return f"Étendre la clé de la demande {other.reference} ({other.uai}, {other.school_year}{until})"


def _expiry(action_context: ActionContext) -> Field:
    default = (
        " (date par défaut, la rentrée suivante n'étant pas connue)" if action_context.view.year_end.is_default else ""
    )
    return Field(
        name="expires_on", label="Date d'expiration à porter sur le serveur ODA", shape=Shape.DAY,
        hint=f"Fin de l'année scolaire : {french.day(action_context.view.key_date)}{default}. Elle est enregistrée.",
        value=action_context.view.key_date.isoformat(),
    )  # fmt: skip


def _new_key() -> Field:
    return Field(
        name="new_key_confirmed", shape=Shape.CHECK, required=False,
        label="Une nouvelle clé est voulue : celle que la personne utilise ailleurs ne marchera plus",
    )  # fmt: skip


def _issue_fields(action_context: ActionContext) -> list[Field]:
    keys = keys_in_use(action_context)
    code = Field(name="code", label="Code d'initialisation", hint=_ONCE, shape=Shape.CODE, focus=True,
                 missing="Donner le code que le serveur ODA affiche.")  # fmt: skip
    if not keys:
        return [code, _expiry(action_context)]
    options = (*((one.reference, extension_label(one)) for one in keys), (NEW, "Émettre un nouveau code"))
    return [
        Field(name="extends", label="Étendre la clé, ou émettre un code ?", shape=Shape.CHOICE, options=options,
              value=keys[0].reference),
        Field(name="code", label="Code d'initialisation", hint=f"Pour un nouveau code seulement. {_ONCE}",
              shape=Shape.CODE, required=False),
        _new_key(),
        _expiry(action_context),
    ]  # fmt: skip


def _issue(_: ActionContext, values: Values, common: Common) -> Command:
    key = values.get("extends")
    return IssueCode(
        code=Code(clear=values["code"]) if values["code"] else None, extends=None if key == NEW else key,
        expires_on=values["expires_on"], new_key_confirmed=values.get("new_key_confirmed", False), **common,
    )  # fmt: skip


def _extend_fields(action_context: ActionContext) -> list[Field]:
    return [
        Field(name="extends", label="De quelle demande vient la clé ?", hint="Sa référence, par exemple ODA-2027-00042."
              " C'est une autre demande de la même personne, dont la clé existe encore.", focus=True),
        _expiry(action_context),
    ]  # fmt: skip


def _extend(_: ActionContext, values: Values, common: Common) -> Command:
    reference = "".join(one for one in values["extends"].upper() if one.isascii() and one.isprintable())
    return IssueCode(extends=reference, expires_on=values["expires_on"], **common)


def _reissue_fields(action_context: ActionContext) -> list[Field]:
    return [
        Field(name="reason", label="Pourquoi ?", shape=Shape.CHOICE, options=choices(ReissueReason)),
        Field(name="code", label="Nouveau code d'initialisation", hint=_ONCE, shape=Shape.CODE,
              missing="Donner le code que le serveur ODA affiche."),
        *([_new_key()] if keys_in_use(action_context) else []),
    ]  # fmt: skip


def _reissue(_: ActionContext, values: Values, common: Common) -> Command:
    return ReissueCode(
        reason=ReissueReason.of(values["reason"]), code=Code(clear=values["code"]),
        new_key_confirmed=values.get("new_key_confirmed", False), **common,
    )  # fmt: skip


CODES: Final = (
    Action(
        trigger=Trigger.ISSUE_CODE, slug="emettre", title="Émettre le code, ou étendre la clé", template=
        "actions/issue.html", button="Enregistrer l'émission", fields=_issue_fields, build=_issue,
    ),
    Action(
        trigger=Trigger.ISSUE_CODE, slug="etendre", title="Étendre une clé qui existe déjà", template=
        "actions/issue.html", button="Étendre la clé", fields=_extend_fields, build=_extend,
    ),
    Action(
        trigger=Trigger.REISSUE_CODE, slug="reemettre", title="Réémettre le code", template="actions/issue.html",
        button="Réémettre le code", fields=_reissue_fields, build=_reissue,
    ),
    Action(
        trigger=Trigger.CONFIRM_EXPIRY, slug="expiration", title="Cocher la date d'expiration", template=
        "actions/expiry.html", button="Cocher cette date", fields=lambda action_context: [_expiry(action_context)],
        build=lambda _, values, common: ConfirmExpiry(expires_on=values["expires_on"], **common),
    ),
)  # fmt: skip


OPERATOR_ACTIONS: Final[Mapping[str, Action]] = MappingProxyType(
    {action.slug: action for action in (*CHECKS, *CODES, *CLOSING)}
)
