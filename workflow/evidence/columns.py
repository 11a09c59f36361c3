"""The columns of the two lists, by the titles that people give them (R91, R93)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from states.characters import fold
from workflow.database.file_tables import ListKind
from workflow.evidence.delegation_attribute import looks_like_attribute
from workflow.spreadsheets.columns import TITLES_WITHIN, Columns, ColumnSpec
from workflow.spreadsheets.reader import Table

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


_WHAT: Final = ("application", "module", "attribute")

_WHEN: Final = ("begins", "ends", "author")


def delegation_titles(columns: Columns) -> list[str]:
    """The titles of a table that a list of delegations has, chosen by hand or not."""
    return [*_titles_of(columns, _WHAT), *_titles_of(columns, _WHEN)]


def is_of_delegations(columns: Columns) -> bool:
    """True for a table that says what is delegated, and since when, until when or by whom."""
    return bool(_titles_of(columns, _WHAT)) and bool(_titles_of(columns, _WHEN))


def _titles_of(columns: Columns, keys: Sequence[str]) -> list[str]:
    specs = [spec for spec in (*_DELEGATION, _ATTRIBUTE) if spec.key in keys]
    chosen = {columns.places[spec.key] for spec in specs if spec.key in columns.places}
    named = frozenset().union(*(spec.folded for spec in specs))
    return [title for place, title in enumerate(columns.titles.cells) if place in chosen or fold(title) in named]
