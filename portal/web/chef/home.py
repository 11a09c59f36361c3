"""A chef's first page: what to do now for each RUPN; the mails that were received, the people who sign in (R103)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from notifications.vocabulary import CODE_KINDS, Kind, Mail, Stage
from portal.web.actions.chef import SLUGS
from portal.web.context import Chef, Context, Posted, WebContext
from portal.web.security import Visitor
from states import model
from states.french import day, de, plural
from states.school_calendar import SchoolCalendar
from states.validation import chef_key
from states.vocabulary import ON_ITS_WAY, CodeStatus, Role, State, Trigger
from workflow.mail import find_received_mail, list_received_mails
from workflow.requests.detail import load_facts
from workflow.requests.lists import ChefRequest, ChefRequestPage, establishment_of, list_chef_requests
from workflow.requests.next_actions import NextStep, PossibleAction
from workflow.year_end.renewals import open_year

router = APIRouter()

LARGEST_NUMBER: Final = 2**31 - 1
"""Of a mail: the database holds no larger one."""

_ORDER: Final = (
    Trigger.OPEN_CODE,
    Trigger.CONFIRM_HANDOVER,
    Trigger.ANSWER_QUESTION,
    Trigger.SUBMIT,
    Trigger.SIGN_CHARTER,
    Trigger.DELEGATE,
)
"""The most urgent first: a code that waits, then the requests that are nearest to their end."""

_STAGES: Final = {
    Stage.PENDING: "va partir",
    Stage.SENDING: "en cours d'envoi",
    Stage.SENT: "envoyé",
    Stage.RETRY: "pas encore passé, nouvel essai bientôt",
    Stage.UNCERTAIN: "peut-être arrivé : l'envoi a été interrompu",
    Stage.CANCELLED: "annulé, il n'était plus utile",
    Stage.DEAD: "non remis, le rectorat est prévenu",
    Stage.DISCARDED: "non remis, écarté par le rectorat",
}

PEOPLE_PATH: Final = "/etablissement/personnes"


@dataclass(frozen=True, kw_only=True)
class Situation:
    """The part of a request that a chef's sentences depend on. ``actions`` are those open to the reader.

    ``sent_on``: the académie's day on which it was last sent to the rectorat, None before.
    """

    request: model.Request
    code_fate: CodeStatus
    next_step: NextStep | None
    actions: tuple[PossibleAction, ...]
    sent_back: bool
    sent_on: date | None = None

    @property
    def who(self) -> str:
        return f"{self.request.prenom} {self.request.nom}".strip()

    @property
    def trigger(self) -> Trigger | None:
        """The reader's next action; None when nothing waits for him, or when he may not do it."""
        step = self.next_step
        if step is None or step.who is not Role.CHEF or self.code_fate in ON_ITS_WAY:
            return None
        return step.trigger if any(action.trigger is step.trigger for action in self.actions) else None

    @property
    def is_in_service(self) -> bool:
        """True if the key is in use and nobody is waited for."""
        return self.request.is_live and (self.next_step is None or self.next_step.on is not None)


@dataclass(frozen=True, kw_only=True)
class ChefTask:
    """The reader's next action on a request: one sentence, one button."""

    situation: Situation
    sentence: str
    button: str
    href: str
    rank: int


def task_of(situation: Situation, *, on_its_page: bool = False) -> ChefTask | None:
    """The task of a request; ``on_its_page``: the page already tells why it came back."""
    trigger = situation.trigger
    if trigger is None:
        return None
    address = f"/etablissement/demandes/{situation.request.reference}"
    whose = de(situation.who)
    if situation.sent_back and not on_its_page:
        return ChefTask(
            situation=situation, button=f"Reprendre la demande {whose}", href=address, rank=3,  # second to a code
            sentence=f"Le rectorat a renvoyé la demande {whose} : une étape est à refaire.",
        )  # fmt: skip
    sentence, button = _task_texts(trigger, situation)
    href, rank = f"{address}/{SLUGS[trigger]}", 2 * _ORDER.index(trigger)
    return ChefTask(situation=situation, sentence=sentence, button=button, href=href, rank=rank)


def _task_texts(trigger: Trigger, situation: Situation) -> tuple[str, str]:
    """The sentence and the button of a task."""
    who, whose = situation.who, de(situation.who)
    match trigger:
        case Trigger.OPEN_CODE:
            return (
                f"Le code de la clé {whose} vous attend sur le portail : affichez-le, une seule fois, pour le remettre"
                " en main propre.",
                f"Lire le code {whose}",
            )
        case Trigger.CONFIRM_HANDOVER if situation.code_fate is CodeStatus.READ:
            return (
                f"Le code de la clé {whose} a été lu sur le portail : une fois remis en main propre, confirmez la"
                " remise.",
                f"Confirmer la remise à {who}",
            )
        case Trigger.CONFIRM_HANDOVER:
            return (
                f"Le code de la clé {whose} est parti vers la boîte de l'établissement : remettez-le en main propre,"
                " puis confirmez la remise.",
                f"Confirmer la remise à {who}",
            )
        case Trigger.ANSWER_QUESTION:
            return f"Le rectorat vous pose une question au sujet {whose}.", f"Répondre au sujet {whose}"
        case Trigger.SUBMIT:
            return f"Il reste à relire l'identité {whose} et à envoyer la demande.", f"Envoyer la demande {whose}"
        case Trigger.SIGN_CHARTER:
            return (
                f"Faites signer la charte à {who}, puis enregistrez la date de la signature.",
                f"Enregistrer la charte {whose}",
            )
        case _:
            return (
                f"Faites la délégation à {who} dans DelegCE, puis attestez-la ici.",
                f"Attester la délégation à {who}",
            )


def waiting_sentence(situation: Situation, expected_days: int, today: date) -> str:
    """The sentence of a request for which the reader has nothing to do; never empty.

    ``expected_days``: the handling time that the académie announces; past it, the sentence says so.
    """
    step, request, whose = situation.next_step, situation.request, de(situation.who)
    if request.state is State.REVOKED:
        return f"Les droits {whose} sont révoqués : la demande est close."
    if step is None:
        return f"La clé {whose} est en service."
    if step.on and step.who is Role.SCHEDULE:
        return f"La clé {whose} est en service. Les droits seront révoqués le {day(step.on)}, comme cela a été signalé."
    if step.on:
        return f"La clé {whose} est en service. Le rectorat traitera le signalement le {day(step.on)}."
    if step.who is Role.SCHEDULE:
        return f"L'année scolaire est finie : la demande {whose} va être close d'elle-même."
    if step.trigger is Trigger.SETTLE_CHANGE:
        return f"Le rectorat traite le signalement fait au sujet {whose}."
    if situation.code_fate in ON_ITS_WAY:
        return f"Le code de la clé {whose} part vers la boîte de l'établissement : il arrive dans quelques minutes."
    if request.state is State.CODE_ISSUED and step.who is Role.OPERATOR:
        return f"Un nouveau code est à faire pour {situation.who} : le rectorat s'en occupe."
    if situation.code_fate is CodeStatus.HELD:
        return f"Le rectorat a vérifié la demande {whose}, et prépare le code."
    if request.state is State.REQUESTED:
        return f"Le rectorat vérifie la demande {whose}{_expectation(situation.sent_on, expected_days, today)}"
    return f"Il reste à {step.what} : votre académie réserve cette étape au chef d'établissement en titre."


def _expectation(sent_on: date | None, expected_days: int, today: date) -> str:
    """The end of the sentence of a request that the rectorat checks: sent on, answer expected on, or late."""
    if sent_on is None:
        return f" : comptez {plural(expected_days, 'jour')} à partir de l'envoi."
    expected_on = sent_on + timedelta(days=expected_days)
    if expected_on >= today:
        return f", envoyée le {day(sent_on)} : réponse attendue le {day(expected_on)}."
    was_expected = f"Réponse attendue le {day(expected_on)} : le rectorat est en retard, il le sait."
    return f", envoyée le {day(sent_on)}. {was_expected}"


def stage_sentence(mail: Mail) -> str:
    """The stage of a mail, as a chef understands it, and to which address it went (R6)."""
    to = f" à {mail.recipient}" if mail.recipient and mail.stage is Stage.SENT else ""
    return f"{_STAGES[mail.stage]}{to}"


def schools(context: Context, visitor: Chef) -> list[model.Establishment]:
    """The establishments of the session, the one in view first."""
    with context.app.database.read() as connection:
        establishments = [establishment_of(connection, uai) for uai in visitor.session_user.uais]
    known = [school for school in establishments if school is not None]
    return sorted(known, key=lambda school: school.uai != visitor.uai)


Schools = Annotated[list[model.Establishment], Depends(schools)]


def may_act(context: WebContext, visitor: Visitor) -> bool:
    """Return True when the académie lets this visitor act: a deputy, unless it says no (R4)."""
    return visitor.actor.role is not Role.DEPUTY or context.app.policy.deputy_may_act


def list_items(context: WebContext, visitor: Visitor, after: str | None = None) -> ChefRequestPage:
    """A page of the requests of the establishment in view; ``after`` that is no reference starts at the beginning."""
    after = after if after and after.isascii() and after.isprintable() else None
    app = context.app
    with app.database.read() as connection:
        return list_chef_requests(
            connection, visitor.uai, visitor.actor, app.policy, app.mailer, app.clock.now(), after=after
        )


def situation_of(item: ChefRequest, calendar: SchoolCalendar) -> Situation:
    """The situation of a request of a list."""
    return Situation(
        request=item.request, code_fate=item.code_fate, next_step=item.next_step, actions=item.actions,
        sent_back=item.sent_back, sent_on=calendar.today(item.submitted_at) if item.submitted_at else None,
    )  # fmt: skip


@router.get("")
def show_home(request: Request, context: Context, visitor: Chef, schools: Schools) -> Response:
    """One sentence and one button for each RUPN; what waits for the rectorat; who can be renewed."""
    items = list_items(context, visitor).items
    calendar = context.app.policy.calendar
    tasks_elsewhere = {
        school.uai: sum(
            task_of(situation_of(item, calendar)) is not None
            for item in list_items(context, replace(visitor, uai=school.uai)).items
            if item.request.is_live
        )
        for school in schools[1:]
    }
    situations = [situation_of(item, calendar) for item in items if item.request.is_live]
    tasks = [task for situation in situations if (task := task_of(situation))]
    busy = {task.situation.request.reference for task in tasks}
    idle = [situation for situation in situations if situation.request.reference not in busy]
    return context.pages.page(
        request, "chef/home.html", visitor, schools=schools, school=schools[0], tasks_elsewhere=tasks_elsewhere,
        may_act=may_act(context, visitor),
        tasks=sorted(tasks, key=lambda task: task.rank), expected_days=context.app.settings.handling.expected_days,
        waiting=[situation for situation in idle if not situation.is_in_service],
        in_service=[situation for situation in idle if situation.is_in_service], waiting_sentence=waiting_sentence,
        renewals=[item for item in items if item.renewable], is_empty=not items,
        inherited=_inherited(schools[0], visitor, items),
        next_year=open_year(context.app.policy, context.app.clock.now()),
    )  # fmt: skip


def _inherited(school: model.Establishment, visitor: Visitor, items: Sequence[ChefRequest]) -> list[model.Request]:
    """The keys in service that a predecessor of the visitor delegated (R37)."""
    own = chef_key(visitor.actor.chef_name or visitor.actor.name)
    if visitor.actor.role is not Role.CHEF or own != chef_key(school.chef_name):
        return []
    requests = [item.request for item in items if item.request.is_live and item.request.has_key]
    return [request for request in requests if request.chef_name and chef_key(request.chef_name) != own]


@router.post("/choisir")
def choose_establishment(context: Context, visitor: Chef, data: Posted) -> Response:
    """Put one of the session's establishments in view: a choice, no right."""
    uai = str(data.get("uai") or "")
    if uai not in visitor.session_user.uais:
        raise HTTPException(404)
    response = RedirectResponse("/etablissement", status_code=303)
    context.keep_in_view(response, uai)
    return response


@router.get("/courriels")
def show_received_mails(
    request: Request, context: Context, visitor: Chef, schools: Schools, apres: str = ""
) -> Response:
    """The mails that the establishment's mailbox received, the newest first; a code never shows in them (R60)."""
    with context.app.database.read() as connection:
        page = list_received_mails(connection, visitor.actor, visitor.uai, after=_mail_number(apres))
    return context.pages.page(
        request, "chef/mails.html", visitor, page=page, school=schools[0], schools=schools, after=apres,
        stage_sentence=stage_sentence,
    )  # fmt: skip


@router.get("/courriels/{number}")
def show_received_mail(request: Request, context: Context, visitor: Chef, number: str) -> Response:
    """One mail, as it was written."""
    mail_number = _mail_number(number)
    with context.app.database.read() as connection:
        mail = find_received_mail(connection, visitor.actor, mail_number) if mail_number is not None else None
    if mail is None:
        raise HTTPException(404)
    return context.pages.page(
        request, "chef/mail.html", visitor, mail=mail, stage=stage_sentence(mail),
        can_ask_code=_can_ask_code(context, visitor, mail),
    )  # fmt: skip


def _can_ask_code(context: WebContext, visitor: Visitor, mail: Mail) -> bool:
    """Return True for a mail that brought a code, or the use of a key, of a request that still has it (R32)."""
    if mail.kind not in (*CODE_KINDS, Kind.KEY_EXTENDED) or not mail.reference or not may_act(context, visitor):
        return False
    with context.app.database.read() as connection:
        request = load_facts(connection, mail.reference, context.app.mailer).request
    return request is not None and request.is_live and request.has_key


def _mail_number(text: str) -> int | None:
    is_number = text.isascii() and text.isdecimal() and len(text) < 11 and int(text) <= LARGEST_NUMBER
    return int(text) if is_number else None


@router.get("/personnes")
def show_people(request: Request, context: Context, visitor: Chef) -> HTMLResponse:
    """List the people bound by an identity, of every establishment of the session (R103)."""
    bindings = context.app.bindings.list_of(sorted(visitor.actor.establishments))
    return context.pages.page(
        request, "chef/people.html", visitor, bindings=bindings, last_day=context.app.bindings.last_day,
        places=context.links.places(visitor.session_user.uais),
    )  # fmt: skip


@router.post("/personnes/{binding}/fin")
def end_binding(context: Context, visitor: Chef, binding: int, _: Posted) -> Response:
    """End one of them, with the sessions that it opened; one that is over already is over."""
    ended = context.app.bindings.end(binding, visitor.actor)
    sentence = f"{ended.name} ne se connecte plus par {ended.provider}" if ended else "cet accès avait déjà pris fin"
    return context.success_messages.redirect(visitor, PEOPLE_PATH, sentence)
