"""docs/modeles.md, written from the code: ``python -m notifications.authoring.reference > docs/modeles.md`` (R68)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from notifications.authoring import reference_texts as words
from notifications.authoring.examples import DAY, DOCUMENTED, EXAMPLES, MAIL_CONTEXT, examples_of
from notifications.authoring.examples import REMOVAL_LINES as REMOVALS
from notifications.authoring.reference_texts import EXPORTS, INTRODUCTION, PAPERS, TITLES
from notifications.messages.catalogue import CATALOGUE, MailContext, facts_class, template_of
from notifications.messages.facts import Late
from notifications.rendering import exports
from notifications.rendering.environment import TemplateLoader, own_names, own_wordings
from notifications.rendering.exports import Removal
from notifications.rendering.papers import COMMON, papers_of
from notifications.rendering.renderer import FRAME
from notifications.vocabulary import AnyKind, Audience, Kind, TransientMail
from states import french
from states.vocabulary import Labelled

# What the template of a mail may use, name by name, with its type, its meaning and an example (R68).


ALL_KINDS: Final[tuple[AnyKind, ...]] = (*Kind, *TransientMail)


_PLAIN: Final[Mapping[Any, str]] = {str: "texte", int: "nombre", bool: "oui ou non", date: "date"}


FRAME_EXAMPLES: Final[Mapping[str, str]] = {
    "subject": "[Clé ODA] Claire Martin : délégation enregistrée",
    "title": "Claire Martin : délégation enregistrée",
    "preview": "La délégation du module est enregistrée.",
    "content": "<p>…</p>",
    "foot": "<table>…</table>",
    "signature": MAIL_CONTEXT.signature,
    "academie": MAIL_CONTEXT.academie,
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
    return list(_of_record(MailContext, "here.", [DOCUMENTED]))


def frame() -> list[Known]:
    """What the HTML page is given."""
    return [Known(name=name, type="HTML", meaning=words.FRAME[name], example=FRAME_EXAMPLES[name])
            for name in words.FRAME]  # fmt: skip


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


@cache
def members(record: Any) -> dict[str, Any]:
    """The fields and then the properties of a frozen record, with their types."""
    hints = get_type_hints(record)
    found = {field.name: hints[field.name] for field in fields(record)}
    for owner in reversed(record.__mro__):
        for name, value in vars(owner).items():
            if isinstance(value, property) and not name.startswith("_"):
                found[name] = get_type_hints(value.fget)["return"]
    return found


def plain(hint: Any) -> Any:
    """A type without ``None``."""
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (option for option in get_args(hint) if option is not NoneType)
    return hint


def item(hint: Any) -> Any:
    """The type of what a tuple holds; None for any other type."""
    return get_args(plain(hint))[0] if get_origin(plain(hint)) is tuple else None


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


def given_to(name: str) -> tuple[frozenset[str], frozenset[str]]:
    """The variables that a template is always given, and those that it may also ask for: what some mail is given."""
    if name in (FRAME, exports.REMOVALS):
        return frozenset(words.FRAME if name == FRAME else words.EXPORT), frozenset()
    given = {kind: frozenset(field.name for field in fields(facts_class(kind))) for kind in ALL_KINDS}
    kind = kind_of(name)
    users = [given[kind]] if kind else [given[user] for user in users_of(name)]
    return frozenset(words.ALWAYS).union(frozenset.intersection(*users) if users else ()), frozenset().union(
        *given.values()
    )


def choice_values() -> dict[str, frozenset[str]]:
    """The values that each closed list may have, by the name of its fact, whatever the mail or the export."""
    values = {"kind": {kind.value for kind in ALL_KINDS}}
    for record in (*(entry.facts for entry in CATALOGUE.values()), Late, Removal):
        for name, choices in choices_in(record).items():
            values.setdefault(name, set()).update(choice.value for choice in choices)
    return {name: frozenset(choices) for name, choices in values.items()}


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


# Which templates draw in which: who is concerned when one is replaced (R68).


_SHORT = (("mails/", ".j2"), ("mails/", ".html.j2"), ("mails/parts/", ".j2"), ("exports/", ".j2"), ("papers/", ".typ"))


def title_of(name: str) -> str:
    """What a template is, in French."""
    return TITLES[name]


def full_name(written: str) -> str | None:
    """The template meant by ``declared`` or ``mails/declared.j2``; None when there is no such one."""
    known = own_names()
    candidates = (written, f"mails/{written}", *(f"{folder}{written}{ending}" for folder, ending in _SHORT))
    spelled = (one for candidate in candidates for one in (candidate, candidate.replace("-", "_")))
    return next((one for one in spelled if one in known), None)


def kind_of(name: str) -> AnyKind | None:
    """The kind of mail whose own template this is; None for a part, the layout, a paper."""
    return next((kind for kind in ALL_KINDS if template_of(kind) == name), None)


@cache
def users_of(name: str) -> tuple[Kind, ...]:
    """The mails that draw in this template, with this package's own templates."""
    return tuple(kind for kind in Kind if name == FRAME or name in own_wordings().uses(template_of(kind)))


def papers_with(name: str) -> tuple[Kind, ...]:
    """The mails to which the paper of this template is attached; all of them for what papers share."""
    wordings = TemplateLoader()
    found = dict.fromkeys(
        kind
        for kind, facts in EXAMPLES.values()
        for paper in papers_of(kind, facts, MAIL_CONTEXT, wordings)
        if name in (COMMON, paper.name.template)
    )
    return tuple(kind for kind in Kind if kind in found)


_HEADINGS = "| on écrit | type | sens | exemple |\n|---|---|---|---|"


def reference_text() -> str:
    """The whole document; a test compares it with the file."""
    return (
        "\n".join(
            [INTRODUCTION, *_common(), *_mails(), *_shared_templates(), PAPERS, *_papers(), EXPORTS, *_exports()]
        ).rstrip("\n")
        + "\n"
    )


def _common() -> Iterator[str]:
    yield "## Ce que tout courriel connaît\n"
    yield "| on écrit | sens |\n|---|---|"
    yield from (f"| `{name}` | {meaning} |" for name, meaning in words.ALWAYS.items())
    yield "\nLes réglages de l'académie :\n"
    yield from _table(settings())
    yield "\nCes fiches sont les mêmes partout où leur nom paraît :\n"
    yield from _table(one for told in shared().values() for one in told)
    yield "\nLes filtres du logiciel, à côté de ceux de Jinja :\n"
    yield "| filtre | ce qu'il donne | on écrit |\n|---|---|---|"
    yield from (f"| `{name}` | {gives} | `{_cell(use)}` |" for name, (gives, use) in words.FILTERS.items())
    yield ""


def _mails() -> Iterator[str]:
    yield "## Les courriels\n"
    for kind, entry in CATALOGUE.items():
        to = "aux opérateurs" if entry.audience is Audience.OPERATORS else "à l'établissement"
        to = "à l'opérateur ou au lecteur qui se connecte" if kind is Kind.SIGN_IN_RECTORAT else to
        yield f"### {kind.value}\n"
        code = ", porte un code" if entry.has_code else ", porte un lien de connexion" if entry.has_link else ""
        yield f"« {french_title(kind)} », {to}. Fichier : `{entry.template}`{code}.\n"
        yield from _facts(kind)
    check = TransientMail.CHECK
    yield f"### {check.value}\n"
    yield f"« {french_title(check)} », à qui lance `oda mail check`. Fichier : `{template_of(check)}`.\n"
    yield from _facts(check)


def _facts(kind: AnyKind) -> Iterator[str]:
    yield from _table(one for one in facts_of(kind) if not _is_within(one))
    for name, values in choices_of(kind).items():
        told = ", ".join(f'"{one.value}" ({one.label})' for one in values)
        yield f"\nValeurs de `{{{{ {name} }}}}` : {told}."
    yield ""


def french_title(kind: AnyKind) -> str:
    """The title of a kind, with its capital."""
    return kind.label[:1].upper() + kind.label[1:]


def _shared_templates() -> Iterator[str]:
    yield "## Ce que les courriels partagent\n"
    yield "| fichier | ce que c'est | employé par |\n|---|---|---|"
    for name in own_names():
        if name.startswith("mails/") and not kind_of(name):
            yield f"| `{name}` | {title_of(name)} | {used_by(name)} |"
    yield "\nUn morceau, ou la charpente, connaît ce que connaît chaque courriel qui l'emploie.\n"
    yield "La page HTML connaît :\n"
    yield from _table(frame())
    yield ""


def used_by(name: str) -> str:
    """Which mails a template concerns, in words; empty for none."""
    users = users_of(name)
    return "tous les courriels" if len(users) == len(Kind) else french.listing([kind.value for kind in users])


def _papers() -> Iterator[str]:
    yield "| fichier | ce que c'est | joint à |\n|---|---|---|"
    for name in own_names():
        if name.startswith("papers/"):
            kinds = french.listing([kind.value for kind in papers_with(name)])
            yield f"| `{name}` | {title_of(name)} | {kinds} |"


def _exports() -> Iterator[str]:
    yield from _table(of_export())
    for name, values in choices_in(Removal).items():
        told = ", ".join(f'"{one.value}" ({one.label})' for one in values)
        yield f"\nValeurs de `{{{{ one.{name} }}}}` : {told}."


def _table(rows: Iterable[Known]) -> Iterator[str]:
    yield _HEADINGS
    loops = set[str]()
    for one in rows:
        if one.loop and one.loop not in loops:
            loops.add(one.loop)
            yield f"| `{{% for one in {one.loop} %}}` | | pour chacun : | |"
        yield f"| `{{{{ {one.name} }}}}` | {one.type} | {one.meaning} | {_cell(one.example)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace(">", "&gt;")


def _is_within(one: Known) -> bool:
    """Whether it is a field of a record that the document describes once."""
    return "." in one.name.removeprefix("one.").removeprefix("facts.")


if __name__ == "__main__":
    print(reference_text(), end="")  # noqa: T201
