"""The export of removals: its own template, the académie's, and the cells of a CSV that no spreadsheet runs (R83)."""

import csv
import io
from collections.abc import Iterator
from datetime import date
from itertools import islice
from pathlib import Path

import pytest

from notifications.authoring.examples import DAY, MAIL_CONTEXT
from notifications.authoring.examples import REMOVAL_LINES as REMOVALS
from notifications.authoring.reference import EXPORT, export_variables, members
from notifications.rendering.environment import TemplateLoader
from notifications.rendering.markup import csv_cell
from notifications.rendering.renderer import Removal, Unexportable, removals
from tests.notifications.templates import Check, check, folder_of

__all__ = ["check"]
TEMPLATE = "exports/removals.j2"


def exported(wordings: TemplateLoader, lines: tuple[Removal, ...] = REMOVALS) -> str:
    return "".join(removals(wordings, lines, DAY, MAIL_CONTEXT))


@pytest.mark.rule("R83")
def test_default__a_line_a_removal_that_a_reader_of_csv_takes_back() -> None:
    headings, *rows = csv.reader(io.StringIO(exported(TemplateLoader())), delimiter=";")
    assert [len(row) for row in rows] == [len(headings)] * len(REMOVALS)
    lines = [dict(zip(headings, row, strict=True)) for row in rows]
    assert [line["Référence"] for line in lines] == [line.reference for line in REMOVALS]
    assert [line["À faire aujourd'hui"] for line in lines] == [
        "Retirer les droits de cet établissement, garder la clé",
        "Supprimer la clé",
        "Regarder si une clé a été activée ; si oui : supprimer la clé",
        "Garder la clé, changer sa date d'expiration",
    ]
    assert [line["Nouvelle date d'expiration"] for line in lines] == ["31/08/2028", "", "", "31/08/2028"]
    odd = lines[2]
    assert (odd["Nom"], odd["Prénom"]) == ('Le "Grand" ; Roux', "'-Anaïs")
    assert odd["À savoir"] == "les demandes ODA-2028-00001 et ODA-2028-00002 suivent, sans clé pour l'instant"
    assert lines[3]["Autres demandes qui gardent la clé"] == "ODA-2028-00003 ODA-2028-00004"


def test_default__nothing_to_remove_is_the_headings_alone() -> None:
    assert exported(TemplateLoader(), ()).count("\n") == 1


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("Martin", "Martin"),
        ("a;b", '"a;b"'),
        ("a,b", '"a,b"'),
        ('dit "le Grand"', '"dit ""le Grand"""'),
        ("=1+1", "'=1+1"),
        ("+33", "'+33"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'=1"),
        ("\r@x", "'@x"),
        (" \n=1", "'=1"),
        ("\u200b=1", "'=1"),
        ("＝1", "'＝1"),
        ("=a;b", '"\'=a;b"'),
        ("deux\nlignes\tet plus", "deux lignes et plus"),
        (None, ""),
        (True, "oui"),
        (12, "12"),
        (-12, "'-12"),
        (date(2027, 8, 31), "31/08/2027"),
    ],
)
def test_cell__is_one_cell_and_no_formula(value: object, cell: str) -> None:
    assert csv_cell(value) == cell


@pytest.mark.rule("R83", "R68")
def test_replaced__the_form_that_a_console_wants(tmp_path: Path) -> None:
    text = (
        "H|{{ today|iso_day }}\n"
        "{% for one in lines %}\n"
        "{{ loop.index }}|{{ one.rupn.mail|csv }}|{{ 'DEL' if one.action == 'remove_key' else 'UPD' }}"
        "|{{ one.new_expiry|iso_day }}{% if one.asks %}|?{% endif +%}\n"
        "{% endfor %}\n"
    )
    wordings = TemplateLoader(folder_of(tmp_path, {TEMPLATE: text}))
    assert wordings.folder_problems == ()
    first, *rest = exported(wordings).splitlines()
    assert first == "H|2027-09-01"
    assert rest[0] == "1|claire.martin@ac-toulouse.fr|UPD|2028-08-31"
    assert rest[1] == "2|omar.de-letang-benali@ac-toulouse.fr|DEL|"
    assert rest[2] == "3|anais.roux@ac-toulouse.fr|DEL||?"


@pytest.mark.rule("R83", "R68")
@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("a\n{% for one in lines %}{{ one.nom }}{% endfor %}",
         ", ligne 2 : cette ligne emploie ce qui n'existe pas : « nom »"),
        ("{{ retraits }}", ", ligne 1 : « retraits » n'existe pas"),
        ("{% for one in lines %}", ", ligne 1 : le modèle n'est pas bien écrit (Unexpected end of template"),
        ("{% for one in lines %}{% if one.action == 'delete' %}{% endif %}{% endfor %}",
         ", ligne 1 : « delete » n'est pas une valeur de « one.action »"),
        ("{% for one in lines %}\n{{ one.new_expiry|day }}{% endfor %}", ", ligne 2 : cette ligne"),
        ("{{ lines|length }}", ", ligne 1 : cette ligne ne peut pas être calculée"),
        ("{{ here.__class__ }}", ", ligne 1 : cette ligne emploie ce qui est interdit à un modèle"),
        ("{% include 'mails/nothing.j2' %}", ", ligne 1 : le modèle « mails/nothing.j2 » n'existe pas"),
        ("{{ subject }}", ", ligne 1 : « subject » n'existe pas"),
    ],
)  # fmt: skip
def test_replaced__what_is_wrong_is_told_at_the_start_with_its_line(check: Check, text: str, start: str) -> None:
    (problem,) = check({TEMPLATE: text})
    assert problem.startswith(f"modeles/{TEMPLATE}{start}")


def test_replaced__a_wrong_export_is_told_beside_a_wrong_mail(check: Check) -> None:
    problems = check({TEMPLATE: "{{ x }}", "mails/declared.j2": "{{ y }}"})
    assert [problem.partition(",")[0] for problem in problems] == [f"modeles/{TEMPLATE}", "modeles/mails/declared.j2"]


def test_replaced__what_fails_in_use_says_where(tmp_path: Path) -> None:
    wordings = TemplateLoader(folder_of(tmp_path, {TEMPLATE: "{% for one in lines %}{{ one.x }}{% endfor %}"}))
    with pytest.raises(Unexportable, match=r"exports/removals\.j2"):
        exported(wordings)


def test_length__the_lines_are_taken_as_they_are_needed() -> None:
    count = 0

    def endless() -> Iterator[Removal]:
        nonlocal count
        while True:
            count += 1
            yield REMOVALS[1]

    pieces = list(islice(removals(TemplateLoader(), endless(), DAY, MAIL_CONTEXT), 3))
    assert len(pieces) == 3
    assert count < 1000


def test_reference__every_name_is_documented_with_an_example() -> None:
    known = export_variables()
    assert set(EXPORT) <= {variable.name for variable in known}
    assert {f"one.{name}" for name in members(Removal)} <= {variable.name for variable in known}
    assert all(
        variable.meaning and (variable.example or variable.type in ("fiche", "liste de fiches")) for variable in known
    )


@pytest.mark.rule("R68")
def test_reference__all_that_is_written_can_be_used(check: Check) -> None:
    inside = "".join(f"x {{{{ {variable.name} }}}}" for variable in export_variables() if variable.loop)
    assert check({TEMPLATE: f"{{{{ today }}}}{{{{ here }}}}{{% for one in lines %}}{inside}{{% endfor %}}"}) == []
