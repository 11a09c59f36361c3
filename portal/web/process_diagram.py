"""The life of a request as the public page tells it, read from the transition table itself: stages, and ways."""

from dataclasses import dataclass
from functools import cache
from textwrap import wrap
from typing import Final

from notifications.rendering.typography import french_spacing
from portal import diagrams as drawing
from portal.diagrams import ANYWHERE, ENDINGS, box, element, marks
from states import french
from states.transitions import BEFORE, TABLE, Transition
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
class ProcessStage:
    """One state: what it means, what moves the request on, and what else can be done there."""

    state: State
    onward: tuple[Way, ...]
    beside: tuple[Way, ...]

    @property
    def meaning(self) -> str:
        return MEANINGS[self.state]


@cache
def stages() -> tuple[ProcessStage, ...]:
    """The six states in the order of a request's life."""
    return tuple(ProcessStage(state=state, onward=_onward(state), beside=_beside(state)) for state in State)


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


# The picture of the public page: the stages from top to bottom, readable on a telephone 375 px wide.
#
# It carries no style element and no style attribute, which our own Content-Security-Policy would refuse.


TITLE: Final = "La vie d'une demande de clé ODA"


FONT: Final = "Marianne, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"


WIDTH, SIZE, LEADING = 360, 15, 20


LEFT, BOX, LANE, DOWN = 8, 314, 346, 40
"""In units of the view box, one of which is nearly a pixel on such a telephone."""


IN_BOX, IN_NOTE = 33, 38
"""Widths of text in characters of the widest font."""


LEGEND: Final = {
    Role.CHEF: "le chef d'établissement, ou son adjoint",
    Role.OPERATOR: "le rectorat",
    Role.SCHEDULE: "le portail, de lui-même",
    Role.CONNECTOR: "le connecteur du serveur ODA",
}


@cache
def picture() -> str:
    """The whole picture, an SVG document that says itself in words."""
    parts: list[str] = []
    y = _ways(parts, births(), 30, DOWN + 18)
    parts.insert(0, element("circle", cx=DOWN, cy=14, r=8, fill=drawing.INK))
    parts.append(_down(22, y + 2))
    leaving: list[float] = []
    y += 4
    for stage in stages():
        if stage.state is State.REVOKED:
            y = _end(parts, leaving, y)
        if stage.state in LIVE_STATES:
            leaving.append(y + 20)
        y = _stage(parts, stage, y)
        if stage.onward:
            below = _ways(parts, stage.onward, y + 26, DOWN + 18)
            parts.append(_down(y, below + 2))
            y = below + 4
        elif stage.state is not State.REVOKED:
            y += 24
    return _document(round(_notes(parts, y + 34)), parts)


def height() -> int:
    """Of the picture, in the units of its width: a page keeps its place before it comes."""
    return int(picture().partition(f'viewBox="0 0 {WIDTH} ')[2].partition('"')[0])


def description() -> str:
    """The picture in words, for who does not see it."""
    said = [f"{_capital(one.label)} : {one.who}." for one in births()]
    for stage in stages():
        ways = [
            f"{way.label} ({way.who}{', ' + way.effect if way.effect else ''})"
            for way in (*stage.onward, *stage.beside)
        ]
        said.append(f"État « {stage.state.label} » : {' ; '.join(ways) or 'fin'}.")
    said += [f"{_capital(_said(way))}." for way in (*endings(), *anywhere())]
    return " ".join(said)


def _said(way: Way) -> str:
    return f"{way.label} ({way.who}{', ' + way.effect if way.effect else ''})"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _stage(parts: list[str], stage: ProcessStage, top: float) -> float:
    """A state's box; returns its bottom."""
    inside: list[str] = []
    inside.append(drawing.text((LEFT + 14, top + 25), _capital(stage.state.label), font_weight=700))
    bottom = top + 34
    if stage.beside:
        bottom = _ways(inside, stage.beside, top + 50, LEFT + 14, IN_BOX) - 4
    fill, stroke = ("#f5f5fe", "#000091") if stage.state in LIVE_STATES else ("#eeeeee", "#3a3a3a")
    frame = box(LEFT, top, BOX, bottom - top + 6, fill=fill, stroke=stroke, stroke_width=1.5)
    parts.append(element("g", frame + "".join(inside), data_state=stage.state.value))
    return bottom + 6


def _ways(parts: list[str], ways: tuple[Way, ...], y: float, left: float, width: int = IN_BOX) -> float:
    """Actions one under the other, each with the marks of who does it; returns the baseline after the last."""
    for way in ways:
        beside = left + drawing.MARK_WIDTH * len(way.roles)
        label = f"{way.label} ({way.effect})" if way.effect else way.label
        lines = wrap(french_spacing(label), width - 3 * len(way.roles))
        drawn = [drawing.text((beside, y + index * LEADING), words) for index, words in enumerate(lines)]
        parts.append(element("g", marks(way.roles, (left, y + 2)) + "".join(drawn), data_trigger=way.trigger.value))
        y += len(lines) * LEADING
    return y


def _end(parts: list[str], leaving: list[float], top: float) -> float:
    """The ways to the end, on the right, from every live state; returns where the last box begins."""
    below = _ways(parts, endings(), top + 10, LEFT + 14)
    middle = below + 20
    parts.extend(_line(f"M{LEFT + BOX} {y:g} H{LANE}") for y in leaving)
    parts.append(_line(f"M{LANE} {leaving[0]:g} V{middle:g} H{LEFT + BOX}", arrow=True))
    return below


def _notes(parts: list[str], y: float) -> float:
    """What is possible anywhere, and who each mark is; returns the bottom."""
    parts.append(drawing.text((LEFT, y), "À tout moment, sans changer d'état", font_weight=700))
    y = _ways(parts, anywhere(), y + 26, LEFT, IN_NOTE)
    parts.append(drawing.text((LEFT, y + 14), "Qui agit", font_weight=700))
    y += 40
    for role, words in LEGEND.items():
        parts += [marks({role}, (LEFT, y + 2)), drawing.text((LEFT + drawing.MARK_WIDTH, y), words)]
        y += LEADING + 4
    return y


def _down(top: float, bottom: float) -> str:
    """The arrow from a stage to the next."""
    return _line(f"M{DOWN} {top:g} V{bottom:g}", arrow=True)


def _line(path: str, *, arrow: bool = False) -> str:
    end = "url(#arrow)" if arrow else None
    return element("path", d=path, fill="none", stroke=drawing.LINE, stroke_width=1.5, marker_end=end)


def _document(height: int, parts: list[str]) -> str:
    arrow = element(
        "marker", element("path", d="M0 0 L10 5 L0 10 Z", fill=drawing.LINE), id="arrow", viewBox="0 0 10 10", refX=9,
        refY=5, markerWidth=8, markerHeight=8, orient="auto-start-reverse",
    )  # fmt: skip
    content = [
        element("title", TITLE, id="schema-titre"),
        element("desc", description().replace("&", "&amp;").replace("<", "&lt;"), id="schema-texte"),
        element("defs", arrow),
        element("rect", width="100%", height="100%", fill=drawing.PAPER),
        element("g", "\n".join(parts), font_family=FONT, font_size=SIZE, fill=drawing.INK),
    ]
    return element(
        "svg", "\n".join(content), xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {WIDTH} {height}",
        width=WIDTH, height=height, role="img", aria_labelledby="schema-titre schema-texte", lang="fr",
    ) + "\n"  # fmt: skip
