"""Files in the form that another software reads, by templates: the removals to do (R83), the codes drawn (R97)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Final

from jinja2 import TemplateError

from notifications.messages.catalogue import MailContext
from notifications.messages.facts import Doc, Person, Place
from notifications.rendering.environment import TemplateLoader
from states import french
from states.rules.revocation import Action

REMOVALS: Final = "exports/removals.j2"
"""The template of the removals to do, replaceable as any other (R68)."""

CODES: Final = "exports/codes.j2"
"""That of the codes drawn."""

_CHUNK: Final = 16_384
"""Characters handed on at once: a template gives them a cell at a time."""


class Unexportable(Exception):
    """An export could not be made; the message says why, and its cause where."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Removal:
    """One removal to do, as it stands today (R48).

    ``asks``: nobody knows whether a key was enabled (R47). ``new_expiry`` is the last day that the kept key must bear,
    ``expires_on`` the one recorded for this request; ``following``: the person's requests that have no key yet.
    """

    reference: Annotated[str, Doc("la référence de la demande")]
    establishment: Annotated[Place, Doc("l'établissement")]
    departement: Annotated[str, Doc("le code du département ; parfois vide")]
    rupn: Annotated[Person, Doc("la personne dont les droits sont à retirer")]
    school_year: Annotated[str, Doc("l'année scolaire de la demande")]
    action: Annotated[Action, Doc("ce qu'il y a à faire aujourd'hui")]
    asks: Annotated[bool, Doc("faut-il d'abord regarder si une clé a été activée ?")]
    since: Annotated[date, Doc("jour depuis lequel le retrait attend")]
    expires_on: Annotated[date | None, Doc("l'expiration enregistrée pour cette demande")] = None
    new_expiry: Annotated[date | None, Doc("le dernier jour que doit porter la clé, si elle est gardée")] = None
    kept_for: Annotated[
        tuple[str, ...], Doc("les références des autres demandes qui gardent la clé ; parfois aucune")
    ] = ()
    following: Annotated[
        tuple[str, ...], Doc("celles de la même personne qui n'ont pas encore de clé ; parfois aucune")
    ] = ()
    to_verify: Annotated[bool, Doc("une de ces demandes n'est-elle de la même personne que par le nom ?")] = False

    @property
    def to_do(self) -> Annotated[str, Doc("ce qu'il y a à faire, en mots")]:
        """The task on the ODA server, without dates or references."""
        label = self.action.label
        return (
            f"Regarder si une clé a été activée ; si oui : {label}" if self.asks else f"{label[0].upper()}{label[1:]}"
        )

    @property
    def remarks(self) -> Annotated[tuple[str, ...], Doc("ce qu'il faut savoir avant de le faire ; parfois rien")]:
        """Warnings to read before doing it."""
        several = len(self.following) > 1
        which = f"{'les demandes' if several else 'la demande'} {french.listing(list(self.following))}"
        waiting = (f"{which} {'suivent' if several else 'suit'}, sans clé pour l'instant",) if self.following else ()
        verify = ("vérifier qu'il s'agit bien de la même personne",) if self.to_verify else ()
        return waiting + verify


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawnCode:
    """One code to set on the ODA server, in clear: it shows itself to nobody who prints this by accident (R60)."""

    reference: Annotated[str, Doc("la référence de la demande")]
    establishment: Annotated[Place, Doc("l'établissement")]
    departement: Annotated[str, Doc("le code du département ; parfois vide")]
    rupn: Annotated[Person, Doc("la personne dont c'est le code")]
    school_year: Annotated[str, Doc("l'année scolaire de la demande")]
    expires_on: Annotated[date | None, Doc("le dernier jour que doit porter la clé")]
    has_key: Annotated[bool, Doc("un code avait-il déjà été émis pour cette demande ?")]
    batch: Annotated[int, Doc("le numéro du lot")]
    code: Annotated[str, Doc("le code d'initialisation")] = field(repr=False)


def codes(wordings: TemplateLoader, lines: Iterable[DrawnCode], today: date, context: MailContext) -> Iterator[str]:
    """The codes drawn, likewise; no error says what a line holds. Raises Unexportable."""
    try:
        yield from _joined(wordings.environment.get_template(CODES).generate(lines=lines, today=today, here=context))
    except _TEMPLATE_ERRORS as error:
        raise Unexportable(f"{CODES} : {type(error).__name__}") from error


_TEMPLATE_ERRORS: Final = (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def removals(wordings: TemplateLoader, lines: Iterable[Removal], today: date, context: MailContext) -> Iterator[str]:
    """The export piece by piece, so that its length costs no memory; ``lines`` are taken as they are needed.

    Raises Unexportable, which can be after pieces were given.
    """
    try:
        yield from _joined(wordings.environment.get_template(REMOVALS).generate(lines=lines, today=today, here=context))
    except _TEMPLATE_ERRORS as error:
        raise Unexportable(f"{REMOVALS} : {type(error).__name__} : {error}") from error


def _joined(pieces: Iterator[str]) -> Iterator[str]:
    chunk: list[str] = []
    length = 0
    for piece in pieces:
        chunk.append(piece)
        length += len(piece)
        if length >= _CHUNK:
            yield "".join(chunk)
            chunk, length = [], 0
    if chunk:
        yield "".join(chunk)
