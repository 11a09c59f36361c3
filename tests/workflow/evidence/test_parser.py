"""Lists as people have them: what each row says, and why one is refused."""

from datetime import date

import pytest

from tests.workflow.evidence.shelf import DELEGATION_TITLES, TITLES, UAIS, line, lines, read, text_of
from tests.workflow.spreadsheets.files import ods_of, xlsx_of
from workflow.database.file_tables import ListKind
from workflow.evidence.lists import NO_END
from workflow.evidence.parser import ListRow, split_name
from workflow.spreadsheets.workbook import UnusableFile

pytestmark = pytest.mark.rule("R93")

JEANNE = ListRow(
    uai=UAIS[0], nom="Dupontaa", prenom="Jeanne", mail="jeanne.dupont0@ac-toulouse.fr", recorded_on=date(2026, 9, 5)
)

ATTRIBUTE = "Comptes|/x?applicationname=educonnect|01/09/2026|31/12/9999|jdurand|FrEduRneResp={}|s||"


def only(text: str | bytes, kind: ListKind = ListKind.LISTING) -> ListRow:
    (known,) = read(text, kind).rows
    return known[1]


@pytest.mark.parametrize(
    "content",
    [
        text_of(lines(1)).encode("utf-8-sig"),
        text_of(lines(1)).encode("cp1252"),
        text_of(lines(1)).replace(";", "\t").encode("utf-16"),
        f"Liste des RUPN au 10/10/2026;;;;\n;;;;\n{text_of(lines(1))};;;;\n;;;;\n".encode(),
        text_of([line(uai=UAIS[0].lower())]).encode(),
        text_of([line(uai=f"{UAIS[0]} - Collège Jean Moulin")]).encode(),
        text_of([line(date="46270")]).encode(),
        xlsx_of(
            [("Liste des RUPN",), (), TITLES.split(";"), (*line().split(";")[:4], date(2026, 9, 5)), (), ("", None)]
        ),
        ods_of([TITLES.split(";"), (*line().split(";")[:4], date(2026, 9, 5))]),
    ],
    ids=["marked", "windows", "tabs", "title", "case", "beside-name", "number", "xlsx", "ods"],
)
def test_rows__say_the_same_whatever_the_file(content: bytes) -> None:
    assert only(content) == JEANNE


@pytest.mark.parametrize(
    ("titles", "row", "expected"),
    [
        ("RNE;NOM DE FAMILLE;Prenom;Mél", "{};O'Brien;Léa;l.o@ac-toulouse.fr", ("O'Brien", "Léa", "")),
        (
            "Code UAI;Nom et prénom;Courriel",
            "{};DE LA FONTAINE Marie-Lou;x@ac-toulouse.fr",
            ("DE LA FONTAINE", "Marie-Lou", ""),
        ),
        ("UAI;Prénom Nom;Mail", "{};Mme Marie MARTIN;x@ac-toulouse.fr", ("MARTIN", "Marie", "")),
        ("UAI;Nom;Nom d'usage;Prénom;Mail", "{};Petit;Grand;Zoé;z@ac-toulouse.fr", ("Petit", "Zoé", "Grand")),
    ],
)
def test_columns__bear_the_titles_that_people_give(titles: str, row: str, expected: tuple[str, str, str]) -> None:
    known = only(f"{titles}\n{row.format(UAIS[3])}\n")
    assert (known.nom, known.prenom, known.usage_name) == expected
    assert known.uai == UAIS[3]


@pytest.mark.parametrize(
    ("text", "nom", "prenom"),
    [
        ("MARTIN Jean", "MARTIN", "Jean"), ("Jean MARTIN", "MARTIN", "Jean"), ("Martin, Jean", "Martin", "Jean"),
        ("Jean Martin", "Jean Martin", ""), ("JEAN MARTIN", "JEAN MARTIN", ""), ("", "", ""),
        ("LE GALL Anne MARIE", "LE GALL", "Anne MARIE"),
    ],
)  # fmt: skip
def test_whole_name__is_parted_when_that_is_sure(text: str, nom: str, prenom: str) -> None:
    assert split_name(text) == (nom, prenom)


def test_addresses__may_be_several_in_one_cell_or_two() -> None:
    text = f"UAI;Nom;Prénom;Mail;Autre adresse\n{UAIS[0]};Petit;Zoé;Z.Petit@ac-toulouse.fr z@free.fr;z2@free.fr\n"
    known = only(text)
    assert (known.mail, known.other_mails) == ("Z.Petit@ac-toulouse.fr", "z@free.fr z2@free.fr")


def test_delegation__that_ends_in_9999_is_ordinary() -> None:
    row = f"{UAIS[0]};Petit;Zoé;z@ac-toulouse.fr;Administration des comptes;01/09/2026;31/12/9999;Mme Durand;02/09/2026"
    known = only(f"{DELEGATION_TITLES}\n{row}\n", ListKind.DELEGATION)
    assert (known.begins, known.ends) == (date(2026, 9, 1), NO_END)
    assert (known.application, known.author) == ("Administration des comptes", "Mme Durand")
    assert known.recorded_on == date(2026, 9, 2)


@pytest.mark.parametrize(
    "text",
    [
        f'mail;sn;givenName;FrEduResDel\nz@ac-toulouse.fr;Petit;Zoé;"{ATTRIBUTE.format(f"{UAIS[0]}$UAJ;{UAIS[1]}$UAJ")}"\n',
        f"mail\tsn\tgivenName\tFrEduResDel\nz@ac-toulouse.fr\tPetit\tZoé\t{ATTRIBUTE.format(f'{UAIS[0]};{UAIS[1]}')}\n",
        f"z@ac-toulouse.fr;{ATTRIBUTE.format(f'{UAIS[0]}$UAJ;{UAIS[1]}$UAJ')}\n",
        f"z@ac-toulouse.fr\t{ATTRIBUTE.format(f'{UAIS[0]};{UAIS[1]}')}\n",
    ],
    ids=["column", "tabs", "bare", "bare-tabs"],
)
def test_attribute__in_a_column_or_a_file_of_its_own_gives_a_row_an_establishment(text: str) -> None:
    known = [row for _, row in read(text, ListKind.DELEGATION).rows]
    assert [row.uai for row in known] == [UAIS[0], UAIS[1]]
    assert {(row.mail, row.application, row.author, row.ends) for row in known} == {
        ("z@ac-toulouse.fr", "educonnect", "jdurand", NO_END)
    }


def test_attribute__that_is_empty_says_nothing_of_the_person() -> None:
    text = f"mail;FrEduResDel\nz@ac-toulouse.fr;X\ny@ac-toulouse.fr;{ATTRIBUTE.format(UAIS[0])}\n"
    known = read(text, ListKind.DELEGATION)
    assert (len(known.rows), known.silent, known.refused) == (1, 1, ())


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (line(uai="031"), "« 031 » n'est pas un UAI"),
        (line(uai=""), "l'UAI manque"),
        (line(nom="", prenom="", mail=""), "ne dit pas de qui"),
        (line(date="hier"), "la date"),
        (line(date="31/02/2026"), "n'existe pas dans le calendrier"),
        (line(nom="N" * 101), "plus de 100 caractères"),
        (line(uai="", date="hier"), "l'UAI manque ; la date"),
    ],
)
def test_row__is_refused_alone_with_its_line_and_every_reason(row: str, words: str) -> None:
    known = read(text_of([line(1), row, line(2)]))
    assert [remark.line for remark in known.refused] == [3]
    assert words in known.refused[0].message
    assert len(known.rows) == 2


def test_bare_attribute__without_anybody_is_refused_with_the_reason() -> None:
    with pytest.raises(UnusableFile, match="de qui il s'agit"):
        read(f"{ATTRIBUTE.format(UAIS[0])}\n", ListKind.DELEGATION)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{TITLES}\n", "aucune ligne sous les titres"),
        ("Nom;Prénom\nPetit;Zoé\n", "« UAI »"),
        (text_of([line(uai="a"), line(uai="a"), line(uai="b")]), "2 refusées|3 refusées"),
    ],
)
def test_file__that_gives_nothing_is_refused_whole(text: str, words: str) -> None:
    with pytest.raises(UnusableFile, match=words):
        read(text)


def test_row__that_repeats_another_counts_once() -> None:
    known = read(text_of([line(1), line(1)]))
    assert (len(known.rows), known.repeated) == (1, 1)


@pytest.mark.parametrize(
    ("kind", "titles", "words"),
    [
        (ListKind.LISTING, DELEGATION_TITLES, "sont celles de la liste des délégations"),
        (ListKind.DELEGATION, TITLES, "aucune colonne ne dit l'application"),
    ],
)
def test_file__of_the_other_list_is_refused(kind: ListKind, titles: str, words: str) -> None:
    with pytest.raises(UnusableFile, match=words):
        read(text_of(lines(2), titles), kind)
