"""Executes one action, or the same one on several requests, and tells what came of it."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from portal.cli.cells import printable
from portal.cli.context import App
from portal.cli.exits import CliFailure, ExitCode, refused
from portal.cli.output import emit, progress
from portal.cli.request import told
from portal.cli.request.options import Manner

if TYPE_CHECKING:
    from states.actors import Actor
    from states.commands import Command
    from workflow.engine import Done, Result
    from workflow.house import House

SLICE = 200
"""Requests a transaction: short enough to leave the database to others in between."""


def act(app: App, manner: Manner, build: "Callable[[House, Actor], Command]") -> None:
    """Build a command in the opened house, execute it, tell. Raises CliFailure with every reason of a refusal (R7)."""
    from portal.cli.opening import opened
    from states.case import Refused

    with opened(app, manner.name) as (house, actor):
        command = build(house, actor)
        result = house.engine.execute([command], actor, key=manner.key)[0]
        if isinstance(result, Refused):
            raise refused(result.reasons)
        told.warn(result.warnings)
        if manner.as_json:
            told.echo_object(told.done_row(result))
        else:
            click.echo(printable(told.sentence(result)))
            click.echo(printable(_following(house, result)))


def _following(house: "House", done: "Done") -> str:
    """What the request waits for now, whoever acted on it."""
    from workflow.reading.next_step import next_step
    from workflow.reading.showing import facts_of

    with house.database.read() as connection:
        facts = facts_of(connection, done.reference, house.mailer)
    return told.following(next_step(facts, house.policy, house.clock.now()), done.reference)


def act_on_all(app: App, manner: Manner, references: Sequence[str], build: "Callable[[str], Command]") -> None:
    """The same action on several requests: a line for each. Raises CliFailure when any was refused."""
    wanted = list(dict.fromkeys(references))
    if len(wanted) == 1:
        return act(app, manner, lambda _house, _actor: build(wanted[0]))
    if manner.version is not None:
        raise click.UsageError("L'option --version ne va qu'avec une seule demande.")
    done: list[tuple[str, Result]] = []
    try:
        with progress(len(wanted), "Demandes") as advance:
            for results in _executed(app, manner, wanted, build):
                done += results
                advance(len(results))
    finally:
        _tell(done, as_json=manner.as_json)
    return _judge(done)


def _executed(
    app: App, manner: Manner, references: list[str], build: "Callable[[str], Command]"
) -> "Iterator[list[tuple[str, Result]]]":
    """Slice after slice, each its own transaction: what is done stays done if a later one fails."""
    from portal.cli.opening import opened

    with opened(app, manner.name) as (house, actor):
        for start in range(0, len(references), SLICE):
            some = references[start : start + SLICE]
            key = manner.key if manner.key is None or len(references) <= SLICE else f"{manner.key}/{start}"
            results = house.engine.execute([build(reference) for reference in some], actor, key=key)
            yield list(zip(some, results, strict=True))


def _tell(done: "Sequence[tuple[str, Result]]", *, as_json: bool) -> None:
    if as_json:
        emit([_row(reference, result) for reference, result in done], {}, as_json)
        return
    for reference, result in done:
        click.echo(printable(_line(reference, result)))


def _line(reference: str, result: "Result") -> str:
    from states.case import Refused

    if isinstance(result, Refused):
        return f"{reference} : refusé. {result}"
    told.warn(result.warnings, f"{reference} : ")
    return told.sentence(result)


def _row(reference: str, result: "Result") -> dict[str, object]:
    from states.case import Refused

    if isinstance(result, Refused):
        return {"reference": reference, "refused": [told.reason_row(reason) for reason in result.reasons]}
    return {**told.done_row(result), "refused": []}


def _judge(done: "Sequence[tuple[str, Result]]") -> None:
    from states.case import Refused

    count = sum(isinstance(result, Refused) for _, result in done)
    if count:
        which = "1 demande" if count == 1 else f"{count} demandes"
        rest = " Le reste est fait." if count < len(done) else ""
        message = f"{which} sur {len(done)} : l'action est refusée, rien n'y a changé.{rest}"
        raise CliFailure(message, ExitCode.REFUSED)
