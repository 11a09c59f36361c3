"""What PyYAML says in English of a broken file, in French and with what to do."""

from typing import Any

import yaml
from yaml.reader import ReaderError

from workflow.settings.problems import Problem

_FRENCH = (
    ("found character '\\t'", "une tabulation ; mettre des espaces à la place"),
    (
        "that cannot start any token",
        "une valeur commence par un caractère que YAML réserve (@, %, `…) ; la mettre entre guillemets",
    ),
    (
        "mapping values are not allowed",
        "deux-points inattendus ; vérifier le retrait de la ligne, ou mettre la valeur entre guillemets",
    ),
    ("could not find expected ':'", "il manque deux-points (:) après une clé"),
    ("while scanning a quoted scalar", "un guillemet ouvert n'est pas refermé"),
    ("while scanning a double-quoted scalar", "une barre oblique inverse mal employée entre guillemets doubles"),
    ("while parsing a flow", "un crochet ou une accolade n'est pas bien refermé"),
    ("while parsing a block", "le retrait de cette ligne ne va pas avec celui des lignes voisines"),
    ("but found another document", "un seul document est admis ; ôter la ligne « --- »"),
    ("duplicate anchor", "les ancres YAML (&nom) ne sont pas admises"),
)
_OTHERWISE = "ce n'est pas du YAML ; vérifier le retrait, les deux-points et les guillemets"


class NotAllowed(yaml.MarkedYAMLError):
    """Valid YAML that a settings file may not use; ``problem`` says which, in French."""

    def __init__(self, problem: str, mark: Any) -> None:
        super().__init__(problem=problem, problem_mark=mark)


def french_problem(error: yaml.YAMLError, text: str) -> Problem:
    """Where and why this text is not the YAML that a settings file may be."""
    if isinstance(error, ReaderError):
        found = text.count("\n", 0, error.position) + 1
        return Problem(found, "", "un caractère invisible que YAML n'admet pas ; retaper cette ligne")
    if not isinstance(error, yaml.MarkedYAMLError):
        return Problem(None, "", _OTHERWISE)
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else None
    if isinstance(error, NotAllowed):
        return Problem(line, "", str(error.problem))
    said = f"{error.context} {error.problem}"
    return Problem(line, "", next((french for english, french in _FRENCH if english in said), _OTHERWISE))
