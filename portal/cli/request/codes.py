"""``oda request issue-code`` and ``reissue-code``: the code is read from a pipe or a hidden prompt, never from an
argument that the shell's history keeps (R39 to R44, R60)."""

import sys
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from portal.cli.context import App
from portal.cli.exits import say
from portal.cli.french import Day, FrenchCommand, LabelledChoice
from portal.cli.request.act import act
from portal.cli.request.options import Manner, Reference, acting, reference_argument
from portal.cli.secret import read_secret
from states.vocabulary import ReissueReason, Trigger

if TYPE_CHECKING:
    from states.actors import Actor
    from states.commands import Code, Command
    from workflow.house import House
    from workflow.reading.view import RequestView

_PROMPT = "Le code d'initialisation"


@click.command(
    "issue-code",
    cls=FrenchCommand,
    help="Émet le code, lu sur l'entrée standard ou saisi sans s'afficher ; ou étend la clé existante (R39 à R43).",
)
@reference_argument
@click.option(
    "--extends",
    type=Reference(),
    metavar="RÉFÉRENCE",
    help="Étend la clé de cette demande ; aucun code n'est lu (R40).",
)
@click.option(
    "--expires-on", type=Day(), metavar="DATE", help="L'expiration portée sur le serveur ODA ; sinon la fin de l'année."
)
@click.option("--new-key", is_flag=True, help="La personne a déjà une clé, une nouvelle est voulue (R42).")
@acting(as_chef=False)
def issue_code(
    app: App, manner: Manner, /, reference: str, extends: str | None, expires_on: date | None, new_key: bool
) -> None:
    from states.commands import IssueCode

    said = {"reference": reference, "expires_on": expires_on, "new_key_confirmed": new_key, **manner.fields()}

    def build(house: "House", actor: "Actor") -> "Command":
        if extends:
            return IssueCode(extends=extends, **said)
        return IssueCode(code=_code(house, actor, reference, IssueCode.trigger), **said)

    act(app, manner, build)


@click.command(
    "reissue-code",
    cls=FrenchCommand,
    help="Réémet un code, lu sur l'entrée standard ou saisi sans s'afficher ; la remise est à confirmer (R44).",
)
@reference_argument
@click.option("--reason", required=True, type=LabelledChoice(ReissueReason), metavar="RAISON", help="Pourquoi.")
@click.option(
    "--new-key",
    "new_key_confirmed",
    is_flag=True,
    help="Une autre demande se sert de la même clé, une nouvelle est voulue (R42).",
)
@acting(as_chef=False)
def reissue_code(app: App, manner: Manner, /, **said: Any) -> None:
    from states.commands import ReissueCode

    common = manner.fields()

    def build(house: "House", actor: "Actor") -> "Command":
        code = _code(house, actor, said["reference"], ReissueCode.trigger)
        return ReissueCode(code=code, **said, **common)

    act(app, manner, build)


def _code(house: "House", actor: "Actor", reference: str, trigger: Trigger) -> "Code":
    """The code; on a terminal, the operator first reads what to set on the ODA server (R43) and whom else it is for
    (R19). No code is typed in vain: where the action cannot be, an empty one lets the engine say why."""
    from states.commands import Code

    if sys.stdin.isatty() and not _shown_first(house, actor, reference, trigger):
        return Code(clear="")
    return Code(clear=read_secret(_PROMPT))


def _shown_first(house: "House", actor: "Actor", reference: str, trigger: Trigger) -> bool:
    from workflow.reading.showing import show_request

    with house.database.read() as connection:
        view = show_request(connection, reference, actor, house.policy, house.mailer, house.clock.now())
    if view is None or all(action.trigger is not trigger for action in view.actions):
        return False
    say(_before_the_code(view))
    return True


def _before_the_code(view: "RequestView") -> list[str]:
    from states import french

    request, end = view.request, view.year_end
    default = " (date par défaut)" if end.is_default else ""
    lines = [
        f"{request.reference} : {request.prenom} {request.nom}, {request.mail} — {view.establishment.nom}",
        f"Date d'expiration à porter sur le serveur ODA : {french.day(end.last_day)}{default}",
    ]
    for other in view.others:
        key = "a une clé" if other.has_key else "sans clé"
        lines.append(
            f"Autre demande de la personne : {other.reference} ({other.uai}, {other.school_year},"
            f" {other.state.label}, {key})"
        )
    return lines
