"""Where a chef starts: what to do now, for each RUPN, the most urgent first."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from notifications.messages.mail import Mail
from notifications.vocabulary import Stage
from portal.web.actions.chef import SLUGS
from portal.web.context import WebContext
from portal.web.dependencies import Chef, Context, Posted
from portal.web.security import Visitor
from states.french import de, plural
from states.model import Establishment
from states.model import Request as Request_of_words
from states.vocabulary import CodeStatus, Role, State, Trigger
from workflow.mail.queries import received, received_one
from workflow.requests.lists import ChefRequest, ChefRequestPage, establishment_of, list_chef_requests
from workflow.requests.next_actions import NextStep, PossibleAction
from workflow.year_end.renewals import MAX_TAKEN_OVER, open_year

# Where a request stands and what it waits for, in a sentence that a chef understands between two meetings.


_ORDER: Final = (Trigger.CONFIRM_HANDOVER, Trigger.SUBMIT, Trigger.SIGN_CHARTER, Trigger.DELEGATE)
"""What is urgent: a code that waits first, then the requests that are nearest to their end."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A request now: what the words depend on. ``actions`` are those open to the reader."""

    request: Request_of_words
    code_fate: CodeStatus
    next_step: NextStep | None
    actions: tuple[PossibleAction, ...]
    sent_back: bool

    @property
    def who(self) -> str:
        return f"{self.request.prenom} {self.request.nom}"

    @property
    def trigger(self) -> Trigger | None:
        """What the reader has to do now; None when nothing waits for him, or when he may not do it."""
        step = self.next_step
        if step is None or step.who is not Role.CHEF or self.code_fate is CodeStatus.WAITING:
            return None
        return step.trigger if any(one.trigger is step.trigger for one in self.actions) else None


@dataclass(frozen=True, kw_only=True)
class Task:
    """What to do now: one sentence, one button."""

    moment: Moment
    sentence: str
    button: str
    href: str
    rank: int


def task_of(moment: Moment, *, on_its_page: bool = False) -> Task | None:
    """The task of a request; ``on_its_page``: the page already tells why it came back."""
    trigger = moment.trigger
    if trigger is None:
        return None
    place = f"/etablissement/demandes/{moment.request.reference}"
    sentence, button = _words(trigger, moment)
    href = f"{place}/{SLUGS[trigger]}"
    rank = 2 * _ORDER.index(trigger)
    if moment.sent_back and not on_its_page:
        sentence = f"Le rectorat a renvoyé la demande {de(moment.who)} : une étape est à refaire."
        button, href = f"Reprendre la demande {de(moment.who)}", place
        rank = 1  # after a code that waits, before the rest
    return Task(moment=moment, sentence=sentence, button=button, href=href, rank=rank)


def _words(trigger: Trigger, moment: Moment) -> tuple[str, str]:
    who, whose = moment.who, de(moment.who)
    match trigger:
        case Trigger.CONFIRM_HANDOVER:
            return (
                f"Le code de la clé {whose} est parti vers la boîte de l'établissement : remettez-le en main propre,"
                " puis confirmez la remise.",
                f"Confirmer la remise à {who}",
            )
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


def waiting(moment: Moment, expected_days: int) -> str:
    """Where a request stands when the reader has nothing to do; never empty."""
    step, request, whose = moment.next_step, moment.request, de(moment.who)
    if request.state is State.REVOKED:
        return f"Les droits {whose} sont révoqués : la demande est close."
    if step is None:
        return f"La clé {whose} est en service."
    if step.who is Role.SCHEDULE:
        return f"L'année scolaire est finie : la demande {whose} va être close d'elle-même."
    if step.trigger is Trigger.SETTLE_CHANGE:
        return f"Le rectorat traite votre signalement au sujet {whose}."
    if moment.code_fate is CodeStatus.WAITING:
        return f"Le code de la clé {whose} part vers la boîte de l'établissement : il arrive dans quelques minutes."
    if request.state is State.CODE_ISSUED and step.who is Role.OPERATOR:
        return f"Un nouveau code est à faire pour {moment.who} : le rectorat s'en occupe."
    if request.state is State.REQUESTED:
        days = plural(expected_days, "jour")
        return f"Le rectorat vérifie la demande {whose} : comptez {days} à partir de l'envoi."
    return f"Il reste à {step.what} : votre académie réserve cette étape au chef d'établissement en titre."


def in_service(moment: Moment) -> bool:
    """Whether the key is in use and nobody is waited for."""
    return moment.request.is_live and moment.next_step is None


router = APIRouter()


A_YEAR = 365 * 24 * 3600


def schools(context: Context, visitor: Chef) -> list[Establishment]:
    """The establishments of the session, the one in view first."""
    with context.app.database.read() as connection:
        found = [establishment_of(connection, uai) for uai in visitor.session_user.uais]
    known = [one for one in found if one is not None]
    return sorted(known, key=lambda one: one.uai != visitor.uai)


Schools = Annotated[list[Establishment], Depends(schools)]


def may_act(context: WebContext, visitor: Visitor) -> bool:
    """Whether the académie lets this visitor act: a deputy, unless it says no (R4)."""
    return visitor.actor.role is not Role.DEPUTY or context.app.policy.deputy_may_act


def items_of(context: WebContext, visitor: Visitor, after: str | None = None) -> ChefRequestPage:
    """A page of the requests of the establishment in view; what cannot be a reference begins at the beginning."""
    after = after if after and after.isascii() and after.isprintable() else None
    app = context.app
    with app.database.read() as connection:
        return list_chef_requests(
            connection, visitor.uai, visitor.actor, app.policy, app.mailer, app.clock.now(), after=after
        )


def moment_of(item: ChefRequest) -> Moment:
    """What the words say of it."""
    return Moment(
        request=item.request, code_fate=item.code_fate, next_step=item.next_step, actions=item.actions,
        sent_back=item.sent_back,
    )  # fmt: skip


@router.get("")
def home(
    request: Request,
    context: Context,
    visitor: Chef,
    schools: Schools,
    repris: Annotated[int, Query(ge=0, le=MAX_TAKEN_OVER)] = 0,
) -> Response:
    """One sentence and one button for each RUPN; what waits for the rectorat; who can be renewed."""
    items = items_of(context, visitor).items
    moments = [moment_of(item) for item in items if item.request.is_live]
    tasks = [task for moment in moments if (task := task_of(moment))]
    busy = {task.moment.request.reference for task in tasks}
    idle = [moment for moment in moments if moment.request.reference not in busy]
    return context.pages.page(
        request, "chef/home.html", visitor, schools=schools, school=schools[0], may_act=may_act(context, visitor),
        tasks=sorted(tasks, key=lambda task: task.rank), expected_days=context.app.settings.handling.expected_days,
        waiting=[moment for moment in idle if not in_service(moment)],
        in_service=[moment for moment in idle if in_service(moment)],
        waiting_words=waiting, renewals=[item for item in items if item.renewable], is_empty=not items,
        next_year=open_year(context.app.policy, context.app.clock.now()), taken_over=repris,
    )  # fmt: skip


@router.post("/choisir")
def choose(context: Context, visitor: Chef, data: Posted) -> Response:
    """Which of its establishments is in view: a choice, no right."""
    uai = str(data.get("uai") or "")
    if uai not in visitor.session_user.uais:
        raise HTTPException(404)
    answer = RedirectResponse("/etablissement", status_code=303)
    answer.set_cookie(
        context.uai_cookie, uai, max_age=A_YEAR, path="/", httponly=True, secure=context.is_https, samesite="lax"
    )
    return answer


# The mails that the establishment's mailbox received; a code never shows in them (R60).


router_mails = APIRouter(prefix="/courriels")


_WORDS: Final = {
    Stage.PENDING: "va partir",
    Stage.SENDING: "en cours d'envoi",
    Stage.SENT: "envoyé à la boîte de l'établissement",
    Stage.RETRY: "pas encore passé, nouvel essai bientôt",
    Stage.UNCERTAIN: "peut-être arrivé : l'envoi a été interrompu",
    Stage.CANCELLED: "annulé, il n'était plus utile",
    Stage.DEAD: "non remis, le rectorat est prévenu",
    Stage.DISCARDED: "non remis, écarté par le rectorat",
}
"""Where a mail stands, as a chef understands it."""


BIGGEST: Final = 2**31 - 1


def words_of(mail: Mail) -> str:
    """Where a mail stands."""
    return _WORDS[mail.stage]


@router_mails.get("")
def all_of_them(request: Request, context: Context, visitor: Chef, schools: Schools, apres: str = "") -> Response:
    """The newest first."""
    with context.app.database.read() as connection:
        page = received(connection, visitor.actor, visitor.uai, after=_number(apres))
    return context.pages.page(
        request, "chef/mails.html", visitor, page=page, school=schools[0], schools=schools, after=apres,
        words=words_of,
    )  # fmt: skip


@router_mails.get("/{number}")
def one_of_them(request: Request, context: Context, visitor: Chef, number: str) -> Response:
    """One mail, as it was written."""
    wanted = _number(number)
    with context.app.database.read() as connection:
        mail = received_one(connection, visitor.actor, wanted) if wanted is not None else None
    if mail is None:
        raise HTTPException(404)
    return context.pages.page(request, "chef/mail.html", visitor, mail=mail, words=words_of(mail))


def _number(text: str) -> int | None:
    """A mail's number from an address; None for what is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 11 and int(text) <= BIGGEST else None
