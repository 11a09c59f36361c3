"""What Jinja says of a template, in French."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from jinja2 import TemplateNotFound, TemplateSyntaxError, UndefinedError
from jinja2.exceptions import SecurityError
from jinja2.sandbox import MAX_RANGE

from states import french

_LONG: Final = 24
"""More names than this are no help: only the close ones are told."""
_TOKENS: Final = {
    "name": "un nom",
    "string": "un texte",
    "integer": "un nombre",
    "end of print statement": "}}",
    "end of statement block": "%}",
    "begin of print statement": "{{",
    "begin of statement block": "{%",
    "end of template": "la fin du modèle",
}
_INSTRUCTIONS: Final = (
    "autoescape", "block", "call", "elif", "else", "extends", "filter", "for", "from", "if", "import", "include",
    "macro", "print", "raw", "set", "with",
)  # fmt: skip
_SYNTAX: Final = (
    (r"Encountered unknown tag '(.+?)'\..*looking for (?:the following tags: )?(.+?)\. The innermost .* is '(.+?)'\.?",
     "« {{% {0} %}} » n'a pas sa place ici : « {{% {2} %}} » attend {1}"),
    (r"Encountered unknown tag '(.+?)'\.?.*", "« {{% {0} %}} » n'a pas sa place ici"),
    (r"Unexpected end of template\. .*following tags: (.+?)\. The innermost .* is '(.+?)'\.?",
     "« {{% {1} %}} » n'est pas fermé : il manque {0}"),
    (r"Unexpected end of template.*", "le modèle finit au milieu d'une instruction"),
    (r"unexpected end of template.*", "le modèle finit au milieu d'une instruction"),
    (r"expected token '(.+?)', got '(.+?)'", "« {0} » est attendu ici, pas « {1} »"),
    (r"unexpected char (.+?) at \d+", "le caractère {0} n'a pas sa place ici"),
    (r"unexpected '(.+?)'(?:, expected '(.+?)')?", "« {0} » n'a pas sa place ici"),
    (r"Missing end of comment tag", "ce commentaire n'est pas fermé : il manque « #}} »"),
    (r"Missing end of raw directive", "« {{% raw %}} » n'est pas fermé"),
    (r"No filter named '(.+?)'\.?.*", "le filtre « {0} » n'existe pas"),
    (r"No test named '(.+?)'\.?.*", "le test « {0} » n'existe pas"),
    (r"block '(.+?)' defined twice", "le bloc « {0} » est écrit deux fois"),
    (r"[Ee]xpected an expression, got '(.+?)'", "une valeur est attendue ici, pas « {0} »"),
    (r"tag name expected", "il manque le nom de l'instruction après « {{% »"),
)  # fmt: skip


def syntax_problem(error: TemplateSyntaxError) -> str:
    """What is not written as it must be."""
    said = (error.message or "").replace("\n", " ")
    if (tag := re.match(r"Encountered unknown tag '(.+?)'", said)) and tag[1].removeprefix("end") not in _INSTRUCTIONS:
        return f"l'instruction « {{% {tag[1]} %}} » n'existe pas"
    for pattern, words in _SYNTAX:
        if found := re.fullmatch(pattern, said):
            return words.format(*map(_in_french, found.groups("")))
    return f"le modèle n'est pas bien écrit ({said})"


def _in_french(part: str) -> str:
    """A token, or the tags that could stand there: ``'elif' or 'endif'``."""
    if part in _TOKENS:
        return _TOKENS[part]
    return re.sub(r"'(\w+)'", r"« {% \1 %} »", part).replace(" or ", " ou ")


def trial_problem(error: BaseException, example: str) -> str:
    """Why the mail of an example cannot be made."""
    return f"{why(error)} (à l'essai avec l'exemple « {example} »)"


def why(error: BaseException) -> str:
    """Why a template cannot be filled."""
    match error:
        case TemplateSyntaxError():
            return syntax_problem(error)
        case SecurityError():
            return "cette ligne emploie ce qui est interdit à un modèle"
        case TemplateNotFound():
            return f"le modèle « {error.name} » n'existe pas"
        case UndefinedError():
            return f"cette ligne emploie ce qui n'existe pas : {_undefined(str(error))}"
        case RecursionError():
            return "le modèle s'appelle lui-même sans fin"
        case OverflowError():
            return f"cette ligne demande trop de tours ou un trop grand nombre ({MAX_RANGE} tours au plus)"
    if "NoneType" in str(error):
        return "cette ligne emploie une valeur qui peut manquer : l'entourer de « {% if … %} »"
    return f"cette ligne ne peut pas être calculée ({type(error).__name__} : {error})"


def _undefined(said: str) -> str:
    found = re.search(r"(?:attribute|element) '(.+?)'$|^'(.+?)' is undefined$", said)
    return f"« {found[1] or found[2]} »" if found else said


def suggestion(wrong: str, known: Iterable[str], *, named: str = "ce qu'il peut employer ici") -> str:
    """« ; vouliez-vous dire … ? … » and all that could have been written, less what Jinja itself gives."""
    names = sorted(one for one in known if not one.startswith("_"))
    if not names:
        return ""
    close = get_close_matches(wrong, names, n=2, cutoff=0.6)
    meant = f" ; vouliez-vous dire {french.listing([f'« {one} »' for one in close], 'ou')} ?" if close else " ;"
    if len(names) > _LONG:
        return meant if close else ""
    return f"{meant} {named[:1].upper() if close else named[:1]}{named[1:]} : {', '.join(names)}"
