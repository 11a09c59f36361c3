"""The life of a request as the public page tells it, read from the transition table itself: stages, and ways."""

from dataclasses import dataclass
from functools import cache
from typing import Final

from portal.chart import ANYWHERE, ENDINGS
from states import french
from states.table import BEFORE, TABLE, Transition
from states.vocabulary import LIVE_STATES, Role, State, Trigger

WHO: Final = {
    Role.CHEF: "le chef d'établissement",
    Role.OPERATOR: "le rectorat",
    Role.SCHEDULE: "le portail, de lui-même",
    Role.CONNECTOR: "le connecteur du serveur ODA",
}
MEANINGS: Final = {
    State.DECLARED: "Le chef d'établissement a nommé son RUPN.",
    State.DELEGATED: "Il atteste avoir fait la délégation dans DelegCE.",
    State.CHARTER_SIGNED: "Le RUPN a signé la charte, l'établissement garde l'exemplaire.",
    State.REQUESTED: "Le rectorat a la demande et vérifie les deux listes.",
    State.CODE_ISSUED: "Le code est parti, ou la clé existante a été étendue.",
    State.REVOKED: "La clé ne vaut plus pour cet établissement ; le rectorat retire les droits.",
}


@dataclass(frozen=True, kw_only=True)
class Way:
    """One action: its label, who may do it, and what it does to the request, empty when it stays where it is."""

    trigger: Trigger
    roles: frozenset[Role]
    effect: str = ""

    @property
    def label(self) -> str:
        return self.trigger.label

    @property
    def who(self) -> str:
        return french.listing([words for role, words in WHO.items() if role in self.roles], "ou")


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One state: what it means, what moves the request on, and what else can be done there."""

    state: State
    onward: tuple[Way, ...]
    beside: tuple[Way, ...]

    @property
    def meaning(self) -> str:
        return MEANINGS[self.state]


@cache
def stages() -> tuple[Stage, ...]:
    """The six states in the order of a request's life."""
    return tuple(Stage(state=state, onward=_onward(state), beside=_beside(state)) for state in State)


@cache
def births() -> tuple[Way, ...]:
    """What begins a request."""
    return tuple(_way(one) for one in TABLE if one.is_birth)


@cache
def endings() -> tuple[Way, ...]:
    """What ends it, with from where when that is not from anywhere."""
    return tuple(_way(one, "" if set(one.sources) == set(LIVE_STATES) else _where(one.sources)) for one in ENDINGS)


@cache
def anywhere() -> tuple[Way, ...]:
    """What any request admits without moving."""
    return tuple(_way(one, _where(one.sources)) for one in ANYWHERE)


def _way(transition: Transition, effect: str = "") -> Way:
    return Way(trigger=transition.trigger, roles=transition.roles, effect=effect)


def _onward(state: State) -> tuple[Way, ...]:
    order = list(State)
    following = order[order.index(state) + 1 :]
    found = [one for one in TABLE if one not in ENDINGS and any((state, later) in one.arrows for later in following)]
    return tuple(_way(one) for one in found)


def _beside(state: State) -> tuple[Way, ...]:
    """What leaves it where it is, or sends it back."""
    order = list(State)
    found = []
    for one in TABLE:
        targets = [target for source, target in one.arrows if source is state is not BEFORE]
        back = [f"« {target.label} »" for target in targets if order.index(target) < order.index(state)]
        if one in ANYWHERE or not (back or state in targets):
            continue
        returns = f"retour à {french.listing(back, 'ou')}" if back else ""
        found.append(_way(one, f"parfois {returns}" if back and state in targets else returns))
    return tuple(found)


def _where(sources: tuple[State, ...]) -> str:
    if set(sources) == set(State):
        return "dans tous les états"
    if set(sources) == set(LIVE_STATES):
        return "avant la révocation"
    first_outside = next(state for state in LIVE_STATES if state not in sources)
    return f"avant « {first_outside.label} »"
