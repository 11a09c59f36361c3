"""A question that a person answers by yes or no: the terminal alone may answer it."""

import sys

import click

from portal.cli.cells import printable
from portal.cli.exits import CliFailure, ExitCode

_YES = ("o", "oui")


def confirmed(question: str = "Confirmer ?", otherwise: str = "--confirmed") -> bool:
    """Ask on the error output, « o » or « oui » being a yes and anything else a no.

    Raises CliFailure where nobody can answer, naming the option ``otherwise`` to give then; EOFError when the person
    leaves.
    """
    if not sys.stdin.isatty():
        message = "Il faut confirmer, et personne ne peut répondre ici."
        raise CliFailure(message, ExitCode.USAGE, [f"Que faire : relire, puis ajouter {otherwise}."])
    click.echo(f"{printable(question)} [o/N] ", err=True, nl=False)
    answer = sys.stdin.readline()
    if not answer:
        raise EOFError
    return answer.strip().casefold() in _YES
