"""A small tree with every kind of parameter and of ending, run through the same root as ``oda``."""

from datetime import date
from pathlib import Path
from typing import Any

import click

from portal.cli.context import (
    ROW_NUMBER,
    ActorSpec,
    ActorSpecType,
    CliContext,
    Day,
    FilePath,
    Uai,
    Year,
    labelled_option,
    pass_cli_context,
)
from portal.cli.errors import CliFailure, CommandGroup, ExitCode
from portal.cli.main import Oda
from states.vocabulary import ReissueReason, State


@click.group(cls=CommandGroup, help="Un groupe d'essai.")
def sample() -> None:
    pass


@sample.command("values", help="Toutes les sortes de valeurs.")
@click.argument("day", type=Day(), metavar="DATE", help="Le jour.")
@labelled_option(ReissueReason, "--reason", metavar="RAISON", help="La raison.")
@labelled_option(State, "--state", metavar="ÉTAT")
@click.option("--year", type=Year())
@click.option("--uai", type=Uai())
@click.option("--count", type=ROW_NUMBER, metavar="N")
@click.option("--limit", type=click.IntRange(1, 50), default=20, show_default=True, metavar="NOMBRE")
@click.option("--file", type=FilePath(exists=True, dir_okay=False))
@click.option("--folder", type=FilePath(exists=True, file_okay=False, path_type=Path))
@click.option("--form", type=click.Choice(["svg", "texte"]))
@click.option("--pair", nargs=2, metavar="TEXTE...")
@click.option("--who", type=ActorSpecType())
@click.option("--json", "as_json", is_flag=True, help="En JSON.")
def values(day: date, **others: Any) -> None:
    click.echo(repr({"day": day, **{name: value for name, value in others.items() if value is not None}}))


@sample.command("needs", help="Ce qui est obligatoire.")
@click.argument("reference", metavar="RÉFÉRENCE")
@labelled_option(ReissueReason, "--reason", "-r", required=True, metavar="RAISON")
def needs(reference: str, reason: ReissueReason) -> None:
    click.echo(f"{reference} {reason.label}")


@sample.command("who", help="Qui agit.")
@pass_cli_context
def who(app: CliContext) -> None:
    acting: ActorSpec | None = app.acting_as
    click.echo(repr(acting))


FAILURES: list[BaseException] = []


@sample.command("fail", help="Échoue.")
def fail() -> None:
    raise FAILURES.pop()


@sample.command("busy", help="Échoue sans attendre.")
def busy() -> None:
    raise CliFailure("Occupé.", ExitCode.BUSY, ["Recommencer\x1b[31m."])


@sample.command("many", help="Écrit beaucoup.")
def many() -> None:
    for number in range(100_000):
        click.echo(f"ligne {number}")


def tree() -> Oda:
    """A root such as ``oda``, with ``sample`` for only command."""
    root = Oda("oda", lazy={"sample": ("tests.portal.cli.sample", "sample", "Un groupe d'essai.")})
    root.params.append(click.Option(["--as", "who"], type=ActorSpecType(), metavar="QUI"))

    @click.pass_context
    def begin(ctx: click.Context, who: ActorSpec | None) -> None:
        ctx.obj = CliContext(None, who)

    root.callback = begin
    return root


def nested() -> CommandGroup:
    """A lazy group that also declares a command."""
    group = CommandGroup("nested", lazy={"far": ("tests.portal.cli.nowhere", "far", "Loin.")}, help="Mixte.")
    group.add_command(click.Command("near", callback=lambda: None, help="Près."))
    return group
