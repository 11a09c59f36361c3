"""Everything that is wrong with the académie's templates, before any mail or export leaves (R68)."""

from collections import defaultdict
from collections.abc import Callable, Iterator

from jinja2 import TemplateSyntaxError, nodes

from notifications.catalogue import template_of
from notifications.exports import NAMES, REMOVALS
from notifications.rendering import FRAME
from notifications.surroundings import Surroundings
from notifications.vocabulary import AnyKind, Kind, Unstored
from notifications.wordings import Wordings
from notifications.wordings_chain import Shelf
from notifications.wordings_exports import export_findings
from notifications.wordings_finding import Finding
from notifications.wordings_folder import TemplateProblem
from notifications.wordings_french import suggestion, syntax_problem
from notifications.wordings_trial import Trial
from notifications.wordings_types import FRAME_NAMES, names_of
from notifications.wordings_walk import Walk
from states import french

PaperProblems = Callable[[Wordings, Surroundings], list[TemplateProblem]]
_JINJA = ".j2"


def problems(
    wordings: Wordings, here: Surroundings, paper_problems: PaperProblems | None = None
) -> list[TemplateProblem]:
    """What is wrong with the templates that replace others, by file and line; empty without a folder.

    Files out of place, syntax, names unknown to the mail or to the export, and what fails with the examples.
    ``paper_problems`` tells of the papers.
    """
    replaced = [name for name in wordings.overridden() if name.endswith(_JINJA)]
    found = list(wordings.folder_problems)
    if replaced:
        found += _Check(wordings, here, replaced).problems()
    if paper_problems:
        found += paper_problems(wordings, here)
    return sorted(found, key=lambda problem: (str(problem.path), problem.line or 0, problem.message))


class _Check:
    def __init__(self, wordings: Wordings, here: Surroundings, replaced: list[str]) -> None:
        self._wordings, self._here, self._replaced = wordings, here, set(replaced)
        self._shelf = Shelf(wordings)
        self._kinds: dict[Finding, list[AnyKind]] = defaultdict(list)
        self._known: dict[Finding, frozenset[str]] = {}

    def problems(self) -> list[TemplateProblem]:
        """Syntax first; a mail is tried only when all that it draws in is well written."""
        misspelt = list(self._misspelt())
        frame = Walk(self._shelf, FRAME, FRAME_NAMES)
        every: tuple[AnyKind, ...] = (*Kind, *Unstored)
        walks = {kind: Walk(self._shelf, template_of(kind), names_of(kind)) for kind in every}
        for kind, walk in walks.items():
            for finding in walk.found:
                self._keep(finding, kind)
        export = Walk(self._shelf, REMOVALS, NAMES)
        for finding in (*frame.found, *self._bare_frame(), *export.found):
            self._keep(finding, None)
        broken = {one.template for one in (*misspelt, *self._kinds) if one in misspelt or one.line is None}
        told: dict[tuple[str, int | None], list[TemplateProblem]] = {}
        for finding in self._kinds:
            told.setdefault((finding.template, finding.line), []).append(self._problem(finding))
        failures = (*self._failures(walks, frame.used, broken), *self._failed_export(export.used, broken))
        for finding in (*misspelt, *failures):
            told.setdefault((finding.template, finding.line), [self._problem(finding)])  # the first that is found there
        return [problem for problems in told.values() for problem in problems]

    def _keep(self, finding: Finding, kind: AnyKind | None) -> None:
        if finding.template not in self._replaced:
            return
        once = Finding(finding.template, finding.line, finding.message, finding.wrong)
        self._known[once] = finding.known & self._known.get(once, finding.known)
        if kind not in self._kinds[once] and kind is not None:
            self._kinds[once].append(kind)

    def _misspelt(self) -> Iterator[Finding]:
        for name in sorted(self._replaced):
            try:
                self._wordings.environment.get_template(name)
            except TemplateSyntaxError as error:
                yield Finding(name, error.lineno, syntax_problem(error))

    def _bare_frame(self) -> Iterator[Finding]:
        tree = self._shelf.tree(FRAME)
        if tree and "content" not in {node.name for node in tree.find_all(nodes.Name)}:
            yield Finding(FRAME, None, "il manque « {{ content }} » : le texte du courriel ne paraîtrait pas")

    def _failures(self, walks: dict[AnyKind, Walk], frame: set[str], broken: set[str]) -> Iterator[Finding]:
        trial = Trial(self._wordings, self._here)
        for kind, walk in walks.items():
            used = walk.used | frame | {template_of(kind), FRAME}
            if used & self._replaced and not used & broken:
                yield from trial.findings(kind, used)

    def _failed_export(self, used: set[str], broken: set[str]) -> Iterator[Finding]:
        if used & self._replaced and not used & broken:
            yield from export_findings(self._wordings, self._here)

    def _problem(self, finding: Finding) -> TemplateProblem:
        kinds = [kind.value for kind in self._kinds.get(finding, ())]
        shared = finding.wrong and kinds and finding.template != f"mails/{kinds[0]}{_JINJA}"
        where = f" dans {_some(kinds)}" if shared else ""
        more = suggestion(finding.wrong, self._known.get(finding, finding.known))
        return TemplateProblem(
            self._wordings.path_of(finding.template), finding.line, f"{finding.message}{where}{more}"
        )


def _some(kinds: list[str], shown: int = 3) -> str:
    if len(kinds) <= shown + 1:
        return french.listing(kinds)
    return f"{', '.join(kinds[:shown])} et {len(kinds) - shown} autres courriels"
