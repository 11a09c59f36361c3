"""One row of the open directory turned into an establishment, with what is odd about it (R11 to R13)."""

import re
from dataclasses import dataclass, field

from states.words import clean, has_uai_form, mail_problem, normalise_uai, uai_problem
from workflow.directory.kinds import is_open
from workflow.settings.academie import normalise_departement
from workflow.settings.problems import shown

MAX_NOM = 200
_SEVERAL = re.compile(r"[,;/\s]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """An establishment as the file tells it: the columns that an import writes, ``mailbox`` None when unusable."""

    uai: str
    nom: str
    kind: str
    commune: str
    departement: str
    mailbox: str | None
    is_open: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of a row: an entry, or the French reasons that refuse it; and the warnings on one that is kept."""

    entry: Entry | None
    refusals: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def tidy(text: str) -> str:
    """A cell on one line, without invisible characters."""
    line = " ".join(text.split())
    return clean(line if line.isprintable() else "".join(c for c in line if c.isprintable()))


def judge(values: tuple[str, ...]) -> Judged:
    """Read the values of ``file.COLUMNS``. The académie and the kind have been looked at before."""
    uai, nom, kind, commune, departement, _, mail, state = values
    uai, nom, opened = normalise_uai(uai), tidy(nom), is_open(state)
    refusals = [why for why in (_bad_uai(uai), _bad_nom(nom), _bad_state(state, opened)) if why]
    if refusals or opened is None:
        return Judged(None, refusals)
    letter = uai_problem(uai)
    place, odd_place = _departement(departement)
    mailbox, odd_mail = _mailbox(mail)
    warnings = [odd for odd in (letter, odd_place, odd_mail) if odd]
    entry = Entry(
        uai=uai, nom=nom, kind=tidy(kind), commune=tidy(commune), departement=place, mailbox=mailbox, is_open=opened
    )
    return Judged(entry, [], warnings)


def _bad_uai(uai: str) -> str | None:
    return None if has_uai_form(uai) else f"« {shown(uai)} » n'est pas un UAI (7 chiffres et une lettre)"


def _bad_nom(nom: str) -> str | None:
    if not nom:
        return "le nom de l'établissement est vide"
    return f"le nom de l'établissement compte {len(nom)} caractères, {MAX_NOM} au plus" if len(nom) > MAX_NOM else None


def _bad_state(state: str, opened: bool | None) -> str | None:
    return f"l'état « {shown(state)} » n'est pas connu (OUVERT, A FERMER, A OUVRIR, FERME)" if opened is None else None


def _departement(text: str) -> tuple[str, str | None]:
    try:
        return normalise_departement(text), None
    except ValueError as error:
        return "", f"{error} : établissement pris sans département"


def _mailbox(text: str) -> tuple[str | None, str | None]:
    """The mailbox as given, trimmed; else None and why: it is never mended, an operator may set it (R13, R14)."""
    mail = text.strip()
    if not mail:
        return None, None
    if sum("@" in part for part in _SEVERAL.split(mail)) > 1:
        problem: str | None = "compte plusieurs adresses"
    else:
        problem = mail_problem(mail)
    return (None, f"la boîte « {shown(mail)} » {problem} : établissement pris sans boîte") if problem else (mail, None)
