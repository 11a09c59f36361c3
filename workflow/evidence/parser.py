"""A list as a file has it: its columns, by the titles that people give them, its rows, its likely date (R91, R93)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, Final

from states.french import lines as lines_of
from states.french import listing
from states.validation import (
    MAX_NAME,
    clean,
    clean_mail,
    fold,
    fold_mail,
    has_uai_form,
    is_storable,
    normalise_uai,
    person_key,
    without_invisible,
)
from workflow.database.file_tables import ListKind
from workflow.evidence.delegation_attribute import ESTABLISHMENTS, looks_like_attribute, parse_attribute
from workflow.settings.yaml_reader import quote
from workflow.spreadsheets.columns import TITLES_WITHIN, Columns, ColumnSpec
from workflow.spreadsheets.reader import Table, TableRow, parse_day
from workflow.spreadsheets.workbook import UnusableFile, unusable

_UAI: Final = ColumnSpec(
    "uai", "UAI",
    (
        "rne", "code uai", "code rne", "uai rne", "rne uai", "numero uai", "n uai", "n° uai", "numero rne",
        "uai de l'etablissement", "uai etablissement", "etablissement uai", "rne etablissement", "code etablissement",
        "code de l'etablissement", "identifiant de l'etablissement", "n° etablissement", "numero etablissement",
        "etab uai", "uai etab", "uai(s)", "uai des etablissements",
    ),
)  # fmt: skip

_PRENOM: Final = ColumnSpec(
    "prenom", "Prénom",
    (
        "prenoms", "prenom usuel", "prenom du rupn", "prenom rupn", "prenom du referent", "given name", "givenname",
        "first name", "firstname", "prenom du delegataire", "prenom du beneficiaire", "prenom de l'agent", "ctfn",
    ),
    required=False,
)  # fmt: skip

_NOM: Final = ColumnSpec(
    "nom", "Nom",
    (
        "nom de famille", "nom patronymique", "nom de naissance", "nom du rupn", "nom rupn", "nom du referent",
        "nom prenom", "nom et prenom", "nom, prenom", "nom / prenom", "prenom nom", "prenom et nom", "nom complet",
        "nom et prenom du rupn", "nom prenom du rupn", "rupn", "referent", "referent numerique", "identite",
        "personne", "agent", "nom de l'agent", "nom du delegataire", "nom du beneficiaire", "delegataire",
        "beneficiaire", "beneficiaire de la delegation", "personne deleguee", "delegue", "sn", "surname",
        "last name", "lastname", "cn", "display name", "displayname", "ctln",
    ),
)  # fmt: skip

_USAGE_NAME: Final = ColumnSpec(
    "usage_name", "Nom d'usage", ("nom usuel", "nom marital", "nom d'epouse", "nom d'usage du rupn"), required=False
)

_MAIL: Final = ColumnSpec(
    "mail", "Adresse électronique",
    (
        "mail", "mails", "mel", "courriel", "courriels", "email", "e-mail", "adresse mail", "adresse mel",
        "adresse email", "adresse e-mail", "adresse courriel", "adresse de messagerie", "mail academique",
        "mel academique", "courriel academique", "adresse academique", "mail professionnel", "courriel professionnel",
        "mel professionnel", "mail du rupn", "courriel du rupn", "mel du rupn", "mail rupn", "mel rupn",
        "adresse mail academique", "adresse mail du rupn", "adresse electronique academique", "mail du delegataire",
        "mel du delegataire", "courriel du delegataire", "mail de l'agent", "mel de l'agent", "ctemail",
    ),
)  # fmt: skip

_OTHER_MAILS: Final = ColumnSpec(
    "other_mails", "Autre adresse",
    (
        "autres adresses", "autre mail", "autres mails", "autre courriel", "autre mel", "mail 2", "mel 2",
        "courriel 2", "adresse 2", "email 2", "second mail", "seconde adresse", "deuxieme adresse", "deuxieme mail",
        "mail secondaire", "adresse secondaire", "courriel secondaire", "alias", "mail alternatif",
    ),
    required=False,
)  # fmt: skip

_PERSON: Final = (_NOM, _PRENOM, _USAGE_NAME, _MAIL, _OTHER_MAILS)

_LISTING: Final = (
    _UAI,
    *_PERSON,
    ColumnSpec(
        "recorded_on", "Déclaré le",
        (
            "date de declaration", "date declaration", "date de la declaration", "declaration", "date",
            "date de saisie", "date d'enregistrement", "enregistre le", "date de designation", "designe le",
            "date de nomination", "nomme le", "date de creation", "cree le", "date d'ajout",
        ),
        required=False,
    ),
)  # fmt: skip

_DELEGATION: Final = (
    _UAI,
    *_PERSON,
    ColumnSpec(
        "application", "Application",
        (
            "nom de l'application", "application deleguee", "applicationname", "application name", "ressource",
            "nom de la ressource", "service", "droit", "droit delegue", "delegation",
        ),
        required=False,
    ),
    ColumnSpec(
        "module", "Module",
        ("module delegue", "nom du module", "nom du module delegue", "application / module", "application/module"),
        required=False,
    ),
    ColumnSpec(
        "begins", "Début",
        (
            "date de debut", "date debut", "debut de la delegation", "debut de delegation",
            "date de debut de delegation", "debut de validite", "date de debut de validite", "du", "a partir du",
            "a compter du", "valide du",
        ),
        required=False,
    ),
    ColumnSpec(
        "ends", "Fin",
        (
            "date de fin", "date fin", "fin de la delegation", "fin de delegation", "date de fin de delegation",
            "fin de validite", "date de fin de validite", "au", "jusqu'au", "valide au", "echeance",
            "date d'echeance", "expiration", "date d'expiration", "expire le",
        ),
        required=False,
    ),
    ColumnSpec(
        "author", "Délégué par",
        (
            "auteur", "auteur de la delegation", "delegant", "nom du delegant", "nom et prenom du delegant",
            "delegateur", "delegue par (nom)", "par", "chef d'etablissement", "chef", "nom du chef",
            "nom du chef d'etablissement", "accorde par", "attribue par", "cree par",
        ),
        required=False,
    ),
    ColumnSpec(
        "recorded_on", "Délégué le",
        (
            "date de delegation", "date de la delegation", "date delegation", "date d'attribution", "attribue le",
            "date de creation", "cree le", "date", "date de saisie", "accorde le",
        ),
        required=False,
    ),
)  # fmt: skip

_ATTRIBUTE: Final = ColumnSpec(
    "attribute", "FrEduResDel", ("attribut freduresdel", "attribut", "valeur", "ressources deleguees")
)

_OF_ATTRIBUTE: Final = (_ATTRIBUTE, *(replace(spec, required=False) for spec in (_UAI, *_PERSON)))

ATTRIBUTE_TITLES: Final = (_MAIL.title, _ATTRIBUTE.title)
"""The titles given to a file of values of the attribute alone."""

_WHAT: Final = ("application", "module", "attribute")

_WHEN: Final = ("begins", "ends", "author")

ADVICE: Final = "désigner la colonne, ou corriger son titre dans le fichier"

_OLDEST: Final = timedelta(days=366)
"""Before that, a date in a file's name is hardly the day on which the list was drawn."""

_LONGEST_TEXT: Final = 200
"""Characters of an application's or an author's name, and of all the addresses of a row."""

Values = Mapping[str, str]
"""What a row says, by the key of its column; a column that the file has not is absent or empty."""

_MAIL_BEFORE: Final = re.compile(r"\s*([^\s|;,@]+@[^\s|;,@]+)[\s;,]+")

_CIVILITY: Final = re.compile(r"(?:m|mr|mme|mlle|monsieur|madame|mademoiselle)\.?\s+(?=\S)", re.IGNORECASE)

_DAY: Final = re.compile(
    r"(?<!\d)(?:\d{4}[-_.]\d{2}[-_.]\d{2}|\d{1,2}[-_./]\d{1,2}[-_./]\d{4}|20\d{6})(?!\d)"
    r"|(?<!\d)\d{1,2}(?:er)?\s[a-zéû]+\s\d{4}(?!\d)",
    re.IGNORECASE,
)

_BETWEEN_MAILS: Final = re.compile(r"[\s;,|<>()]+")

_UAI_WITHIN: Final = re.compile(r"(?<![0-9A-Z])[0-9]{7} ?[A-Z](?![0-9A-Z])", re.IGNORECASE | re.ASCII)


def choice_kind(kind: ListKind) -> str:
    """The name under which the columns of a list that were chosen by hand are kept."""
    return f"list_{kind.value}"


def usual_columns(kind: ListKind) -> Sequence[ColumnSpec]:
    """The columns of a list, as an operator is told of them."""
    return _LISTING if kind is ListKind.LISTING else _DELEGATION


def columns_of(kind: ListKind, table: Table) -> Sequence[ColumnSpec]:
    """The columns to look for in a file; those of the attribute ``FrEduResDel`` when the file has it."""
    if kind is ListKind.LISTING:
        return usual_columns(kind)
    cells = (cell for row in table.rows[:TITLES_WITHIN] for cell in row.cells)
    has_attribute = any(looks_like_attribute(cell) or cell.lower() == "freduresdel" for cell in cells)
    return _OF_ATTRIBUTE if has_attribute else usual_columns(kind)


def _titles_of(columns: Columns, keys: Sequence[str]) -> list[str]:
    specs = [spec for spec in (*_DELEGATION, _ATTRIBUTE) if spec.key in keys]
    chosen = {columns.places[spec.key] for spec in specs if spec.key in columns.places}
    named = frozenset().union(*(spec.folded for spec in specs))
    return [title for place, title in enumerate(columns.titles.cells) if place in chosen or fold(title) in named]


def with_titles(kind: ListKind, table: Table) -> Table:
    """The same table; with titles when its lines are values of ``FrEduResDel``, which has none of its own."""
    cells = table.rows[0].cells if table.rows else ()
    is_bare = looks_like_attribute("|".join(cells)) or any(map(looks_like_attribute, cells))
    if kind is not ListKind.DELEGATION or not is_bare:
        return table
    rows = (TableRow(0, ATTRIBUTE_TITLES), *(TableRow(line, cells) for line, cells in _bare_attribute_rows(table)))
    return replace(table, rows=rows, signs_of_cut=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class ListRow:
    """The words of one row about one person in one establishment; the same fields as ``ListEntry``."""

    uai: str
    nom: str
    prenom: str
    usage_name: str = ""
    mail: str = ""
    other_mails: str = ""
    application: str = ""
    begins: date | None = None
    ends: date | None = None
    author: str = ""
    recorded_on: date | None = None

    @property
    def folded_mail(self) -> str:
        return fold_mail(self.mail)

    @property
    def person(self) -> str:
        return person_key(self.nom, self.prenom)


@dataclass(frozen=True, slots=True)
class RowRemark:
    """A row that is not taken: its line (from 1), and why, in French."""

    line: int
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadList:
    """A file that was read: its rows, each with its line, none twice, and what was not taken.

    ``repeated`` rows say what another has said, ``silent`` ones name a person without any delegation.
    """

    kind: ListKind
    digest: str
    rows: tuple[tuple[int, ListRow], ...]
    refused: tuple[RowRemark, ...]
    repeated: int = 0
    silent: int = 0


def read_list(kind: ListKind, table: Table, columns: Columns, *, is_complete: bool = False) -> ReadList:
    """Read every row. Raises UnusableFile: a column is missing, it is the other list or looks cut, no row can be taken.

    ``is_complete`` vouches for a file that looks cut (R91).
    """
    columns.refuse_if_incomplete(advice=ADVICE)
    _refuse_other_list(kind, columns)
    table.refuse_if_cut(is_complete=is_complete)
    reader = _Reader(kind)
    for line, values in columns.records():
        reader.take(line, values)
    if not reader.rows:
        raise _nothing_to_take(reader.refused)
    return ReadList(
        kind=kind, digest=table.digest, rows=tuple((line, row) for row, line in reader.rows.items()),
        refused=tuple(reader.refused), repeated=reader.repeated, silent=reader.silent,
    )  # fmt: skip


def likely_date(table: Table, columns: Columns, filename: str, today: date) -> date | None:
    """The day on which the list was drawn, as the file's name or what stands above its titles says it.

    None when they say none, several, or one that cannot be it: a date is proposed when it is sure, never guessed.
    """
    above = [cell for row in table.rows if row.line < columns.titles.line for cell in row.cells]
    days: set[date] = set()
    for match in (match for text in (filename, *above) for match in _DAY.finditer(text)):
        with suppress(ValueError):
            days.add(parse_day(match[0].replace("_", "-").replace(".", "-")))
    return days.pop() if len(days) == 1 and today - _OLDEST <= min(days) <= today else None


@dataclass
class _Reader:
    kind: ListKind
    rows: dict[ListRow, int] = field(default_factory=dict)
    refused: list[RowRemark] = field(default_factory=list)
    repeated: int = 0
    silent: int = 0

    def take(self, line: int, values: Values) -> None:
        """Take what a row says. A faulty one is refused whole, with all its reasons."""
        problems: list[str] = []
        row = _person_of(values, problems)
        rows = self._of_attribute(values, row, problems) if "attribute" in values else self._of(values, row, problems)
        if problems:
            self.refused.append(RowRemark(line, " ; ".join(problems)))
            return
        if not rows:
            self.silent += 1
        for known in rows:
            if known in self.rows:
                self.repeated += 1
                continue
            self.rows[known] = line

    def _of(self, values: Values, row: dict[str, Any], problems: list[str]) -> list[ListRow]:
        uais = _uais(values.get("uai", ""), problems)
        if self.kind is ListKind.DELEGATION:
            application = values.get("module", "") or values.get("application", "")
            row |= {
                "application": _text(application, "le nom de l'application", problems),
                "author": _text(values.get("author", ""), "le nom de qui délègue", problems),
                "begins": _day(values.get("begins", ""), "la date de début", problems),
                "ends": _day(values.get("ends", ""), "la date de fin", problems),
            }
        row["recorded_on"] = _day(values.get("recorded_on", ""), "la date", problems)
        return [] if problems else [ListRow(uai=uai, **row) for uai in uais]

    def _of_attribute(self, values: Values, row: dict[str, Any], problems: list[str]) -> list[ListRow]:
        try:
            resources = parse_attribute(values["attribute"])
        except ValueError as error:
            problems.append(str(error))
            return []
        own = _uais(values["uai"], problems) if values.get("uai") else []
        rows: list[ListRow] = []
        for resource in resources:
            uais = list(resource.uais) or own
            if not uais:
                problems.append("la délégation ne dit pas pour quel établissement (FrEduRneResp)")
            application = _text(resource.application, "le nom de l'application", problems)
            author = _text(resource.author, "le nom de qui délègue", problems)
            begins, ends = resource.begins, resource.ends
            rows += [
                ListRow(uai=uai, application=application, author=author, begins=begins, ends=ends, **row)
                for uai in uais
            ]
        return [] if problems else rows


def split_name(text: str) -> tuple[str, str]:
    """Part a whole name into nom and prénom, by its comma or its capitals; all of it is the nom when neither tells.

    Names are compared whatever their order (R17), so that a wrong part shows, and compares no worse.
    """
    nom, comma, prenom = text.partition(",")
    if comma:
        return nom.strip(), prenom.strip()
    words = text.split()
    is_capital = [word.isupper() and len(word) > 1 for word in words]
    if all(is_capital) or not any(is_capital):
        return text, ""
    if is_capital[0]:
        end = is_capital.index(False)
        return " ".join(words[:end]), " ".join(words[end:])
    start = len(words) - is_capital[::-1].index(False)
    return (" ".join(words[start:]), " ".join(words[:start])) if start < len(words) else (text, "")


def _refuse_other_list(kind: ListKind, columns: Columns) -> None:
    """Refuse the list of delegations given as that of RUPN, and the reverse: it would prove what it does not say.

    A list of delegations says what is delegated, and since when, until when or by whom, chosen by hand or not.
    """
    what, when = _titles_of(columns, _WHAT), _titles_of(columns, _WHEN)
    if kind is ListKind.LISTING and what and when:
        names = listing([f"« {quote(title, 30)} »" for title in (*what, *when)])
        raise unusable(
            f"les colonnes {names} sont celles de la liste des délégations", columns.titles.line,
            advice="donner la liste des RUPN, ou importer ce fichier comme liste des délégations",
        )  # fmt: skip
    if kind is ListKind.DELEGATION and not what and not when:
        raise unusable(
            "aucune colonne ne dit l'application, le début, la fin ni l'auteur d'une délégation", columns.titles.line,
            advice="donner la liste des délégations, ou désigner une de ces colonnes",
        )  # fmt: skip


def _bare_attribute_rows(table: Table) -> Iterator[tuple[int, tuple[str, str]]]:
    """The line, the address and the value of each row of a file without titles, whose rows are of ``FrEduResDel``.

    An address may stand before the value. A reader of CSV may have parted the value at its own ``|``.
    """
    for row in table.rows:
        is_parted = any(cell.lower().startswith(ESTABLISHMENTS) for cell in row.cells)
        text = "|".join(row.cells) if is_parted else next(filter(looks_like_attribute, row.cells), "")
        mail = next((cell for cell in row.cells if "@" in cell and "|" not in cell and not is_parted), "")
        if is_parted and (match := _MAIL_BEFORE.match(text)):
            mail, text = match[1], text[match.end() :]
        yield row.line, (mail, text or " ".join(row.cells))


def _person_of(values: Values, problems: list[str]) -> dict[str, Any]:
    """The columns of a row that say who: a name in one column or in two, and addresses in any number."""
    nom, prenom = _name(values.get("nom", "")), _name(values.get("prenom", ""))
    if nom and not prenom:
        nom, prenom = split_name(nom)
    parts = _BETWEEN_MAILS.split(f"{values.get('mail', '')} {values.get('other_mails', '')}")
    addresses: dict[str, str] = {}
    for address in (clean_mail(part.removeprefix("mailto:")) for part in parts if "@" in part):
        addresses.setdefault(fold_mail(address), address)
    mails = list(addresses.values())
    row = {
        "nom": nom, "prenom": prenom, "usage_name": _name(values.get("usage_name", "")),
        "mail": mails[0] if mails else "", "other_mails": " ".join(map(fold_mail, mails[1:])),
    }  # fmt: skip
    if not any(row.values()):
        problems.append("la ligne ne dit pas de qui il s'agit : il faut un nom ou une adresse")
    if not is_storable("".join(values.values())):
        problems.append("la ligne contient un caractère illisible")
    problems += [
        f"« {quote(text, 30)} » compte plus de {longest} caractères"
        for texts, longest in (((nom, prenom, row["usage_name"]), MAX_NAME), ((" ".join(mails),), _LONGEST_TEXT))
        for text in texts if len(text) > longest
    ]  # fmt: skip
    return row


def _name(text: str) -> str:
    return _CIVILITY.sub("", clean(without_invisible(text)), count=1) if text else ""


def _uais(text: str, problems: list[str]) -> list[str]:
    """The UAI of a cell, in any case: alone, several, or beside the establishment's name."""
    uai = normalise_uai(text)
    if has_uai_form(uai):
        return [uai]
    within = [normalise_uai(match) for match in _UAI_WITHIN.findall(text)]
    if not within:
        said = f"« {quote(text, 30)} » n'est pas un UAI (7 chiffres et une lettre)" if uai else "l'UAI manque"
        problems.append(said)
    return list(dict.fromkeys(within))


def _text(text: str, what: str, problems: list[str]) -> str:
    tidy = clean(without_invisible(text))
    if len(tidy) > _LONGEST_TEXT:
        problems.append(f"{what} compte {len(tidy)} caractères, {_LONGEST_TEXT} au plus")
    return "" if tidy.upper() == "X" else tidy


def _day(text: str, what: str, problems: list[str]) -> date | None:
    if not text or text.upper() == "X":
        return None
    try:
        return parse_day(text)
    except ValueError as error:
        problems.append(f"{what} : {error}")
        return None


def _nothing_to_take(refused: list[RowRemark]) -> UnusableFile:
    if not refused:
        return unusable("aucune ligne sous les titres", advice="vérifier que c'est la bonne feuille, et le bon fichier")
    by_reason: dict[str, list[int]] = {}
    for remark in refused:
        by_reason.setdefault(remark.message, []).append(remark.line)
    message, lines = max(by_reason.items(), key=lambda item: len(item[1]))
    why = f"aucune ligne ne peut être prise ({len(refused)} refusées) ; le plus souvent, {lines_of(lines)} : {message}"
    return unusable(why, advice="vérifier que c'est la bonne liste, et que ses colonnes sont les bonnes")
