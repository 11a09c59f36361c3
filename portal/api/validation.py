"""What is wrong with the form of a request, in French, field by field; never what was sent."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from portal.api.problems import Problem, ReasonOut, of_form, problem_of
from states.vocabulary import Trigger

MOST: Final = 50
_LONGEST_PART: Final = 60
_TRIGGERS: Final = frozenset(trigger.value for trigger in Trigger)
_PLACES: Final = ("body", "query", "path", "header")
_WORDS: Final = {
    "missing": ("Ce champ manque", "L'ajouter."),
    "extra_forbidden": ("Ce champ n'est pas connu", "Le retirer, ou vérifier son nom."),
    "string_type": ("Il faut un texte", "L'écrire entre guillemets."),
    "string_unicode": ("Ce texte contient la moitié d'un caractère (U+D800 à U+DFFF)", "La retirer."),
    "oda_text": ("Ce texte contient un caractère que rien ne peut garder (U+0000)", "Le retirer."),
    "string_too_long": ("Ce texte est trop long", "Le raccourcir : {max_length} caractères au plus."),
    "string_too_short": ("Ce texte est trop court", "Au moins {min_length}."),
    "string_pattern_mismatch": ("Cette valeur n'a pas la forme attendue", "Forme attendue : {pattern}"),
    "bool_type": ("Il faut true ou false", "L'écrire sans guillemets."),
    "bool_parsing": ("Il faut true ou false", "Corriger cette valeur."),
    "int_type": ("Il faut un nombre entier", "L'écrire sans guillemets ni décimales."),
    "int_parsing": ("Il faut un nombre entier", "Corriger cette valeur."),
    "int_parsing_size": ("Ce nombre est trop grand", "Corriger cette valeur."),
    "greater_than_equal": ("Ce nombre est trop petit", "Au moins {ge}."),
    "less_than_equal": ("Ce nombre est trop grand", "Au plus {le}."),
    "enum": ("Cette valeur n'est pas de la liste", "Valeurs possibles : {expected}."),
    "literal_error": ("Cette valeur n'est pas celle attendue", "Valeur attendue : {expected}."),
    "too_long": ("Cette liste est trop longue", "Au plus {max_length} éléments."),
    "too_short": ("Cette liste est trop courte", "Au moins {min_length}."),
    "list_type": ("Il faut une liste", "L'écrire entre crochets."),
    "union_tag_invalid": ("Cette action n'existe pas", "Valeurs possibles : {expected_tags}."),
    "union_tag_not_found": ("Il manque « trigger »", "Dire de quelle action il s'agit."),
}
_OTHER: Final = ("Cette valeur n'est pas celle attendue", "Corriger cette valeur.")
_OBJECT: Final = ("Il faut un objet JSON", "L'écrire entre accolades.")


def invalid(errors: Iterable[Mapping[str, Any]]) -> Problem:
    """The problem that pydantic's errors make, at most ``MOST`` of them."""
    reasons = [_reason(error) for _, error in zip(range(MOST), errors, strict=False)]
    return problem_of(reasons, 422)


def _reason(error: Mapping[str, Any]) -> ReasonOut:
    kind = str(error["type"])
    message, remedy = _words(kind, str(error.get("msg", "")))
    told = {name: str(value).replace(" or ", " ou ") for name, value in (error.get("ctx") or {}).items()}
    return of_form(f"form_{kind.removeprefix('oda_')}", message, remedy.format_map(_Told(told)), _path(error["loc"]))


class _Told(dict[str, str]):
    """What the error says of its bounds; nothing for what it does not say."""

    def __missing__(self, key: str) -> str:
        return "?"


def _words(kind: str, message: str) -> tuple[str, str]:
    if kind.startswith("oda_") and kind not in _WORDS:
        return "Cette valeur n'a pas la forme attendue", f"{message}."
    if kind in ("model_attributes_type", "model_type", "dict_type"):
        return _OBJECT
    return _WORDS.get(kind, _OTHER)


def _path(loc: Iterable[Any]) -> str | None:
    """``commands.0.uai``: without the place, nor the tag that tells two bodies apart, nor a long name that was sent."""
    parts = list(loc)
    if parts and parts[0] in _PLACES:
        parts = parts[1:]
    kept = [
        str(part)[:_LONGEST_PART]
        for before, part in zip([None, *parts], parts, strict=False)
        if not (isinstance(before, int) and part in _TRIGGERS)
    ]
    return ".".join(kept) or None
