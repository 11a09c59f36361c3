"""``oda removal confirm``: what was understood of a file, a question, then a result a line (R49, R83)."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from portal.cli.cells import printable
from portal.cli.context import App
from portal.cli.exits import CliFailure, ExitCode, failure_for, say
from portal.cli.output import emit, progress
from portal.cli.request import told as words
from states import french
from states.vocabulary import RemovalOutcome, Role

if TYPE_CHECKING:
    from workflow.removal_files.confirming import Told
    from workflow.removal_files.judging import Understood
    from workflow.removal_files.rows import Fault

MOST: Final = 100_000
"""Lines of a file."""
MOST_BYTES: Final = 20_000_000
_STDIN: Final = "-"


@failure_for("workflow.removal_files.text.FileRefused")
def _refused_file(error: Exception) -> CliFailure:
    return CliFailure("Ce fichier ne peut pas être lu.", ExitCode.BAD_INPUT, [str(error)])


def run(app: App, *, file: Path, outcome: RemovalOutcome | None, dry_run: bool, yes: bool, as_json: bool) -> None:
    """The whole of it. Raises CliFailure when a line was set aside or refused, the others being done."""
    from portal.cli.confirm import confirmed
    from portal.cli.opening import opened
    from workflow.people import NotAllowed
    from workflow.removal_files.confirming import confirm
    from workflow.removal_files.judging import judge
    from workflow.removal_files.rows import rows_of
    from workflow.removal_files.text import text_of

    rows = rows_of(text_of(_content(file), most=MOST_BYTES), outcome, most=MOST)
    with opened(app) as (house, actor):
        if actor.role is not Role.OPERATOR:
            raise NotAllowed("Un retrait se confirme avec --as operator:ADRESSE (R2, R49).")
        with house.database.read() as connection:
            found = judge(connection, rows, actor, house)
        say(_summary(found))
        if not found.ready:
            raise CliFailure("Aucune ligne ne peut être confirmée, rien n'a changé.", ExitCode.REFUSED)
        if dry_run:
            say(["À blanc : rien n'est écrit."])
            return _judge(len(rows), len(found.faults), dry_run=True)
        if not yes and not confirmed(f"Confirmer {french.plural(len(found.ready), 'retrait')} ?", "--yes"):
            raise CliFailure("Rien n'est confirmé, rien n'a changé.", ExitCode.REFUSED)
        done: list[Told] = []
        try:
            with progress(len(found.ready), "Retraits") as advance:
                for some in confirm(house.engine, [one.asked for one in found.ready], actor, key=None):
                    done += some
                    advance(len(some))
        finally:
            _tell(done, found.faults, as_json=as_json)
    return _judge(len(rows), len(found.faults) + sum(_is_refused(one) for one in done))


def _content(file: Path) -> bytes:
    """One byte more than is taken is enough to tell that there is too much."""
    if str(file) == _STDIN:
        return sys.stdin.buffer.read(MOST_BYTES + 1)
    with file.open("rb") as source:
        return source.read(MOST_BYTES + 1)


def _summary(found: "Understood") -> Iterator[str]:
    counts = Counter(one.asked.outcome for one in found.ready)
    yield f"{french.plural(len(found.ready), 'retrait')} à confirmer{' :' if counts else '.'}"
    yield from (f"  {outcome.label} : {counts[outcome]}" for outcome in RemovalOutcome if counts[outcome])
    for one in found.ready:
        for warning in one.warnings:
            yield f"Attention : ligne {one.asked.number}, {one.asked.reference} : {warning.message} ({warning.rule})."
    if found.faults:
        yield f"{french.plural(len(found.faults), 'ligne écartée', 'lignes écartées')} :"
    yield from (f"  ligne {one.number}{_written(one)} : {one.message}" for one in found.faults)


def _written(fault: "Fault") -> str:
    return f", {fault.written}" if fault.written else ""


def _tell(done: "Sequence[Told]", faults: "Sequence[Fault]", *, as_json: bool) -> None:
    if as_json:
        rows = [_row(one) for one in done] + [_faulty(one) for one in faults]
        emit(sorted(rows, key=lambda row: str(row["line"]).zfill(9)), {}, as_json)
        return
    for one in done:
        click.echo(printable(f"Ligne {one.asked.number} : {_line(one)}"))


def _line(one: "Told") -> str:
    from states.case import Refused

    if isinstance(one.result, Refused):
        return f"{one.asked.reference} : refusé. {one.result}"
    return f"{words.sentence(one.result)[:-1]}, {one.asked.outcome.label})."


def _row(one: "Told") -> dict[str, object]:
    from states.case import Refused

    told = {"line": one.asked.number, "reference": one.asked.reference, "outcome": one.asked.outcome}
    if isinstance(one.result, Refused):
        return {**told, "refused": [words.reason_row(reason) for reason in one.result.reasons]}
    return {**told, **words.done_row(one.result), "refused": []}


def _faulty(fault: "Fault") -> dict[str, object]:
    return {"line": fault.number, "written": fault.written, "problem": fault.message}


def _is_refused(one: "Told") -> bool:
    from states.case import Refused

    return isinstance(one.result, Refused)


def _judge(lines: int, left: int, *, dry_run: bool = False) -> None:
    if left:
        which = "1 ligne" if left == 1 else f"{left} lignes"
        rest = "" if dry_run or left == lines else " Le reste est fait."
        verb = "ne serait pas confirmée" if dry_run else "n'est pas confirmée"
        several = "ne seraient pas confirmées" if dry_run else "ne sont pas confirmées"
        raise CliFailure(f"{which} sur {lines} : {verb if left == 1 else several}.{rest}", ExitCode.REFUSED)
