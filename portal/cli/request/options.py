"""The options that the actions on a request share, gathered in one value."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import click

from portal.cli.context import App, pass_app
from portal.cli.french import Day, LabelledChoice
from states.vocabulary import RequestedBy, Role

WITHOUT_NAMES = "sans nom de personne, rien sur la santé"
"""What the help of every free text says."""

Callback = Callable[..., None]


class Reference(click.ParamType[str]):
    """A request's reference, ``ODA-2027-00042``, in any case; the engine says whether it exists."""

    name = "référence"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002
        return " ".join(str(value).split()).upper()


@dataclass(frozen=True, kw_only=True, slots=True)
class Manner:
    """How an action is made: under which key (R10), on which version (R9), at whose request (R5), by whom (R37)."""

    key: str | None
    version: int | None
    asked_by: str | None
    asked_how: RequestedBy | None
    asked_on: date | None
    name: str
    as_json: bool

    def fields(self) -> dict[str, Any]:
        """The fields that every command has. Raises UsageError when one of the three ``--asked-…`` is missing."""
        from states.actors import OnBehalf

        asked = (self.asked_by, self.asked_how, self.asked_on)
        if all(one is None for one in asked):
            return {"expected_version": self.version}
        if self.asked_by is None or self.asked_how is None or self.asked_on is None:
            raise click.UsageError("Les options --asked-by, --asked-how et --asked-on vont ensemble.")
        behalf = OnBehalf(who=self.asked_by, how=self.asked_how, when=self.asked_on.isoformat())
        return {"expected_version": self.version, "on_behalf": behalf}


_KEY = click.option(
    "--key", metavar="CLÉ", help="Clé d'action : la même commande rejouée ne fait rien deux fois (R10)."
)
_VERSION = click.option(
    "--version", type=click.IntRange(min=1), metavar="N", help="Refuse si la demande n'en est plus à la version N (R9)."
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Écrit le résultat en JSON.")
_OF_CHEF = (
    click.option("--name", default="", metavar="NOM", help="Avec --as chef ou adjoint : le nom de qui agit."),
    click.option("--asked-by", metavar="NOM", help="Opérateur agissant pour l'établissement : qui l'a demandé (R5)."),
    click.option("--asked-how", type=LabelledChoice(RequestedBy), metavar="MOYEN", help="Comment il l'a demandé."),
    click.option("--asked-on", type=Day(), metavar="DATE", help="Quel jour il l'a demandé."),
)


def acting(*, as_chef: bool, version: bool = True) -> Callable[[Callback], Callback]:
    """Give a command its ``App`` and a ``Manner``, from the shared options.

    ``as_chef``: a chef may do it, so an operator may on behalf; ``version`` False for what has no request yet.
    """
    options = (_KEY, *([_VERSION] if version else []), *(_OF_CHEF if as_chef else ()), _JSON)

    def decorate(function: Callback) -> Callback:
        @functools.wraps(function)
        def call(app: App, /, **given: Any) -> None:
            taken = {name: given.pop(name, "" if name == "name" else None) for name in Manner.__dataclass_fields__}
            if taken["name"] and (app.who is None or app.who.role not in (Role.CHEF, Role.DEPUTY)):
                raise click.UsageError("L'option --name va avec --as chef:UAI ou --as adjoint:UAI.")
            function(app, Manner(**taken), **given)

        command: Callback = pass_app(call)
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


reference_argument = click.argument(
    "reference", type=Reference(), metavar="RÉFÉRENCE", help="La demande, par exemple ODA-2027-00042."
)
references_argument = click.argument(
    "references", type=Reference(), metavar="RÉFÉRENCE...", nargs=-1, required=True, help="Une ou plusieurs demandes."
)


def free_text(flag: str, what: str, *, required: bool) -> Callable[[Callback], Callback]:
    """A free text; its help says what it must not hold."""
    default = None if required else ""
    words = f"{what} ({WITHOUT_NAMES})."
    return click.option(flag, required=required, default=default, metavar="TEXTE", help=words)
