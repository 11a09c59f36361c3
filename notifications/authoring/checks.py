"""Everything that is wrong with the académie's templates, before any mail, export or paper leaves (R68)."""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Final

from jinja2 import Environment, TemplateSyntaxError, meta, nodes

from notifications.authoring.examples import CODE_LINES, DAY, EXAMPLES, REMOVAL_LINES, examples_of
from notifications.authoring.reference import ALL_KINDS, choice_values, given_to
from notifications.messages.catalogue import MailContext, template_of
from notifications.rendering.child import ChildStopped, TooLong, run_in_child, step
from notifications.rendering.environment import TemplateLoader, TemplateProblem, own_names
from notifications.rendering.papers import (
    COMMON,
    Paper,
    PaperName,
    PaperUnmakeable,
    blank_charter,
    blank_first_connection,
    charter_version,
    compile_paper,
    example_figures,
    papers_of,
)
from notifications.rendering.renderer import (
    CODES,
    FRAME,
    REMOVALS,
    TEMPLATE_ERRORS,
    Renderer,
    Unrenderable,
    export_text,
    suggestion,
    why,
)
from notifications.vocabulary import CODE_KINDS, LINK_KINDS, AnyKind

PaperProblems = Callable[[TemplateLoader, MailContext], list[TemplateProblem]]

_JINJA: Final = ".j2"

_Note = tuple[int | None, str]
"""A line and what is wrong there."""

_MADE_AT: Final = datetime(2026, 9, 1, 12, tzinfo=UTC)

_WITHOUT_MAIL: Final = (blank_charter, blank_first_connection, example_figures)
"""The papers that are made without any mail."""


def problems(
    wordings: TemplateLoader, context: MailContext, paper_problems: PaperProblems | None = None
) -> list[TemplateProblem]:
    """List what is wrong with the templates that replace others, by file and line; empty without a folder.

    Files out of place, then what reading a template finds, then what fails with an example: of these, one a line, and
    none where reading found something already. ``paper_problems`` checks the papers.
    """
    problems = list(wordings.folder_problems)
    if any(name.endswith(_JINJA) for name in wordings.overridden()):
        problems += dict.fromkeys(_read(wordings))
        places = {(problem.path, problem.line) for problem in problems}
        unreadable = {problem.path for problem in problems if problem.line is None}
        unreadable |= {wordings.path_of(name) for name in wordings.overridden() if not wordings.tree(name)}
        for problem in ExampleCheck(wordings, context).problems(unreadable):
            if (problem.path, problem.line) not in places:
                places.add((problem.path, problem.line))
                problems.append(problem)
    if paper_problems:
        problems += paper_problems(wordings, context)
    return sorted(problems, key=lambda problem: (str(problem.path), problem.line or 0, problem.message))


def try_templates(wordings: TemplateLoader, context: MailContext) -> list[TemplateProblem]:
    """List what is wrong with the templates that replace others, papers too (R68, R69).

    One child process tries them all: one that hangs or kills is said, and stops nothing.
    """
    try:
        child_problems: list[TemplateProblem] = run_in_child(
            "notifications.authoring.checks:all_problems", wordings, context
        )
    except ChildStopped as stopped:
        path = wordings.path_of(stopped.label) if stopped.label else wordings.folder
        return [TemplateProblem(path, None, stopped.why)] if path else []
    return child_problems


def all_problems(wordings: TemplateLoader, context: MailContext) -> list[TemplateProblem]:
    """The problems of templates and papers: what ``try_templates`` asks of its child process."""
    return problems(wordings, context, paper_problems)


def _read(wordings: TemplateLoader) -> Iterator[TemplateProblem]:
    replaced = wordings.overridden()
    for name in own_names():
        if not name.endswith(_JINJA):
            continue
        if name in replaced:
            with step(name):
                notes = _misspelt(wordings, name)
            for line, message in notes:
                yield TemplateProblem(wordings.path_of(name), line, message)
        if wordings.uses(name).isdisjoint(replaced):
            continue
        for template, line, message in _hidden_blocks(wordings, name):
            if template in replaced:
                yield TemplateProblem(wordings.path_of(template), line, message)


def _misspelt(wordings: TemplateLoader, name: str) -> list[_Note]:
    """The syntax of one template, and its names; what a value has (``rupn.nom``) only an example can tell."""
    environment, tree = wordings.environment, wordings.tree(name)
    if notes := list(_unknown_filters(environment, tree)) if tree else []:
        return notes
    try:
        environment.get_template(name)
    except TemplateSyntaxError as error:
        return [(error.lineno, why(error))]
    return [*_unknown_variables(wordings, name, tree), *_unknown_values(tree)] if tree else []


def _unknown_filters(environment: Environment, tree: nodes.Template) -> Iterator[_Note]:
    for node in tree.find_all((nodes.Filter, nodes.Test)):
        label, known = (
            ("filtre", environment.filters) if isinstance(node, nodes.Filter) else ("test", environment.tests)
        )
        if node.name not in known:
            yield node.lineno, f"le {label} « {node.name} » n'existe pas{suggestion(node.name, known)}"


def _unknown_variables(wordings: TemplateLoader, name: str, tree: nodes.Template) -> Iterator[_Note]:
    """Yield the variables that no mail is given and no template sets for this one, each where it is read first.

    Which of the mails that share a part know a variable of it, only their examples can tell.
    """
    own, shared = given_to(name)
    elsewhere = {"self", "super"}
    for other in own_names():
        if other != name and (name in wordings.uses(other) or other in wordings.uses(name)):
            elsewhere |= _names_set(wordings.tree(other))
    unknown = meta.find_undeclared_variables(tree) - own - shared - elsewhere
    if not unknown:
        return
    # A block or a macro sees what the template around it sets, which Jinja's search does not know.
    in_blocks = {id(node) for block in tree.find_all((nodes.Block, nodes.Macro)) for node in block.find_all(nodes.Node)}
    around_blocks = _names_set(tree, in_blocks)
    in_scope = {
        id(node)
        for scope in tree.find_all((nodes.For, nodes.With, nodes.Macro, nodes.CallBlock))
        for node in scope.find_all(nodes.Name)
        if node.name in _names_set(nodes.Template(list(scope.iter_child_nodes(exclude=("body", "else_")))))
    }
    for node in tree.find_all(nodes.Name):
        if node.ctx != "load" or node.name not in unknown or id(node) in in_scope:
            continue
        if id(node) in in_blocks and node.name in around_blocks:
            continue
        unknown.remove(node.name)
        if node.name in wordings.environment.filters:
            message = f"« {node.name} » est un filtre : l'écrire après une barre, « valeur|{node.name} »"
        else:
            message = f"« {node.name} » n'existe pas{suggestion(node.name, own)}"
        yield node.lineno, message


def _names_set(tree: nodes.Template | None, but: Collection[int] = ()) -> set[str]:
    """Return the names that a template sets: loops and ``loop``, ``set``, ``with``, macros and imports.

    Nodes whose id is in ``but`` are left out.
    """
    names: set[str] = set()
    kinds = (nodes.Name, nodes.Macro, nodes.Import, nodes.FromImport)
    for node in tree.find_all(kinds) if tree else ():
        if id(node) in but:
            continue
        match node:
            case nodes.Name(name=name, ctx=ctx) if ctx != "load" or name == "loop":
                names.add(name)
            case nodes.Macro(name=name) | nodes.Import(target=name):
                names.add(name)
            case nodes.FromImport(names=imported):
                names |= {item if isinstance(item, str) else item[1] for item in imported}
    return names


def _unknown_values(tree: nodes.Template) -> Iterator[_Note]:
    """Yield the texts compared with a closed list (``kind``, ``one.action``) that are none of its values.

    No example shows it: the comparison merely never holds.
    """
    choices = choice_values()
    undeclared = meta.find_undeclared_variables(tree)
    for node in tree.find_all(nodes.Compare):
        match node.expr:
            case nodes.Name(name=name) if name in undeclared:
                known, written = choices.get(name, frozenset()), name
            case nodes.Getattr(node=nodes.Name(name=owner), attr=name):
                known, written = choices.get(name, frozenset()), f"{owner}.{name}"
            case _:
                continue
        for operand in node.ops if known else ():
            items = operand.expr.items if isinstance(operand.expr, nodes.List | nodes.Tuple) else [operand.expr]
            for item in items:
                if isinstance(item, nodes.Const) and isinstance(item.value, str) and item.value not in known:
                    message = f"« {item.value} » n'est pas une valeur de « {written} »"
                    yield item.lineno, f"{message}{suggestion(item.value, known)}"


def _hidden_blocks(wordings: TemplateLoader, name: str) -> Iterator[tuple[str, int | None, str]]:
    """Yield what a template would lose to the one that it extends, as (template, line, message): no example shows it.

    Text outside of its blocks, blocks that have no place there, and blocks that are required and missing.
    """
    ancestry: list[tuple[str, nodes.Template]] = []
    following = name
    while following not in dict(ancestry) and (tree := wordings.tree(following)):
        ancestry.append((following, tree))
        extends = tree.find(nodes.Extends)
        following = extends.template.value if extends and isinstance(extends.template, nodes.Const) else ""
    filled: set[str] = set()
    for position, (child, tree) in enumerate(ancestry[:-1], 1):
        parent = ancestry[position][0]
        places = {block.name for _, other in ancestry[position:] for block in other.find_all(nodes.Block)}
        for node in tree.body:
            if isinstance(node, nodes.Block) and node.name not in places:
                if child not in wordings.overridden() and parent in wordings.overridden():
                    yield parent, None, f"il manque le bloc « {node.name} », que d'autres modèles remplissent"
                    continue
                message = f"le bloc « {node.name} » n'existe pas dans {parent}{suggestion(node.name, places)}"
                yield child, node.lineno, message
            elif isinstance(node, nodes.Output):
                for part in node.nodes:
                    if not isinstance(part, nodes.TemplateData) or part.data.strip():
                        message = "ceci est hors des blocs et ne paraîtrait pas : le mettre dans un bloc"
                        yield child, part.lineno, message
                        break
        filled.update(block.name for block in tree.find_all(nodes.Block))
    for block in ancestry[-1][1].find_all(nodes.Block) if ancestry else ():
        if block.required and block.name not in filled and len(ancestry) > 1:
            yield name, None, f"il manque le bloc « {block.name} », que {ancestry[-1][0]} demande"


class ExampleCheck:
    """Make every example of a mail and of an export with the académie's templates and settings."""

    def __init__(self, wordings: TemplateLoader, context: MailContext) -> None:
        self._wordings, self._context = wordings, context
        self._replaced = frozenset(wordings.overridden())
        self._is_too_long = False
        self._names = {str(wordings.path_of(name)): name for name in self._replaced}

    def problems(self, unreadable: Collection[Path] = ()) -> Iterator[TemplateProblem]:
        """Yield what fails, with its file and line, in what uses a replaced template and no ``unreadable`` one."""

        def replaced_in(*names: str) -> frozenset[str]:
            used = self._replaced.intersection(chain.from_iterable(map(self._wordings.uses, names)))
            return used if not any(self._wordings.path_of(name) in unreadable for name in used) else frozenset()

        for kind in ALL_KINDS:
            if used := replaced_in(template_of(kind), FRAME):
                yield from self._mails(kind, used)
        for name, examples in ((REMOVALS, REMOVAL_LINES), (CODES, CODE_LINES)):
            if replaced_in(name):
                yield from self._exports(name, examples)

    def _mails(self, kind: AnyKind, used: frozenset[str]) -> Iterator[TemplateProblem]:
        renderer, own = Renderer(self._wordings), template_of(kind)
        culprit = own if own in used else min(used)
        for example, facts in examples_of(kind).items():
            if self._is_too_long:  # the others would be as long
                return
            try:
                with step(culprit):
                    renderer.words(kind, facts, self._context)
            except (Unrenderable, RecursionError, TooLong, MemoryError) as error:
                self._is_too_long = isinstance(error, TooLong)
                if isinstance(error, Unrenderable) and error.__cause__ is None:  # made, but not as it must be
                    message = f"{_required(kind, culprit)} (à l'essai avec l'exemple « {example} »)"
                    yield TemplateProblem(self._wordings.path_of(culprit), None, message)
                else:
                    yield self._failure(error, culprit, example)

    def _exports(self, name: str, examples: Sequence[object]) -> Iterator[TemplateProblem]:
        what, nothing = ("retraits", "aucun retrait") if name == REMOVALS else ("codes", "aucun code")
        for example, lines in ((what, examples), (nothing, ())):
            try:
                export_text(self._wordings, name, lines, DAY, self._context)
            except (*TEMPLATE_ERRORS, RecursionError, TooLong, MemoryError) as error:
                yield self._failure(error, name, example)

    def _failure(self, error: BaseException, culprit: str, example: str) -> TemplateProblem:
        cause = error.__cause__ or error
        template, line = self._place(cause) or (culprit, None)
        message = f"{why(cause)} (à l'essai avec l'exemple « {example} »)"
        return TemplateProblem(self._wordings.path_of(template), line, message)

    def _place(self, error: BaseException) -> tuple[str, int] | None:
        """Return the académie's template, and its line, where it happened; None when it was in none of them."""
        if isinstance(error, TemplateSyntaxError) and error.filename in self._names:
            return self._names[error.filename], error.lineno
        place = None
        trace: TracebackType | None = error.__traceback__
        while trace:
            if name := self._names.get(trace.tb_frame.f_code.co_filename):
                place = name, trace.tb_lineno
            trace = trace.tb_next
        return place


def _required(kind: AnyKind, culprit: str) -> str:
    """Say what the words of a mail must have."""
    if culprit == FRAME:
        return "il faut « {{ content }} » une seule fois : le texte du courriel, et le code qu'il porte"
    if kind not in (*CODE_KINDS, *LINK_KINDS):
        return (
            "il faut un objet à la première ligne, un seul bouton (« > »), et pas de « {{ slot }} » : ce courriel ne"
            " porte aucun code"
        )
    secret = "le code" if kind in CODE_KINDS else "le lien de connexion"
    return (
        f"il faut un objet, puis un seul « {{{{ slot }}}} », seul sur sa ligne, là où {secret} paraîtra : dans le texte"
        " comme dans l'HTML ; et un seul bouton (« > »)"
    )


def paper_problems(wordings: TemplateLoader, context: MailContext) -> list[TemplateProblem]:
    """List what is wrong with the papers that the académie replaces, made once with every example (R69).

    Empty, and nothing loaded, when it replaces none.
    """
    replaced = {name for name in wordings.overridden() if name.startswith("papers/")}
    if not replaced:
        return []
    problems: dict[tuple[str, int | None], TemplateProblem] = {}
    for error in (*_unmakeable(wordings, context, replaced), *_outdated(wordings, context, replaced)):
        file = error.file if error.file in replaced else min(replaced)
        problems.setdefault((file, error.line), TemplateProblem(wordings.path_of(file), error.line, error.why))
    return list(problems.values())


def _unmakeable(wordings: TemplateLoader, context: MailContext, replaced: set[str]) -> Iterator[PaperUnmakeable]:
    for example in (None, *EXAMPLES.values()):
        try:
            papers: tuple[Paper, ...] = (
                papers_of(*example, context, wordings)
                if example
                else tuple(make(context, wordings) for make in _WITHOUT_MAIL)
            )
            for paper in papers:
                if used := replaced & {COMMON, paper.name.template}:
                    with step(paper.name.template if paper.name.template in used else COMMON):
                        compile_paper(paper, _MADE_AT)
        except PaperUnmakeable as error:
            yield error


def _outdated(wordings: TemplateLoader, context: MailContext, replaced: set[str]) -> Iterator[PaperUnmakeable]:
    """A charter of another version than the setting's would be signed for nothing (R27)."""
    file = PaperName.CHARTER.template
    if file not in replaced:
        return
    try:
        version = charter_version(wordings.source(file))
    except PaperUnmakeable:
        return  # reported already: it is in every charter
    if version != context.charter_version:
        reason = (
            f"cette charte est en version {version}, et le réglage charter.version dit {context.charter_version} :"
            " corriger celui des deux qui est faux"
        )
        yield PaperUnmakeable(file, 1, reason)
