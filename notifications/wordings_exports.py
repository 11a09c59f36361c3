"""The académie's form of an export tried with examples, before anybody downloads one (R68, R83)."""

from collections.abc import Iterator, Sequence
from typing import Final

from notifications.examples_exports import DAY
from notifications.examples_exports import REMOVALS as EXAMPLES
from notifications.exports import REMOVALS, Removal, Unexportable, removals
from notifications.surroundings import Surroundings
from notifications.wordings import Wordings
from notifications.wordings_finding import Finding
from notifications.wordings_french import trial_problem
from notifications.wordings_trial import place_of

_TRIALS: Final[tuple[tuple[str, Sequence[Removal]], ...]] = (("retraits", EXAMPLES), ("aucun retrait", ()))


class _Lines:
    """As an export gives them: they are taken one by one, and nobody knows how many there are."""

    def __init__(self, lines: Sequence[Removal]) -> None:
        self._lines = lines

    def __iter__(self) -> Iterator[Removal]:
        return iter(self._lines)


def export_findings(wordings: Wordings, here: Surroundings) -> Iterator[Finding]:
    """What fails when the export of removals is made of the examples."""
    names = {str(wordings.path_of(name)): name for name in wordings.overridden()}
    for example, lines in _TRIALS:
        try:
            for _ in removals(wordings, _Lines(lines), DAY, here):
                pass
        except (Unexportable, RecursionError) as error:
            cause = error.__cause__ or error
            template, line = place_of(cause, names) or (REMOVALS, None)
            yield Finding(template, line, trial_problem(cause, example))
