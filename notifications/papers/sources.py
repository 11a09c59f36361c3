"""The text of a paper's template, with what all papers share before it, and the version that a charter bears."""

import re
from typing import Final

from jinja2 import TemplateNotFound

from notifications.papers.model import PaperName, PaperUnmakeable
from notifications.wordings import Wordings

COMMON: Final = "papers/common.typ"
_MARK: Final = "//: "
_VERSION = re.compile(r"//\s*version\s*:\s*(\S+)\s*")
_PACKAGE = re.compile(r"[\"']@[a-z]+/")


def source_of(wordings: Wordings, name: PaperName) -> str:
    """The whole text for typst: the shared part, then the paper's own, each under a line that names its file.

    Raises PaperUnmakeable for a template that is not there, or asks for a package of the Internet.
    """
    return "\n".join(f"{_MARK}{file}\n{template(wordings, file)}" for file in (COMMON, name.template))


def template(wordings: Wordings, file: str) -> str:
    """One template as written. Raises PaperUnmakeable."""
    try:
        text = wordings.source(file).removeprefix("\ufeff")
    except TemplateNotFound:
        raise PaperUnmakeable(file, None, "ce modèle est introuvable") from None
    except UnicodeDecodeError:
        raise PaperUnmakeable(file, None, "ce modèle n'est pas enregistré en UTF-8") from None
    for number, line in enumerate(text.splitlines(), 1):
        if _PACKAGE.search(line) and not line.lstrip().startswith("//"):
            raise PaperUnmakeable(file, number, "un modèle n'emploie aucun paquet : tout doit y être écrit")
    return text


def place_of(source: str, line: int | None) -> tuple[str, int | None]:
    """The file that a line of ``source_of`` comes from and its line there; without a line, the paper's own file."""
    lines = source.split("\n")
    before = lines if line is None else lines[:line]
    starts = [number for number, text in enumerate(before, 1) if text.startswith(_MARK)]
    if not starts:
        return "(modèle)", line
    return before[starts[-1] - 1].removeprefix(_MARK), line and (line - starts[-1])


def charter_version(source: str) -> str:
    """The version that a charter's template bears on its first line, ``// version : 2026-1`` (R69).

    Raises PaperUnmakeable, at line 1, when it is not there.
    """
    found = _VERSION.fullmatch(source.removeprefix("\ufeff").partition("\n")[0].rstrip("\r"))
    if found is None:
        why = "la première ligne doit donner la version de la charte, par exemple « // version : 2026-1 »"
        raise PaperUnmakeable(PaperName.CHARTER.template, 1, why)
    return found[1]


def check_charter(wordings: Wordings, version: str) -> str | None:
    """What is wrong between the charter's template and the setting ``charter.version``, in French; None when nothing
    is (R69)."""
    file = PaperName.CHARTER.template
    try:
        borne = charter_version(template(wordings, file))
    except PaperUnmakeable as error:
        return str(error)
    if borne == version:
        return None
    own = file in wordings.overridden()
    where = str(wordings.path_of(file)) if own else f"{file} (modèle livré avec le logiciel)"
    return (
        f"{where}, ligne 1 : ce modèle de charte est en version {borne}, et le réglage charter.version dit {version}."
        f" Que faire : régler charter.version sur {borne}, ou remplacer le modèle par la charte de l'académie, dont la"
        f" première ligne sera « // version : {version} »"
    )
