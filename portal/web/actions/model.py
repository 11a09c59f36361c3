"""What the page of an action is made of; the chef's and the rectorat's share it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from urllib.parse import urlencode

from notifications.vocabulary import member
from portal.web.forms import Field, Shape
from portal.web.installed import Installed
from portal.web.visitors import Visitor
from states.actors import OnBehalf
from states.commands import Command
from states.vocabulary import RequestedBy, Trigger
from workflow.reading.view import RequestView

Values = Mapping[str, Any]
ORIGIN: Final = "de"
"""What bears the worklist's criteria in the address of a request."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Who asks what, of which request. ``origin``: the worklist that an operator came from, as its address says it."""

    here: Installed
    visitor: Visitor
    view: RequestView
    today: date
    origin: str = ""

    @property
    def reference(self) -> str:
        return self.view.request.reference

    @property
    def place(self) -> str:
        """The address of the request's page for who asks."""
        return f"{self.visitor.home}/demandes/{self.reference}"

    @property
    def worklist(self) -> str:
        """The address of the list to go back to, for the rectorat."""
        return f"{self.visitor.home}?{self.origin}" if self.origin else self.visitor.home

    def at(self, slug: str = "", *, reference: str = "", **query: str) -> str:
        """The address of a page of this request, or of another, from which the way back is still known."""
        place = f"{self.visitor.home}/demandes/{reference or self.reference}{'/' if slug else ''}{slug}"
        said = query | ({ORIGIN: self.origin} if self.origin else {})
        return f"{place}?{urlencode(said)}" if said else place


@dataclass(frozen=True, kw_only=True)
class Action:
    """One trigger as a page.

    ``build`` makes the command from the values read and from what every command has: ``reference``,
    ``expected_version``, ``on_behalf``. ``danger``: it cannot be taken back, and its button says so by its colour.
    ``template``: what is explained above the form; it is given ``asked``, and what ``more`` says.
    ``on_demand``: fields that are shown only once a refusal names them, as the confirmation of a homonym (R17).
    """

    trigger: Trigger
    slug: str
    title: str
    button: str
    build: Callable[[Asked, Values, Mapping[str, Any]], Command]
    fields: Callable[[Asked], Sequence[Field]] = lambda _: ()
    template: str = "actions/plain.html"
    danger: bool = False
    on_demand: Sequence[Field] = ()
    more: Callable[[Asked], Mapping[str, Any]] = lambda _: {}


BEHALF: Final = (
    Field(name="behalf_who", label="Qui, dans l'établissement, l'a demandé ?", hint="Nom et fonction."),
    Field(
        name="behalf_how", label="Comment ?", shape=Shape.SELECT,
        options=tuple((how.value, how.label) for how in RequestedBy),
    ),
    Field(name="behalf_when", label="Quel jour ?", shape=Shape.DAY),
)  # fmt: skip
"""What an operator says who acts at an establishment's request (R5)."""


def on_behalf(values: Values) -> OnBehalf | None:
    """The establishment's request, as the three fields say it; None when the form has none."""
    if "behalf_who" not in values:
        return None
    when = values["behalf_when"]
    return OnBehalf(who=values["behalf_who"], how=member(RequestedBy, values["behalf_how"]), when=when.isoformat())
