import pytest

from tests.workflow.directory.conftest import Bench
from tests.workflow.directory.files import cell, file_of, row, text_of, uai_of

FIRST = "0310001H"


@pytest.mark.rule("R66", "R11")
@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (row("31"), "« 31 » n'est pas un UAI (7 chiffres et une lettre)"),
        (row(""), "« » n'est pas un UAI (7 chiffres et une lettre)"),
        (row(uai_of(2), nom=" "), "le nom de l'établissement est vide"),
        (row(uai_of(2), nom="x" * 201), "le nom de l'établissement compte 201 caractères, 200 au plus"),
        (row(uai_of(2), etat="?"), "l'état « ? » n'est pas connu (OUVERT, A FERMER, A OUVRIR, FERME)"),
        (row(uai_of(2), academie="Toulouse"), "le code d'académie « Toulouse » n'est pas un nombre"),
        (row("x", nom="", etat=""), "« X » n'est pas un UAI (7 chiffres et une lettre) ; le nom de l'établissement est"
         " vide ; l'état « » n'est pas connu (OUVERT, A FERMER, A OUVRIR, FERME)"),
    ],
)  # fmt: skip
def test_row__refused_with_its_line_and_every_reason(bench: Bench, bad: dict[str, str], why: str) -> None:
    imported = bench.bring(row(nom="Deux\nlignes"), bad, row(uai_of(3)))
    (refused,) = imported.refused
    assert (refused.line, refused.message.replace("«  »", "« »")) == (4, why)
    assert len(imported.new) == 2


@pytest.mark.rule("R66")
def test_row__of_another_width_is_refused(bench: Bench) -> None:
    content = text_of(row()) + f"{uai_of(2)};Collège\n" + text_of(row(uai_of(3))).splitlines()[1] + ";trop\n"
    imported = bench.bring_bytes(content.encode())
    assert [(r.line, r.uai, r.message) for r in imported.refused] == [
        (3, uai_of(2), "la ligne compte 2 cellules au lieu de 8"),
        (4, uai_of(3), "la ligne compte 9 cellules au lieu de 8"),
    ]


@pytest.mark.rule("R66")
def test_row__refused_leaves_the_establishment_as_it_is(bench: Bench) -> None:
    bench.bring(row(), row(uai_of(2)))
    before = bench.everything()
    imported = bench.bring(row(), row(uai_of(2), etat="EN TRAVAUX"))
    assert (imported.gone, len(imported.refused)) == ((), 1)
    assert bench.everything() == before


@pytest.mark.rule("R11")
def test_row__odd_check_letter_is_a_warning(bench: Bench) -> None:
    imported = bench.bring(row("0310001A"))
    (warning,) = imported.warnings
    assert (warning.line, warning.uai) == (2, "0310001A")
    assert warning.message.startswith("la lettre de contrôle ne va pas avec 0310001")
    assert bench.one("0310001A")["is_open"] is True


@pytest.mark.rule("R13", "R66")
@pytest.mark.parametrize(
    ("mail", "problem"),
    [
        ("pas une adresse", "n'est pas une adresse électronique"),
        ("a@ac-toulouse.fr, b@ac-toulouse.fr", "compte plusieurs adresses"),
        ("a@ac-toulouse.fr;b@ac-toulouse.fr", "compte plusieurs adresses"),
        ("a@ac-toulouse.fr/b@ac-toulouse.fr", "compte plusieurs adresses"),
        ("a@ac-toulouse.fr b@ac-toulouse.fr", "compte plusieurs adresses"),
    ],
)
def test_row__bad_mail_is_taken_without_mailbox(bench: Bench, mail: str, problem: str) -> None:
    imported = bench.bring(row(mail=mail))
    assert bench.one()["mailbox"] is None
    (warning,) = imported.warnings
    assert problem in warning.message
    assert warning.message.endswith("établissement pris sans boîte")
    assert imported.without_mailbox == 1


@pytest.mark.rule("R13")
def test_row__no_mail_is_no_warning_but_is_counted(bench: Bench) -> None:
    imported = bench.bring(row(mail="  "), row(uai_of(2), mail="", etat="FERME"))
    assert (imported.warnings, imported.without_mailbox, bench.one()["mailbox"]) == ((), 1, None)


@pytest.mark.rule("R66")
@pytest.mark.parametrize(("given", "kept"), [("031", "31"), ("9", "09"), ("02A", "2A"), ("620", "620"), ("974", "974")])
def test_row__departement_is_normalised(bench: Bench, given: str, kept: str) -> None:
    bench.bring(row(departement=given))
    assert bench.one()["departement"] == kept


@pytest.mark.rule("R66")
def test_row__unknown_departement_is_a_warning(bench: Bench) -> None:
    imported = bench.bring(row(departement="ZZ"))
    assert (
        imported.warnings[0].message == "« ZZ » n'est pas un code de département : établissement pris sans département"
    )
    assert bench.one()["departement"] == ""


@pytest.mark.rule("R66")
def test_row__invisible_characters_are_dropped(bench: Bench) -> None:
    bench.bring(row(nom="Col\u200blège\u0000 \u202eMoulin"))
    assert bench.one()["nom"] == "Collège Moulin"


@pytest.mark.rule("R66")
def test_twice__identical_rows_are_one(bench: Bench) -> None:
    imported = bench.bring(row(), row(FIRST.lower(), nom=f"Collège {FIRST}"), row(uai_of(2)))
    assert (len(imported.new), imported.repeated, imported.differing, imported.warnings) == (2, 1, 0, ())


@pytest.mark.rule("R66")
@pytest.mark.parametrize(
    ("worse", "better"),
    [
        (row(etat="FERME"), row(mail="")),
        (row(mail=""), row()),
        (row(nom="B"), row(nom="A")),
    ],
)
def test_twice__differing_rows_prefer_the_open_one_with_a_mailbox(
    bench: Bench, worse: dict[str, str], better: dict[str, str]
) -> None:
    imported = bench.bring(worse, better)
    stored = bench.stored()
    assert (len(imported.new), imported.differing) == (1, 1)
    (warning,) = imported.warnings
    assert warning.message == "déjà à la ligne 2 avec d'autres valeurs : la ligne 3 est gardée"
    assert bench.bring(better, worse).changes_something is False
    assert bench.bring(better).changes_something is False
    assert bench.stored() == stored


@pytest.mark.rule("R66")
def test_cells__quotes_and_separators_inside(bench: Bench) -> None:
    assert cell('a;"b"') == '"a;""b"""'
    bench.bring_bytes(file_of(row(nom='Collège "Jean ; Moulin"')))
    assert bench.one()["nom"] == 'Collège "Jean ; Moulin"'
