"""docs/modeles.md, written from the code: ``python -m notifications.authoring.reference > docs/modeles.md`` (R68).

Each value's meaning stands beside its field (``Doc``); the prose around the tables is in reference.md.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from enum import Enum
from functools import cache
from importlib.resources import files
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from notifications.authoring.examples import (
    CODE_LINES,
    DAY,
    DOCUMENTED,
    EXAMPLES,
    MAIL_CONTEXT,
    REMOVAL_LINES,
    examples_of,
)
from notifications.messages.catalogue import CATALOGUE, MailContext, facts_class, template_of
from notifications.messages.facts import Doc, Late
from notifications.rendering.environment import own_names, own_wordings
from notifications.rendering.papers import COMMON, papers_of
from notifications.rendering.renderer import CODES, FRAME, REMOVALS, DrawnCode, Removal
from notifications.vocabulary import AnyKind, Audience, Kind, TransientMail
from states import french
from states.vocabulary import Labelled

ALL_KINDS: Final[tuple[AnyKind, ...]] = (*Kind, *TransientMail)

TITLES: Final[Mapping[str, str]] = {
    "mails/layout.j2": "charpente de tous les courriels : formule d'appel, signature, pied",
    "mails/frame.html.j2": "page HTML autour de tous les courriels",
    "mails/parts/by_operator.j2": "morceau : étape enregistrée par le rectorat",
    "mails/parts/delegates.j2": "morceau : les délégations à retirer, nommées",
    "mails/parts/documentation.j2": "morceau : la documentation, en liens et en pièces jointes",
    "mails/parts/handover.j2": "morceau : le code et sa remise en main propre",
    "mails/parts/remove_delegation.j2": "morceau : délégation à retirer dans DelegCE",
    "mails/parts/late.j2": "morceau : des demandes en retard, les plus anciennes nommées",
    "mails/parts/reminders.j2": "morceau : plusieurs demandes rappelées ensemble",
    "mails/parts/rupns.j2": "morceau : liste des RUPN",
    "mails/parts/sign_in.j2": "morceau : le lien de connexion et sa durée",
    "mails/parts/year.j2": "morceau : l'année scolaire et son dernier jour",
    "exports/removals.j2": "export : les retraits à faire sur le serveur ODA",
    "exports/codes.j2": "export : les codes tirés, pour la console du serveur ODA",
    "papers/charter.typ": "document : charte à signer",
    "papers/common.typ": "document : mise en page commune",
    "papers/figures.typ": "document : les chiffres de l'académie",
    "papers/first_connection.typ": "document : fiche de première connexion du RUPN",
    "papers/handover_slip.typ": "document : bordereau de remise",
    "papers/year_end_report.typ": "document : bilan de fin d'année",
} | {template_of(kind): f"courriel : {kind.label}" for kind in ALL_KINDS}
"""Each template, in French."""

ALWAYS: Final = {
    "kind": "le genre du courriel",
    "has_code": "le courriel porte-t-il un code ?",
    "for_operators": "est-il pour les opérateurs du rectorat ?",
    "here": "les réglages de l'académie",
    "slot": "la place du code ou du lien de connexion, à mettre seule sur sa ligne ; une seule fois dans un courriel"
    " qui en porte un, jamais ailleurs",
    "facts": "tous les faits de ce courriel, sous un seul nom",
}
"""The variables of every mail beside its own facts, with their meaning."""

PAGE: Final = {
    "subject": ("l'objet du courriel", "[Clé ODA] Claire Martin : délégation enregistrée"),
    "title": ("l'objet sans son préfixe entre crochets", "Claire Martin : délégation enregistrée"),
    "preview": ("la première phrase, que montrent les listes de courriels", "La délégation du module est enregistrée."),
    "content": ("le texte du courriel (indispensable)", "<p>…</p>"),
    "foot": ("le pied : références et mentions ; parfois vide", "<table>…</table>"),
    "signature": ("le nom du service", MAIL_CONTEXT.signature),
    "academie": ("le nom de l'académie", MAIL_CONTEXT.academie),
    "academie_de": ("le même après « académie »", french.de(MAIL_CONTEXT.academie)),
}
"""The variables of the HTML page, with their meaning and an example."""

EXPORT: Final = ("lines", "today", "here")
"""The variables of an export."""

FILTERS: Final = {
    "day": ("une date en toutes lettres", "{{ year.last_day|day }}"),
    "number": ("un nombre, ses milliers séparés : 1\u202f204", "{{ removals|number }}"),
    "plural": ("un nombre et son nom, accordé ; le pluriel se donne s'il n'est pas en s",
               '{{ days_left|plural("jour") }}'),
    "listing": ("une liste en une phrase : a, b et c", "{{ kept_for|listing }}"),
    "de": ("« de » devant un nom, élidé s'il le faut", "{{ here.academie|de }}"),
    "lower_first": ("la première lettre en minuscule", "{{ why|lower_first }}"),
    "short_day": ("une date en chiffres, 31/08/2027 ; rien si elle manque", "{{ year.last_day|short_day }}"),
    "iso_day": ("une date pour un programme, 2027-08-31 ; rien si elle manque", "{{ year.last_day|iso_day }}"),
    "csv": ("une valeur dans une case d'un fichier CSV : guillemets s'il en faut, rien qui passe pour une formule, rien"
            " pour ce qui manque, 31/08/2027 pour une date", "{{ one.expires_on|csv }}"),
}  # fmt: skip
"""The filters of this software, beside Jinja's own: what each gives, and how it is written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Variable:
    """A name that a template may write, ``rupn.full``; inside a loop over ``loop`` it is written ``one.rupn.full``."""

    name: str
    type: str
    meaning: str
    example: str
    loop: str = ""


def mail_variables(kind: AnyKind) -> list[Variable]:
    """The facts of a mail, beside what all are given; the fields of records follow them."""
    return list(_record_variables(facts_class(kind), "", list(examples_of(kind).values())))


def settings_variables() -> list[Variable]:
    """The settings of the installation, as every mail has them."""
    return list(_record_variables(MailContext, "here.", [DOCUMENTED]))


def page_variables() -> list[Variable]:
    """The variables of the HTML page around every mail."""
    return [
        Variable(name=name, type="HTML", meaning=meaning, example=example) for name, (meaning, example) in PAGE.items()
    ]


def export_variables() -> list[Variable]:
    """The variables of the export of removals; the settings are those of every mail."""
    lines, today, context = EXPORT
    return [
        Variable(name=lines, type="liste de fiches", meaning="les retraits à faire, dans l'ordre des références",
                 example=""),
        *_record_variables(Removal, "one.", list(REMOVAL_LINES), lines),
        Variable(name=today, type="date", meaning="le jour de l'export", example=french.day(DAY)),
        Variable(name=context, type="fiche", meaning=ALWAYS["here"], example=""),
    ]  # fmt: skip


def code_export_variables() -> list[Variable]:
    """The variables of the file of drawn codes."""
    lines, meaning = EXPORT[0], "les codes tirés, dans l'ordre des références"
    return [
        Variable(name=lines, type="liste de fiches", meaning=meaning, example=""),
        *_record_variables(DrawnCode, "one.", list(CODE_LINES), lines),
        *(variable for variable in export_variables() if variable.name in EXPORT[1:]),
    ]


def given_to(name: str) -> tuple[frozenset[str], frozenset[str]]:
    """The variables that a template is always given, and those that it may also ask for: what some mail is given."""
    if name in (FRAME, REMOVALS, CODES):
        return frozenset(PAGE if name == FRAME else EXPORT), frozenset()
    names = {kind: frozenset(field.name for field in fields(facts_class(kind))) for kind in ALL_KINDS}
    kind = kind_of(name)
    users = [names[kind]] if kind else [names[user] for user in users_of(name)]
    always = frozenset.intersection(*users) if users else frozenset[str]()
    return always.union(ALWAYS), frozenset[str]().union(*names.values())


def choices_in(record: Any) -> dict[str, tuple[Labelled, ...]]:
    """The values that the closed lists of a record may have, to be compared with ``==``."""
    closed = {name: _without_none(hint) for name, (hint, _) in members(record).items()}
    return {name: tuple(hint) for name, hint in closed.items() if isinstance(hint, type) and issubclass(hint, Labelled)}


def choice_values() -> dict[str, frozenset[str]]:
    """The values that each closed list may have, by the name of its fact, whatever the mail or the export."""
    values = {"kind": {kind.value for kind in ALL_KINDS}}
    for record in (*(entry.facts for entry in CATALOGUE.values()), Late, Removal):
        for name, choices in choices_in(record).items():
            values.setdefault(name, set()).update(choice.value for choice in choices)
    return {name: frozenset(choices) for name, choices in values.items()}


def full_name(written: str) -> str | None:
    """The template meant by ``declared`` or ``mails/declared.j2``; None when there is no such one."""
    folders = (
        ("mails/", ".j2"),
        ("mails/", ".html.j2"),
        ("mails/parts/", ".j2"),
        ("exports/", ".j2"),
        ("papers/", ".typ"),
    )
    candidates = (written, f"mails/{written}", *(f"{folder}{written}{ending}" for folder, ending in folders))
    spelled = (name for candidate in candidates for name in (candidate, candidate.replace("-", "_")))
    return next((name for name in spelled if name in own_names()), None)


def kind_of(name: str) -> AnyKind | None:
    """The kind of mail whose own template this is; None for a part, the layout, a paper."""
    return next((kind for kind in ALL_KINDS if template_of(kind) == name), None)


@cache
def users_of(name: str) -> tuple[Kind, ...]:
    """The mails that use a template of this package, or to which its paper is attached."""
    if name.startswith("papers/"):
        attached = {
            kind
            for kind, facts in EXAMPLES.values()
            for paper in papers_of(kind, facts, MAIL_CONTEXT, own_wordings())
            if name in (COMMON, paper.name.template)
        }
        return tuple(kind for kind in Kind if kind in attached)
    return tuple(kind for kind in Kind if name == FRAME or name in own_wordings().uses(template_of(kind)))


@cache
def members(record: Any) -> dict[str, tuple[Any, str]]:
    """The fields and then the properties of a frozen record, each with its type and its meaning."""
    hints = get_type_hints(record, include_extras=True)
    annotated = {field.name: hints[field.name] for field in fields(record)}
    for owner in reversed(record.__mro__):
        for name, value in vars(owner).items():
            if isinstance(value, property):
                annotated[name] = get_type_hints(value.fget, include_extras=True)["return"]
    typed = {}
    for name, hint in annotated.items():
        metadata = getattr(hint, "__metadata__", ())
        meaning = next((value.text for value in metadata if isinstance(value, Doc)), "")
        typed[name] = (hint.__origin__ if metadata else hint), meaning
    return typed


def _record_variables(record: Any, prefix: str, values: list[Any], loop: str = "") -> Iterator[Variable]:
    """``values`` are examples of the record: each variable shows the first that is not empty."""
    for name, (hint, meaning) in members(record).items():
        filled = [value for value in (getattr(example, name) for example in values) if value not in ("", None, ())]
        is_property = isinstance(getattr(record, name, None), property)
        written = f"facts.{name}" if is_property and not prefix else f"{prefix}{name}"
        example = _shown(filled[0]) if filled else ""
        yield Variable(name=written, type=type_in_french(hint), meaning=meaning, example=example, loop=loop)
        if is_dataclass(inner := _without_none(hint)):
            yield from _record_variables(inner, f"{written}.", filled, loop)
        elif is_dataclass(inner := _item(hint)) and not is_property:
            yield from _record_variables(inner, "one.", [item for value in filled for item in value], written)


def type_in_french(hint: Any) -> str:
    """``texte``, ``date, ou rien``, ``liste de fiches``: what a type is for somebody who writes templates."""
    kind = _without_none(hint)
    if get_origin(kind) is tuple:
        return "liste de fiches" if is_dataclass(_item(kind)) else "liste de textes"
    if is_dataclass(kind):
        label = "fiche"
    elif isinstance(kind, type) and issubclass(kind, Enum):
        label = "choix"
    else:
        label = {str: "texte", int: "nombre", bool: "oui ou non", date: "date"}.get(kind, "valeur")
    return f"{label}, ou rien" if NoneType in get_args(hint) else label


def _without_none(hint: Any) -> Any:
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (option for option in get_args(hint) if option is not NoneType)
    return hint


def _item(hint: Any) -> Any:
    """The type of what a tuple holds; None for any other type."""
    return get_args(hint)[0] if get_origin(hint) is tuple else None


def _shown(value: Any) -> str:
    match value:
        case bool():
            return "oui" if value else "non"
        case Labelled():
            return str(value.value)
        case date():
            return french.day(value)
        case tuple():
            return "" if any(map(is_dataclass, value)) else french.listing([str(item) for item in value])
    return "" if is_dataclass(value) else str(value)


def document() -> str:
    """The whole of docs/modeles.md; a test compares it with the file."""
    source = files("notifications.authoring").joinpath("reference.md").read_text(encoding="utf-8")
    return re.sub(r"<!-- (\w+) -->", lambda marker: "\n".join(_PARTS[marker[1]]()).rstrip("\n"), source)


def _records() -> Iterator[str]:
    """The records that most mails have, described once."""
    variables = mail_variables(Kind.DECLARED)
    return _table(
        variable
        for record in ("establishment", "rupn", "year")
        for variable in variables
        if variable.name.startswith(f"{record}.")
    )


def _mails() -> Iterator[str]:
    for kind in (*CATALOGUE, *TransientMail):
        entry = None if isinstance(kind, TransientMail) else CATALOGUE[kind]
        if entry is None:
            reader = "à qui lance `oda mail check`"
        elif kind is Kind.SIGN_IN_RECTORAT:
            reader = "à l'opérateur ou au lecteur qui se connecte"
        elif kind is Kind.SIGN_IN_RUPN:
            reader = "au RUPN qui se connecte, à l'adresse de sa demande"
        else:
            reader = "aux opérateurs" if entry.audience is Audience.OPERATORS else "à l'établissement"
        secret = ", porte un code" if entry and entry.has_code else ""
        secret = ", porte un lien de connexion" if entry and entry.has_link else secret
        yield f"### {kind.value}\n"
        yield f"« {kind.label[:1].upper()}{kind.label[1:]} », {reader}. Fichier : `{template_of(kind)}`{secret}.\n"
        yield from _table(  # less the fields of the records that are described once
            variable
            for variable in mail_variables(kind)
            if "." not in variable.name.removeprefix("one.").removeprefix("facts.")
        )
        yield from _choices(facts_class(kind))
        yield ""


def _shared(folder: str, heading: str) -> Iterator[str]:
    """The templates of a folder that belong to no single mail, with the mails that use them."""
    yield f"| fichier | ce que c'est | {heading} |\n|---|---|---|"
    for name in own_names():
        if name.startswith(folder) and not kind_of(name):
            yield f"| `{name}` | {TITLES[name]} | {users_in_french(users_of(name)) or 'aucun courriel'} |"


def users_in_french(users: tuple[Kind, ...]) -> str:
    """These mails by their names; empty for none."""
    return "tous les courriels" if len(users) == len(Kind) else french.listing([kind.value for kind in users])


def _choices(record: Any, prefix: str = "") -> Iterator[str]:
    for name, values in choices_in(record).items():
        listed = ", ".join(f'"{choice.value}" ({choice.label})' for choice in values)
        yield f"\nValeurs de `{{{{ {prefix}{name} }}}}` : {listed}."


def _table(variables: Iterable[Variable]) -> Iterator[str]:
    yield "| on écrit | type | sens | exemple |\n|---|---|---|---|"
    loops = set[str]()
    for variable in variables:
        if variable.loop and variable.loop not in loops:
            loops.add(variable.loop)
            yield f"| `{{% for one in {variable.loop} %}}` | | pour chacun : | |"
        yield f"| `{{{{ {variable.name} }}}}` | {variable.type} | {variable.meaning} | {_cell(variable.example)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace(">", "&gt;")


_PARTS: Final[dict[str, Callable[[], Iterable[str]]]] = {
    "always": lambda: (
        "| on écrit | sens |\n|---|---|",
        *(f"| `{name}` | {sense} |" for name, sense in ALWAYS.items()),
    ),
    "settings": lambda: _table(settings_variables()),
    "records": _records,
    "filters": lambda: (
        "| filtre | ce qu'il donne | on écrit |\n|---|---|---|",
        *(f"| `{name}` | {gives} | `{_cell(use)}` |" for name, (gives, use) in FILTERS.items()),
    ),
    "mails": _mails,
    "shared": lambda: _shared("mails/", "employé par"),
    "frame": lambda: _table(page_variables()),
    "papers": lambda: _shared("papers/", "joint à"),
    "export": lambda: (*_table(export_variables()), *_choices(Removal, "one.")),
    "codes": lambda: _table(code_export_variables()),
}
"""The tables of docs/modeles.md, by the name of their place in reference.md."""

if __name__ == "__main__":
    print(document(), end="")  # noqa: T201
