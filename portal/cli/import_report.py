"""The report of an import of the directory, for a person or in JSON."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

import click

from portal.cli.cells import as_json as json_text
from portal.cli.cells import cell, printable
from states.french import plural
from workflow.directory import Change, Imported, Remark

SHOWN = 20
"""How many lines of each list a person is shown; the JSON report has them all."""

COLUMNS = {
    "nom": "nom",
    "kind": "type",
    "commune": "commune",
    "departement": "département",
    "mailbox": "boîte",
    "is_open": "ouvert",
    "is_listed": "dans l'annuaire",
}


def write(imported: Imported, as_json: bool) -> None:
    """Write the report on the standard output."""
    if as_json:
        report = asdict(imported)
        report["loss"] |= {"total": imported.loss.total, "is_massive": imported.loss.is_massive}
        click.echo(f"{json_text([report])}\n".encode(), nl=False)
        return
    for line in lines(imported):
        click.echo(printable(line))


def lines(imported: Imported) -> Iterator[str]:
    """The report in French, line by line."""
    yield _outcome(imported)
    yield (
        f"Lignes lues : {imported.rows} (hors académie : {imported.outside_academie}, hors périmètre :"
        f" {imported.outside_scope}, répétées : {imported.repeated}, en désaccord : {imported.differing},"
        f" refusées : {len(imported.refused)})."
    )
    if imported.without_mailbox:
        yield f"{plural(imported.without_mailbox, 'établissement ouvert', 'établissements ouverts')} sans boîte."
    yield from _section("Nouveaux", [f"{e.uai}  {e.nom}" for e in imported.new])
    yield from _section("Changés", [f"{e.uai}  {e.nom} — {_changes(e.changes)}" for e in imported.changed])
    yield from _section("Disparus de l'annuaire, donc fermés", [f"{e.uai}  {e.nom}" for e in imported.gone])
    yield from _section("Refusés", _remarks(imported.refused))
    yield from _section("Avertissements", _remarks(imported.warnings))
    live = [f"{request.reference}  {request.uai}" for request in imported.stranded]
    yield from _section("Demandes en cours d'établissements fermés, à traiter", live)


def _outcome(imported: Imported) -> str:
    told = ", ".join(
        (
            plural(len(imported.new), "nouveau", "nouveaux"),
            plural(len(imported.changed), "changé"),
            plural(len(imported.gone), "disparu"),
            plural(imported.unchanged, "inchangé"),
        )
    )
    if imported.is_dry_run:
        return f"À blanc, rien n'est écrit. L'import donnerait : {told}."
    return f"Annuaire importé : {told}." if imported.changes_something else f"Rien n'a changé : {told}."


def _changes(changes: Iterable[Change]) -> str:
    return " ; ".join(f"{COLUMNS[c.column]} : {_value(c.before)} → {_value(c.after)}" for c in changes)


def _value(value: str | bool | None) -> str:
    return cell(value) or "(vide)"


def _remarks(remarks: Iterable[Remark]) -> list[str]:
    return [f"ligne {remark.line}  {remark.uai} : {remark.message}" for remark in remarks]


def _section(title: str, items: Sequence[str]) -> Iterator[str]:
    if not items:
        return
    yield ""
    yield f"{title} ({len(items)}) :"
    yield from (f"  {item}" for item in items[:SHOWN])
    if len(items) > SHOWN:
        yield f"  … et {plural(len(items) - SHOWN, 'autre')} (--json les donne tous)"
