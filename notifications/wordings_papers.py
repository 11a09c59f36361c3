"""The académie's papers made once with every example, before any mail carries one (R68, R69)."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from notifications.examples import EXAMPLES
from notifications.papers import PaperName, PaperUnmakeable, blank_charter, charter_version, compile_paper, papers_of
from notifications.papers.model import Paper
from notifications.papers.sources import COMMON
from notifications.surroundings import Surroundings
from notifications.wordings import Wordings
from notifications.wordings_folder import TemplateProblem

_AT: Final = datetime(2026, 9, 1, 12, tzinfo=UTC)


def paper_problems(wordings: Wordings, here: Surroundings) -> list[TemplateProblem]:
    """What is wrong with the papers that the académie replaces; empty, and nothing loaded, when it replaces none."""
    replaced = {name for name in wordings.overridden() if name.startswith("papers/")}
    if not replaced:
        return []
    found: dict[tuple[str, int | None], TemplateProblem] = {}
    for error in (*_unmakeable(wordings, here, replaced), *_outdated(wordings, here, replaced)):
        file = error.file if error.file in replaced else min(replaced)
        found.setdefault((file, error.line), TemplateProblem(wordings.path_of(file), error.line, error.why))
    return list(found.values())


def _unmakeable(wordings: Wordings, here: Surroundings, replaced: set[str]) -> Iterator[PaperUnmakeable]:
    for example in (None, *EXAMPLES.values()):
        try:
            papers: tuple[Paper, ...] = (
                papers_of(*example, here, wordings) if example else (blank_charter(here, wordings),)
            )
            for paper in papers:
                if replaced & {COMMON, paper.name.template}:
                    compile_paper(paper, _AT)
        except PaperUnmakeable as error:
            yield error


def _outdated(wordings: Wordings, here: Surroundings, replaced: set[str]) -> Iterator[PaperUnmakeable]:
    """A charter of another version than the setting's would be signed for nothing (R27)."""
    file = PaperName.CHARTER.template
    if file not in replaced:
        return
    try:
        borne = charter_version(wordings.source(file))
    except PaperUnmakeable:
        return  # told already: it is in every charter
    if borne != here.charter_version:
        why = (
            f"cette charte est en version {borne}, et le réglage charter.version dit {here.charter_version} :"
            " corriger celui des deux qui est faux"
        )
        yield PaperUnmakeable(file, 1, why)
