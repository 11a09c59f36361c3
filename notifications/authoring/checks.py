"""Everything that is wrong with the académie's templates, before any mail or export leaves (R68)."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Final

from jinja2 import TemplateSyntaxError, nodes

from notifications.authoring.examples import DAY, EXAMPLES, REMOVAL_LINES, examples_of
from notifications.authoring.expression_types import FRAME_NAMES, Finding, names_of
from notifications.authoring.linter import Shelf, Walk
from notifications.messages.catalogue import MailContext, template_of
from notifications.rendering.environment import TemplateLoader, TemplateProblem
from notifications.rendering.exports import NAMES, REMOVALS, Removal, Unexportable, removals
from notifications.rendering.papers import (
    COMMON,
    Paper,
    PaperName,
    PaperUnmakeable,
    blank_charter,
    charter_version,
    papers_of,
)
from notifications.rendering.pdf import compile_paper
from notifications.rendering.renderer import FRAME, Renderer, Unrenderable, suggestion, syntax_problem, trial_problem
from notifications.vocabulary import CODE_KINDS, LINK_KINDS, AnyKind, Kind, TransientMail
from states import french

# Every example of a mail made with the académie's templates: what fails is told with its file and line (R68).


class Trial:
    """Renders examples as the mail room does, with the settings of the installation."""

    def __init__(self, wordings: TemplateLoader, context: MailContext) -> None:
        self._renderer = Renderer(wordings)
        self._here = context
        self._names = {str(wordings.path_of(name)): name for name in wordings.overridden()}

    def findings(self, kind: AnyKind, used: set[str]) -> Iterator[Finding]:
        """What fails in the examples of a kind; ``used`` is the templates that it draws in."""
        for name, facts in examples_of(kind).items():
            try:
                if isinstance(kind, TransientMail):
                    self._renderer.render_check(facts, self._here)
                else:
                    self._renderer.render(kind, facts, self._here)
            except (Unrenderable, RecursionError) as error:
                yield self._told(error, kind, name, used)

    def _told(self, error: Exception, kind: AnyKind, example: str, used: set[str]) -> Finding:
        cause = error.__cause__ or error
        place = place_of(cause, self._names)
        culprit = self._culprit(kind, used)
        if isinstance(cause, Unrenderable):  # made, but not as it must be: no line is at fault more than another
            must = _FRAME_MUST if culprit == FRAME else _must(kind)
            return Finding(culprit, None, f"{must} (à l'essai avec l'exemple « {example} »)")
        template, line = place or (culprit, None)
        return Finding(template, line, trial_problem(cause, example))

    def _culprit(self, kind: AnyKind, used: set[str]) -> str:
        own = template_of(kind)
        replaced = set(self._names.values()) & used
        return own if own in replaced or not replaced else min(replaced)


def place_of(error: BaseException, names: Mapping[str, str]) -> tuple[str, int] | None:
    """The académie's template, and its line, where it happened; ``names`` are its templates' by their path."""
    if isinstance(error, TemplateSyntaxError) and error.filename and error.filename in names:
        return names[error.filename], error.lineno
    found = None
    trace: TracebackType | None = error.__traceback__
    while trace:
        if name := names.get(trace.tb_frame.f_code.co_filename):
            found = name, trace.tb_lineno
        trace = trace.tb_next
    return found


_FRAME_MUST: Final = "il faut « {{ content }} » une seule fois : le texte du courriel, et le code qu'il porte"


def _must(kind: AnyKind) -> str:
    if kind in CODE_KINDS:
        return (
            "il faut un objet, puis un seul « {{ slot }} », seul sur sa ligne, là où le code paraîtra : dans le texte"
            " comme dans l'HTML"
        )
    if kind in LINK_KINDS:
        return (
            "il faut un objet, puis un seul « {{ slot }} », seul sur sa ligne, là où le lien de connexion paraîtra :"
            " dans le texte comme dans l'HTML"
        )
    return "il faut un objet à la première ligne, et pas de « {{ slot }} » : ce courriel ne porte aucun code"


# The académie's form of an export tried with examples, before anybody downloads one (R68, R83).


_TRIALS: Final[tuple[tuple[str, Sequence[Removal]], ...]] = (("retraits", REMOVAL_LINES), ("aucun retrait", ()))


class _Lines:
    """As an export gives them: they are taken one by one, and nobody knows how many there are."""

    def __init__(self, lines: Sequence[Removal]) -> None:
        self._lines = lines

    def __iter__(self) -> Iterator[Removal]:
        return iter(self._lines)


def export_findings(wordings: TemplateLoader, context: MailContext) -> Iterator[Finding]:
    """What fails when the export of removals is made of the examples."""
    names = {str(wordings.path_of(name)): name for name in wordings.overridden()}
    for example, lines in _TRIALS:
        try:
            for _ in removals(wordings, _Lines(lines), DAY, context):
                pass
        except (Unexportable, RecursionError) as error:
            cause = error.__cause__ or error
            template, line = place_of(cause, names) or (REMOVALS, None)
            yield Finding(template, line, trial_problem(cause, example))


PaperProblems = Callable[[TemplateLoader, MailContext], list[TemplateProblem]]


_JINJA = ".j2"


def problems(
    wordings: TemplateLoader, context: MailContext, paper_problems: PaperProblems | None = None
) -> list[TemplateProblem]:
    """What is wrong with the templates that replace others, by file and line; empty without a folder.

    Files out of place, syntax, names unknown to the mail or to the export, and what fails with the examples.
    ``paper_problems`` tells of the papers.
    """
    replaced = [name for name in wordings.overridden() if name.endswith(_JINJA)]
    found = list(wordings.folder_problems)
    if replaced:
        found += _Check(wordings, context, replaced).problems()
    if paper_problems:
        found += paper_problems(wordings, context)
    return sorted(found, key=lambda problem: (str(problem.path), problem.line or 0, problem.message))


class _Check:
    def __init__(self, wordings: TemplateLoader, context: MailContext, replaced: list[str]) -> None:
        self._wordings, self._here, self._replaced = wordings, context, set(replaced)
        self._shelf = Shelf(wordings)
        self._kinds: dict[Finding, list[AnyKind]] = defaultdict(list)
        self._known: dict[Finding, frozenset[str]] = {}

    def problems(self) -> list[TemplateProblem]:
        """Syntax first; a mail is tried only when all that it draws in is well written."""
        misspelt = list(self._misspelt())
        frame = Walk(self._shelf, FRAME, FRAME_NAMES)
        every: tuple[AnyKind, ...] = (*Kind, *TransientMail)
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


# The académie's papers made once with every example, before any mail carries one (R68, R69).


_AT: Final = datetime(2026, 9, 1, 12, tzinfo=UTC)


def paper_problems(wordings: TemplateLoader, context: MailContext) -> list[TemplateProblem]:
    """What is wrong with the papers that the académie replaces; empty, and nothing loaded, when it replaces none."""
    replaced = {name for name in wordings.overridden() if name.startswith("papers/")}
    if not replaced:
        return []
    found: dict[tuple[str, int | None], TemplateProblem] = {}
    for error in (*_unmakeable(wordings, context, replaced), *_outdated(wordings, context, replaced)):
        file = error.file if error.file in replaced else min(replaced)
        found.setdefault((file, error.line), TemplateProblem(wordings.path_of(file), error.line, error.why))
    return list(found.values())


def _unmakeable(wordings: TemplateLoader, context: MailContext, replaced: set[str]) -> Iterator[PaperUnmakeable]:
    for example in (None, *EXAMPLES.values()):
        try:
            papers: tuple[Paper, ...] = (
                papers_of(*example, context, wordings) if example else (blank_charter(context, wordings),)
            )
            for paper in papers:
                if replaced & {COMMON, paper.name.template}:
                    compile_paper(paper, _AT)
        except PaperUnmakeable as error:
            yield error


def _outdated(wordings: TemplateLoader, context: MailContext, replaced: set[str]) -> Iterator[PaperUnmakeable]:
    """A charter of another version than the setting's would be signed for nothing (R27)."""
    file = PaperName.CHARTER.template
    if file not in replaced:
        return
    try:
        borne = charter_version(wordings.source(file))
    except PaperUnmakeable:
        return  # told already: it is in every charter
    if borne != context.charter_version:
        why = (
            f"cette charte est en version {borne}, et le réglage charter.version dit {context.charter_version} :"
            " corriger celui des deux qui est faux"
        )
        yield PaperUnmakeable(file, 1, why)
