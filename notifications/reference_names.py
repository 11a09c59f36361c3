"""What the template of a mail may use, name by name, with its type, its meaning and an example (R68)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, is_dataclass, replace
from datetime import date
from enum import Enum
from types import NoneType
from typing import Any, Final, get_args, get_origin

from notifications import exports
from notifications import reference_words as words
from notifications.catalogue import facts_class
from notifications.examples import DOCUMENTED, SURROUNDINGS, examples_of
from notifications.examples_exports import DAY, REMOVALS
from notifications.surroundings import Surroundings
from notifications.vocabulary import AnyKind, Kind
from notifications.wordings_types import FRAME_NAMES, item, members, plain
from states import french
from states.vocabulary import Labelled

_PLAIN: Final[Mapping[Any, str]] = {str: "texte", int: "nombre", bool: "oui ou non", date: "date"}
FRAME_EXAMPLES: Final[Mapping[str, str]] = {
    "subject": "[Clé ODA] Claire Martin : délégation enregistrée",
    "title": "Claire Martin : délégation enregistrée",
    "preview": "La délégation du module est enregistrée.",
    "content": "<p>…</p>",
    "foot": "<table>…</table>",
    "signature": SURROUNDINGS.signature,
    "academie": SURROUNDINGS.academie,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """A name that a template may write, ``rupn.full``; inside a loop over ``loop`` it is written ``one.rupn.full``."""

    name: str
    type: str
    meaning: str
    example: str
    loop: str = ""


def facts_of(kind: AnyKind) -> list[Known]:
    """What is known in the mails of this kind beside what all are given; the fields of records follow them."""
    return list(_of_record(facts_class(kind), "", list(examples_of(kind).values())))


def settings() -> list[Known]:
    """What every mail knows of the installation."""
    return list(_of_record(Surroundings, "here.", [DOCUMENTED]))


def frame() -> list[Known]:
    """What the HTML page is given."""
    return [Known(name=name, type="HTML", meaning=words.FRAME[name], example=FRAME_EXAMPLES[name])
            for name in FRAME_NAMES]  # fmt: skip


def of_export() -> list[Known]:
    """What the export of removals is given; the settings are those of every mail."""
    given = {"lines": "liste de fiches", "today": _PLAIN[date], "here": "fiche"}
    told = {name: Known(name=name, type=kind, meaning=words.EXPORT[name], example="") for name, kind in given.items()}
    told["today"] = replace(told["today"], example=french.day(DAY))
    return [told["lines"], *_of_record(exports.Removal, "one.", list(REMOVALS), "lines"), told["today"], told["here"]]


def shared() -> dict[str, list[Known]]:
    """The records that most mails have, each under the name by which they have it."""
    told = facts_of(Kind.DECLARED)
    return {
        name: [one for one in told if one.name.startswith(f"{name}.")] for name in ("establishment", "rupn", "year")
    }


def _of_record(record: Any, prefix: str, values: list[Any], loop: str = "") -> Iterator[Known]:
    for name, hint in members(record).items():
        told = [value for value in (getattr(one, name) for one in values) if value not in ("", None, ())] or [None]
        is_property = isinstance(getattr(record, name, None), property)
        written = f"facts.{name}" if is_property and not prefix else f"{prefix}{name}"
        yield Known(
            name=written, type=type_in_french(hint), meaning=words.meaning(record, name), example=_shown(told[0]),
            loop=loop,
        )  # fmt: skip
        if is_dataclass(inner := plain(hint)):
            yield from _of_record(inner, f"{written}.", [one for one in told if one is not None], loop)
        elif is_dataclass(inner := item(hint)) and not is_property:
            items = [one for value in told if value for one in value]
            yield from _of_record(inner, "one.", items, written)


def type_in_french(hint: Any) -> str:
    """``texte``, ``date, ou rien``, ``liste de fiches``: what a type is for somebody who writes templates."""
    kind = plain(hint)
    if get_origin(kind) is tuple:
        return "liste de fiches" if is_dataclass(item(kind)) else "liste de textes"
    if is_dataclass(kind):
        said = "fiche"
    elif isinstance(kind, type) and issubclass(kind, Enum):
        said = "choix"
    else:
        said = _PLAIN.get(kind, "valeur")
    return f"{said}, ou rien" if NoneType in get_args(hint) else said


def choices_of(kind: AnyKind) -> dict[str, tuple[Labelled, ...]]:
    """The values that the closed lists of a mail may have, to be compared with ``==``."""
    return choices_in(facts_class(kind))


def choices_in(record: Any) -> dict[str, tuple[Labelled, ...]]:
    """The same for any record."""
    closed = {name: plain(hint) for name, hint in members(record).items()}
    return {name: tuple(one) for name, one in closed.items() if isinstance(one, type) and issubclass(one, Labelled)}


def _shown(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "oui" if value else "non"
        case Labelled():
            return str(value.value)
        case date():
            return french.day(value)
        case tuple():
            return "" if any(is_dataclass(one) for one in value) else french.listing([str(one) for one in value])
    return "" if is_dataclass(value) else str(value)
