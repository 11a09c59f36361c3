"""Where a request stands and what it waits for, in a sentence that a chef understands between two meetings."""

from dataclasses import dataclass
from typing import Final

from portal.web.actions.chef import SLUGS
from states.facts import Request
from states.french import de, plural
from states.vocabulary import CodeFate, Role, State, Trigger
from workflow.reading.actions import PossibleAction
from workflow.reading.next_step import NextStep

_ORDER: Final = (Trigger.CONFIRM_HANDOVER, Trigger.SUBMIT, Trigger.SIGN_CHARTER, Trigger.DELEGATE)
"""What is urgent: a code that waits first, then the requests that are nearest to their end."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A request now: what the words depend on. ``actions`` are those open to the reader."""

    request: Request
    code_fate: CodeFate
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
        if step is None or step.who is not Role.CHEF or self.code_fate is CodeFate.WAITING:
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
    if moment.code_fate is CodeFate.WAITING:
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
