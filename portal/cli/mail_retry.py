"""What ``oda mail retry`` tells: a line for each mail, and what came of all."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from portal.cli.cells import printable
from portal.cli.exits import CliFailure, ExitCode
from states import french

if TYPE_CHECKING:
    from workflow.mail_events import NotRetried, Retried


def sentence(number: int, leaving: int) -> str:
    """A mail that is sent again, under its number or another."""
    new = "" if leaving == number else f", remplacé par le n° {leaving} pour la boîte d'aujourd'hui"
    return f"Courriel n° {number} : à envoyer{new}."


def tell(uai: str, results: "Sequence[Retried | NotRetried]") -> None:
    """Raises CliFailure when any was refused, as every action on several things does."""
    if not results:
        click.echo(f"Aucun courriel de {uai} n'attend une autre adresse : rien à renvoyer.")
        return
    for result in results:
        click.echo(printable(_line(result)))
    refused = sum(_is_refused(result) for result in results)
    done = len(results) - refused
    again = f"{french.plural(done, 'courriel')} à envoyer" if done else "rien à envoyer"
    if refused:
        which = f"{french.plural(refused, 'courriel refusé', 'courriels refusés')} sur {len(results)}"
        raise CliFailure(f"{uai} : {which}, rien n'y a changé ; {again}.", ExitCode.REFUSED)
    click.echo(f"{uai} : {again}.")


def _line(result: "Retried | NotRetried") -> str:
    from workflow.mail_events import NotRetried

    if isinstance(result, NotRetried):
        return f"Courriel n° {result.mail} : refusé. {result.refusal} ({result.refusal.rule})"
    return sentence(result.mail, result.leaves_as)


def _is_refused(result: "Retried | NotRetried") -> bool:
    from workflow.mail_events import NotRetried

    return isinstance(result, NotRetried)
