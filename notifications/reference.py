"""docs/modeles.md, written from the code: ``python -m notifications.reference > docs/modeles.md`` (R68)."""

from collections.abc import Iterable, Iterator

from notifications import reference_words as words
from notifications.catalogue import CATALOGUE, template_of
from notifications.exports import Removal
from notifications.reference_intro import EXPORTS, INTRODUCTION, PAPERS
from notifications.reference_names import (
    Known,
    choices_in,
    choices_of,
    facts_of,
    frame,
    of_export,
    settings,
    shared,
)
from notifications.reference_uses import kind_of, papers_with, title_of, users_of
from notifications.vocabulary import AnyKind, Audience, Kind, Unstored
from notifications.wordings import own_names
from states import french

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
    check = Unstored.CHECK
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
