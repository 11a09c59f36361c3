"""/rectorat/etablissements/import: the directory from a file, shown before it is imported (R66, R67, R91)."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from portal.texts import DIRECTORY_COLUMNS
from portal.web.context import WebContext
from portal.web.file_import import (
    SHOWN,
    FileImport,
    ImportPreview,
    ImportRefused,
    PreviewLink,
    PreviewList,
    ReadyImport,
    import_pages,
)
from portal.web.forms import Field, Shape
from portal.web.rectorat.establishments import ESTABLISHMENTS_PATH
from portal.web.security import Visitor
from states.french import plural
from workflow.directory.model import DirectoryRefused, ImportReport, Remark, massive_loss
from workflow.directory.parser import SPECS
from workflow.directory.service import DIRECTORY

_LOSS: Final = "perte"

_NO: Final = {True: "oui", False: "non", None: "(vide)", "": "(vide)"}


class DirectoryImport(FileImport):
    """The import of the open directory."""

    kind = DIRECTORY
    needs_proof = True
    path = f"{ESTABLISHMENTS_PATH}/import"
    title = "Importer l'annuaire"
    above = (("/rectorat", "Accueil"), (ESTABLISHMENTS_PATH, "Établissements"))
    specs = SPECS
    help_template = "rectorat/directory_import_help.html"

    def preview(self, context: WebContext, visitor: Visitor, ready: ReadyImport) -> ImportPreview:
        """Compare the file with the directory, writing nothing."""
        report = context.app.directory.import_table(ready.table, ready.columns, visitor.actor, dry_run=True)
        return ImportPreview(
            summary=list(_summary(report)), lists=_lists(report), changes_something=report.changes_something,
            confirmations=[_loss_field(report)] if report.loss.is_massive else [], button="Importer l'annuaire",
        )  # fmt: skip

    def confirm(self, context: WebContext, visitor: Visitor, ready: ReadyImport, ticked: Sequence[str]) -> str:
        """Import it; the loss may have grown since it was shown, and is then refused."""
        try:
            report = context.app.directory.import_table(
                ready.table, ready.columns, visitor.actor, accept_loss=_LOSS in ticked
            )
        except DirectoryRefused as refused:  # what is lost has become massive since it was shown
            remedy = "Relire ce qui suit, puis accepter la perte si elle est voulue."
            raise ImportRefused([replace(reason, remedy=remedy) for reason in refused.reasons]) from None
        counts = _counts(report)
        return f"l'annuaire est importé, {counts}" if report.changes_something else "l'annuaire était déjà celui-ci"


router = import_pages(DirectoryImport())


def _counts(report: ImportReport) -> str:
    return ", ".join((
        plural(len(report.new), "nouveau", "nouveaux"), plural(len(report.changed), "changé"),
        plural(len(report.gone), "disparu"), plural(report.unchanged, "inchangé"),
    ))  # fmt: skip


def _summary(report: ImportReport) -> Iterable[str]:
    counts = _counts(report)
    yield f"L'import donnerait : {counts}." if report.changes_something else f"Rien ne changerait : {counts}."
    yield (
        f"Lignes lues : {report.rows}, dont {report.outside_academie} d'une autre académie, {report.outside_scope} hors"
        f" du second degré, {plural(report.repeated, 'répétée')}, {plural(len(report.refused), 'refusée')}."
    )
    if report.without_mailbox:
        without = plural(report.without_mailbox, "établissement ouvert serait", "établissements ouverts seraient")
        yield f"{without} sans boîte : personne ne pourrait s'y connecter."


def _loss_field(report: ImportReport) -> Field:
    reason = massive_loss(report.loss)
    return Field(
        name=_LOSS, label="Accepter cette perte", shape=Shape.CHECK,
        hint=f"{reason.message} ({reason.rule}). Vérifier d'abord que le fichier est entier.",
        missing="Vérifier que le fichier est entier ; si la perte est voulue, cocher cette case.",
    )  # fmt: skip


def _lists(report: ImportReport) -> list[PreviewList]:
    names = ("Établissement", "UAI")
    return [
        PreviewList(
            title="Demandes en cours d'établissements fermés, à traiter", headings=("Demande", "UAI"),
            rows=[
                (PreviewLink(r.reference, f"/rectorat/demandes/{r.reference}"), r.uai) for r in report.stranded[:SHOWN]
            ],
            count=len(report.stranded), note="Leur établissement sera fermé : les révoquer, ou vérifier l'annuaire.",
        ),
        _remarks("Lignes refusées", report.refused, "Ces établissements restent tels qu'ils sont."),
        PreviewList(
            title="Disparus de l'annuaire, donc fermés", headings=names,
            rows=[(place.nom, place.uai) for place in report.gone[:SHOWN]], count=len(report.gone),
        ),
        PreviewList(
            title="Changés", headings=(*names, "Ce qui change"), count=len(report.changed),
            rows=[
                (place.nom, place.uai, " ; ".join(
                    f"{DIRECTORY_COLUMNS[change.column]} : {_shown(change.before)} → {_shown(change.after)}"
                    for change in place.changes
                ))
                for place in report.changed[:SHOWN]
            ],
        ),
        PreviewList(
            title="Nouveaux", headings=names, rows=[(place.nom, place.uai) for place in report.new[:SHOWN]],
            count=len(report.new),
        ),
        _remarks("Avertissements", report.warnings, "Ces lignes sont prises quand même."),
    ]  # fmt: skip


def _remarks(title: str, remarks: Sequence[Remark], note: str) -> PreviewList:
    rows = [(f"Ligne {remark.line}", remark.uai or "illisible", remark.message) for remark in remarks[:SHOWN]]
    return PreviewList(title=title, headings=("Ligne", "UAI", "Pourquoi"), rows=rows, count=len(remarks), note=note)


def _shown(value: str | bool | None) -> str:
    return _NO[value] if value in _NO else str(value)
