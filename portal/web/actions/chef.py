"""Every action of an establishment, by the end of its address; the rectorat uses them on its behalf (R5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from starlette.datastructures import FormData

from portal.web.actions.base import Action, ActionContext, Common, Values
from portal.web.context import WebContext
from portal.web.forms import Field, Form, Shape, choices
from states import commands as c
from states.model import Request
from states.school_calendar import LATE_DECLARATION_DAYS, SchoolYear
from states.validation import clean, proposed_name
from states.vocabulary import CODE_CHANGES, KEY_CHANGES, Change, Step, Trigger, WithdrawReason
from workflow.requests.detail import RequestView

_REASONS: Final = {
    "outside_network": "Les comptes sont aussi administrés hors du réseau administratif.",
    "outside_hours": "Les familles sont aussi accueillies hors des heures du secrétariat.",
    "several_sites": "L'établissement a plusieurs sites.",
    "no_other_agent": "Aucun autre agent de l'établissement ne peut administrer ces comptes.",
}
"""The usual reasons for a delegation, each a whole sentence of what is attested; nothing is decided by them (R26)."""

_OTHER_REASON: Final = "other"

NO_NAME: Final = "Sans nom ni donnée de santé."

NEW_CODE: Final = "nouveau-code"
RETURN_KEY: Final = "rendre"

CODE: Final = "code"
"""The page on which a code is read, which is no action like the others (R112)."""

HOMONYM: Final = Field(
    name="homonym_confirmed", label="C'est une autre personne, qui porte les mêmes nom et prénom", shape=Shape.CHECK,
    required=False,
)  # fmt: skip
"""Shown only after a refusal for a homonym (R17)."""

MAIL_CONFIRMED: Final = Field(
    name="mail_confirmed", label="C'est bien l'adresse professionnelle du RUPN", shape=Shape.CHECK, required=False,
)  # fmt: skip
"""Shown only after a refusal for an address outside the usual domains (R16)."""

CONFIRMATIONS: Final = (MAIL_CONFIRMED, HOMONYM)
"""What a chef may confirm of a RUPN, once a refusal asks for it."""

_CHANGES: Final = {
    Change.MISSION: "Sa mission change : il ou elle n'est plus RUPN",
    Change.DEPARTURE: "Il ou elle quitte l'établissement",
    Change.ABSENCE: "Il ou elle s'absente durablement",
    Change.KEY_COMPROMISED: "Quelqu'un d'autre a pu lire sa messagerie, ou connaît son code PIN",
}
"""What happens to the person; a new code and the end of a key are asked on pages of their own."""

_NEW_CODE: Final = {
    Change.CODE_NOT_RECEIVED: "Le code n'est pas arrivé",
    Change.CODE_REFUSED: "Le code est refusé",
    Change.PIN_FORGOTTEN: "Le code PIN est oublié ou perdu",
}

_NAME_FORM: Final = "name_form"


def with_proposed_names(form: Form, data: FormData) -> Form:
    """The form with nom and prénom as an administration writes them, once the chef has chosen so (R16).

    Until then the question is asked, the proposal ticked; what was typed is kept for who prefers it.
    """
    if not form.is_right or not {"nom", "prenom"} <= form.values.keys():
        return form
    typed = {name: clean(form.values[name]) for name in ("prenom", "nom")}
    proposed = {name: proposed_name(value) for name, value in typed.items()}
    if proposed == typed:
        return form
    choice = str(data.get(_NAME_FORM) or "")
    if choice == "proposed":
        return form.with_values(proposed)
    question = Field(
        name=_NAME_FORM, label="Comment écrire le nom du RUPN ?", shape=Shape.CHOICE,
        options=(
            ("proposed", f"{' '.join(proposed.values())} (proposé)"),
            ("typed", f"{' '.join(typed.values())} (comme vous l'avez tapé)"),
        ),
    )  # fmt: skip
    if choice == "typed":
        return form.adding(question, "typed")
    return form.adding(question, "proposed", "Garder la proposition ou non, puis envoyer de nouveau.")


def identity_fields(context: WebContext, request: Request | None = None) -> list[Field]:
    """The RUPN's name and mail address (R16)."""
    example = context.app.policy.mail_domains.example
    nom, prenom, mail = (request.nom, request.prenom, request.mail) if request else ("", "", "")
    return [
        Field(name="prenom", label="Prénom du RUPN", value=prenom, is_name=True),
        Field(name="nom", label="Nom du RUPN", value=nom, is_name=True),
        Field(
            name="mail", label="Adresse électronique professionnelle du RUPN", shape=Shape.MAIL, value=mail,
            hint=f"Celle où arrivera le code à usage unique de sa clé, par exemple {example}", example=example,
        ),
    ]  # fmt: skip


def school_year_fields(context: WebContext) -> list[Field]:
    """The school year, asked only when two are open (R20)."""
    app = context.app
    years = app.policy.calendar.open_years(app.clock.now())
    if len(years) < 2:
        return []
    late = " (elle finit bientôt : la clé servira peu)"
    options = tuple((str(year), f"{year}{late if ends_soon(context, year) else ''}") for year in years)
    return [_year_field(options)]


def _year_field(options: tuple[tuple[str, str], ...]) -> Field:
    """The later year is proposed."""
    return Field(
        name="school_year", label="Année scolaire", shape=Shape.SELECT, options=options, value=options[-1][0]
    )  # fmt: skip


def ends_soon(context: WebContext, year: SchoolYear) -> bool:
    """Return True when less than 30 days of the year are left: it is hardly worth a key (R21)."""
    return (context.app.policy.calendar.end_of(year).last_day - context.pages.today()).days < LATE_DECLARATION_DAYS


def drane_fields(context: WebContext, request: Request | None = None) -> list[Field]:
    """The day of the declaration to the DRANE, unless the rectorat makes it (R25)."""
    if context.app.settings.drane.declaration == "sent_by_us":
        return []
    declared_on = request.drane_declared_on if request else None
    return [
        Field(
            name="drane_declared_on", label="Déclaré à la DRANE le", shape=Shape.DAY, required=False,
            last=context.pages.today(),
            hint="Jour de la déclaration dans l'application de la DRANE ; laisser vide si elle reste à faire.",
            value=declared_on.isoformat() if declared_on else "",
        )
    ]  # fmt: skip


def reason_fields(kept: str = "") -> tuple[Field, Field]:
    """The reason for the delegation: a usual one, words of one's own (R26). ``kept``: the reason attested before."""
    code, words = _parted_reason(kept)
    options = (*_REASONS.items(), (_OTHER_REASON, "Une autre raison, à écrire ci-dessous"))
    return (
        Field(
            name="why_reason", label="Pourquoi cette délégation est indispensable", shape=Shape.CHOICE, options=options,
            value=code, missing="Choisir une raison, ou « Une autre raison ».",
        ),
        Field(
            name="why", label="Précision, ou autre raison", shape=Shape.AREA, hint=NO_NAME, value=words, required=False,
        ),
    )  # fmt: skip


def _parted_reason(kept: str) -> tuple[str, str]:
    for code, sentence in _REASONS.items():
        if kept.startswith(sentence):
            return code, kept.removeprefix(sentence).strip()
    return (_OTHER_REASON, kept) if kept else ("", "")


def attested_reason(values: Values) -> str:
    """The reason as it is attested, in words; empty when none was asked for."""
    words = (_REASONS.get(values.get("why_reason") or ""), values.get("why"))
    return " ".join(filter(None, words))


def made_on_field(today: date, first: date | None = None, value: date | None = None) -> Field:
    """The day when the delegation was made in DelegCE (R26)."""
    return Field(
        name="made_on", label="Délégation faite dans DelegCE le", shape=Shape.DAY, first=first, last=today,
        hint="Le jour où vous avez délégué le module dans DelegCE.", value=value.isoformat() if value else "",
    )  # fmt: skip


def signed_on_field(today: date, first: date | None = None, value: date | None = None) -> Field:
    """The day when the charter was signed (R27)."""
    return Field(
        name="signed_on", label="Charte signée par le RUPN le", shape=Shape.DAY, first=first, last=today,
        hint="La date écrite à côté de sa signature.", value=value.isoformat() if value else "",
    )  # fmt: skip


def handed_on_fields(action_context: ActionContext) -> Sequence[Field]:
    """The day when the code was handed over (R31); today is proposed, and shown."""
    issued = action_context.view.request.code_issued_at
    first = action_context.app.policy.calendar.today(issued) if issued else None
    return [
        Field(
            name="handed_on", label="Code remis en main propre le", shape=Shape.DAY, first=first,
            last=action_context.today, value=action_context.today.isoformat(),
            hint="Aujourd'hui est proposé : corriger si c'était un autre jour.",
        )
    ]  # fmt: skip


def change_fields(action_context: ActionContext) -> Sequence[Field]:
    """The change and its day (R32); an operator may note what he was told."""
    has_key = action_context.view.request.has_key
    changes = [change for change in _CHANGES if has_key or change not in KEY_CHANGES]
    fields = [
        Field(
            name="change", label="Que se passe-t-il ?", shape=Shape.CHOICE,
            options=tuple((change.value, _CHANGES[change]) for change in changes),
        ),
        Field(
            name="effective_on", label="À partir de quel jour ?", shape=Shape.DAY,
            hint="Aujourd'hui est proposé ; ce peut être un jour passé, ou à venir.",
            value=action_context.today.isoformat(),
        ),
    ]  # fmt: skip
    if action_context.visitor.is_rectorat:
        fields.append(Field(name="note", label="Précision", shape=Shape.AREA, required=False, hint=NO_NAME))
    return fields


def has_key_in_use(view: RequestView) -> bool:
    """Return True when the key of a live request can be the object of a report (R32)."""
    return view.request.is_live and view.request.has_key


def new_code_fields(action_context: ActionContext) -> Sequence[Field]:
    """The reason for a new code: one choice and nothing to type (R32)."""
    is_extension = bool(action_context.view.request.extends)
    options = [(c.value, text) for c, text in _NEW_CODE.items() if not is_extension or c not in CODE_CHANGES]
    return [Field(name="change", label="Que se passe-t-il ?", shape=Shape.CHOICE, options=tuple(options))]


def return_fields(action_context: ActionContext) -> Sequence[Field]:
    """From when the key is not needed any more (R32)."""
    return [
        Field(
            name="effective_on", label="À partir de quel jour la clé ne sert-elle plus ?", shape=Shape.DAY,
            hint="Aujourd'hui est proposé ; ce peut être un jour à venir.", value=action_context.today.isoformat(),
        )
    ]  # fmt: skip


def withdrawal_fields(_: ActionContext) -> Sequence[Field]:
    """The reason for giving up the request (R30)."""
    return [
        Field(
            name="reason", label="Pourquoi abandonner cette demande ?", shape=Shape.CHOICE,
            options=choices(WithdrawReason),
        ),
        Field(
            name="note", label="Précision", shape=Shape.AREA, required=False,
            hint=f"Nécessaire seulement avec « autre raison ». {NO_NAME}",
        ),
    ]  # fmt: skip


def answer_fields(_: ActionContext) -> Sequence[Field]:
    """The answer to the rectorat's question (R90)."""
    hint = f"Quelques mots suffisent. {NO_NAME}"
    return [Field(name="answer", label="Votre réponse", shape=Shape.AREA, hint=hint, missing="Écrire la réponse.")]


@dataclass(frozen=True, kw_only=True)
class Proposals:
    """Dates of a request sent back that are still true, so that nobody types them twice; None where none is."""

    made_on: date | None = None
    signed_on: date | None = None


def proposals(view: RequestView, charter_version: str) -> Proposals:
    """The dates of the steps that come after the one to redo.

    A charter signed under another name, or in another version, is to be signed again (R27, R29).
    """
    request, step = view.request, view.step_to_redo
    if step is None:
        return Proposals()
    is_delegation_kept = step is Step.DECLARATION
    is_charter_kept = is_delegation_kept or step is Step.DELEGATION
    signed = max((event.seq for event in view.history if event.trigger is Trigger.SIGN_CHARTER), default=0)
    amendments = [event for event in view.history if event.trigger is Trigger.AMEND and event.seq > signed]
    is_renamed = any(event.data.get("name_changed") for event in amendments)
    is_same = request.charter_version == charter_version and not is_renamed
    return Proposals(
        made_on=request.delegated_on if is_delegation_kept else None,
        signed_on=request.charter_signed_on if is_charter_kept and is_same else None,
    )


def first_delegation_day(action_context: ActionContext) -> date | None:
    """A delegation of another year does not serve a renewal (R26)."""
    request = action_context.view.request
    return action_context.app.policy.calendar.accepts_from(request.school_year) if request.renews else None


def delegation_fields(action_context: ActionContext) -> Sequence[Field]:
    """The attestation of the delegation (R26)."""
    proposed = proposals(action_context.view, action_context.app.settings.charter.version)
    day = made_on_field(action_context.today, first_delegation_day(action_context), proposed.made_on)
    return [day, *reason_fields(action_context.view.request.delegation_why)]


def charter_fields(action_context: ActionContext) -> Sequence[Field]:
    """The signed charter (R27)."""
    app = action_context.app
    proposed = proposals(action_context.view, app.settings.charter.version)
    opening = app.policy.calendar.accepts_from(action_context.view.request.school_year)
    return [signed_on_field(action_context.today, opening, proposed.signed_on)]


def _sign(action_context: ActionContext, values: Values, common: Common) -> c.SignCharter:
    version = action_context.app.settings.charter.version
    return c.SignCharter(signed_on=values["signed_on"], version=version, copy_kept=True, **common)


def _submit(action_context: ActionContext, _: Values, common: Common) -> c.Submit:
    """The identity is what the page showed: the version that comes with the form says that nobody changed it (R28)."""
    request = action_context.view.request
    return c.Submit(nom=request.nom, prenom=request.prenom, mail=request.mail, **common)


def _report(_: ActionContext, values: Values, common: Common) -> c.ReportChange:
    change, note = Change(values["change"]), values.get("note") or ""
    return c.ReportChange(change=change, effective_on=values["effective_on"], note=note, **common)


def amendment_fields(action_context: ActionContext) -> Sequence[Field]:
    """The declaration, to be corrected (R29)."""
    request = action_context.view.request
    return [*identity_fields(action_context.web, request), *drane_fields(action_context.web, request)]


def _amend(_: ActionContext, values: Values, common: Common) -> c.Amend:
    return c.Amend(
        nom=values["nom"], prenom=values["prenom"], mail=values["mail"],
        drane_declared_on=values.get("drane_declared_on"),
        homonym_confirmed=bool(values.get(HOMONYM.name)), mail_confirmed=bool(values.get(MAIL_CONFIRMED.name)),
        **common,
    )  # fmt: skip


def renewal_fields(action_context: ActionContext) -> Sequence[Field]:
    """The year, asked only when two are possible."""
    years = action_context.view.renewal_years
    if len(years) < 2:
        return []
    return [_year_field(tuple((str(year), str(year)) for year in years))]


def renewal(_: ActionContext, values: Values, common: Common) -> c.Renew:
    """The command of a renewal (R33)."""
    year = values.get("school_year")
    return c.Renew(
        school_year=SchoolYear.parse(year) if year else None,
        homonym_confirmed=bool(values.get(HOMONYM.name)), mail_confirmed=bool(values.get(MAIL_CONFIRMED.name)),
        **common,
    )  # fmt: skip


_ALL: Final = (
    Action(
        trigger=Trigger.DELEGATE, slug="delegation", fields=delegation_fields, template="actions/delegate.html",
        build=lambda _, values, common: c.Delegate(why=attested_reason(values), made_on=values["made_on"], **common),
    ),
    Action(
        trigger=Trigger.SIGN_CHARTER, slug="charte", fields=charter_fields, build=_sign,
        template="actions/sign_charter.html",
    ),
    Action(trigger=Trigger.SUBMIT, slug="envoi", build=_submit, template="actions/submit.html"),
    Action(
        trigger=Trigger.CONFIRM_HANDOVER, slug="remise", fields=handed_on_fields,
        template="actions/confirm_handover.html",
        build=lambda _, values, common: c.ConfirmHandover(handed_on=values["handed_on"], **common),
    ),
    Action(
        trigger=Trigger.REPORT_CHANGE, slug=NEW_CODE, fields=new_code_fields,
        template="actions/ask_new_code.html", suits=has_key_in_use,
        build=lambda action_context, values, common: c.ReportChange(
            change=Change(values["change"]), effective_on=action_context.today, **common
        ),
    ),
    Action(
        trigger=Trigger.REPORT_CHANGE, slug=RETURN_KEY, fields=return_fields,
        template="actions/return_key.html", suits=has_key_in_use,
        build=lambda _, values, common: c.ReportChange(
            change=Change.NOT_NEEDED, effective_on=values["effective_on"], **common
        ),
    ),
    Action(
        trigger=Trigger.REPORT_CHANGE, slug="signalement", fields=change_fields, build=_report,
        template="actions/report_change.html",
    ),
    Action(
        trigger=Trigger.AMEND, slug="correction", build=_amend, template="actions/amend.html",
        on_demand=CONFIRMATIONS, fields=amendment_fields, proposing=with_proposed_names,
    ),
    Action(
        trigger=Trigger.TAKE_BACK, slug="reprise", template="actions/take_back.html", then="correction",
        build=lambda _, __, common: c.TakeBack(**common),
    ),
    Action(
        trigger=Trigger.WITHDRAW, slug="abandon", fields=withdrawal_fields, template="actions/withdraw.html",
        danger=True, build=lambda _, values, common: c.Withdraw(
            reason=WithdrawReason(values["reason"]), note=values["note"] or "", **common
        ),
    ),
    Action(
        trigger=Trigger.ANSWER_QUESTION, slug="reponse", fields=answer_fields, template="actions/answer.html",
        build=lambda _, values, common: c.AnswerQuestion(answer=values["answer"], **common),
    ),
    Action(
        trigger=Trigger.RENEW, slug="renouvellement", fields=renewal_fields, build=renewal,
        template="actions/renew.html", on_demand=CONFIRMATIONS,
    ),
)  # fmt: skip

CHEF_ACTIONS: Final[Mapping[str, Action]] = {action.slug: action for action in _ALL}

SLUGS: Final[Mapping[Trigger, str]] = {action.trigger: action.slug for action in _ALL} | {Trigger.OPEN_CODE: CODE}
"""The page of each trigger; of a report, the one about the person."""
