"""Every example of a mail made with the académie's templates: what fails is told with its file and line (R68)."""

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Final

from jinja2 import TemplateSyntaxError

from notifications.catalogue import template_of
from notifications.examples import examples_of
from notifications.rendering import FRAME, Renderer, Unrenderable
from notifications.surroundings import Surroundings
from notifications.vocabulary import CODE_KINDS, LINK_KINDS, AnyKind, Unstored
from notifications.wordings import Wordings
from notifications.wordings_finding import Finding
from notifications.wordings_french import trial_problem


class Trial:
    """Renders examples as the mail room does, with the settings of the installation."""

    def __init__(self, wordings: Wordings, here: Surroundings) -> None:
        self._renderer = Renderer(wordings)
        self._here = here
        self._names = {str(wordings.path_of(name)): name for name in wordings.overridden()}

    def findings(self, kind: AnyKind, used: set[str]) -> Iterator[Finding]:
        """What fails in the examples of a kind; ``used`` is the templates that it draws in."""
        for name, facts in examples_of(kind).items():
            try:
                if isinstance(kind, Unstored):
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
