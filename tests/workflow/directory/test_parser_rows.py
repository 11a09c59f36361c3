import pytest

from tests.workflow.directory.files import cell, entry, read, read_bytes, row, rows, text_of, uai_of
from workflow.spreadsheets.workbook import UnusableFile

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
        (row(uai_of(2), academie="9" * 5000), f"le code d'académie « {'9' * 59}… » n'est pas un nombre"),
        (row("x", nom="", etat=""), "« X » n'est pas un UAI (7 chiffres et une lettre) ; le nom de l'établissement est"
         " vide ; l'état « » n'est pas connu (OUVERT, A FERMER, A OUVRIR, FERME)"),
    ],
)  # fmt: skip
def test_row__refused_with_its_line_and_every_reason(bad: dict[str, str], why: str) -> None:
    reading = read(row(nom="Deux\nlignes"), bad, row(uai_of(3)))
    (refused,) = reading.refused
    reasons, _, rest = refused.message.replace("«  »", "« »").partition(" ; qui n'est pas dans le fichier")
    assert (refused.line, reasons) == (4, why)
    assert bool(rest) is (not reading.names_everybody) is ("UAI" in why)
    assert list(reading.entries) == [FIRST, uai_of(3)]


@pytest.mark.rule("R66")
def test_row__of_another_width_is_refused() -> None:
    content = text_of(row()) + f"{uai_of(2)};Collège\n" + text_of(row(uai_of(3))).splitlines()[1] + ";trop\n"
    with pytest.raises(UnusableFile, match="ligne 3 : la ligne compte 2 cellules au lieu de 8, le fichier"):
        read_bytes(content.encode())
    reading = read_bytes(content.encode(), is_complete=True)
    assert [(r.line, r.uai, r.message) for r in reading.refused] == [
        (3, uai_of(2), "la ligne compte 2 cellules au lieu de 8"),
        (4, uai_of(3), "la ligne compte 9 cellules au lieu de 8"),
    ]


@pytest.mark.rule("R11")
def test_row__odd_check_letter_is_a_warning() -> None:
    reading = read(row("0310001A"))
    (warning,) = reading.warnings
    assert (warning.line, warning.uai) == (2, "0310001A")
    assert warning.message.startswith("la lettre de contrôle ne va pas avec 0310001")
    assert list(reading.entries) == ["0310001A"]


@pytest.mark.rule("R13", "R66")
@pytest.mark.parametrize(
    ("mail", "problem"),
    [
        ("pas une adresse", "contient une espace : l'ôter"),
        ("a@ac-toulouse.fr, b@ac-toulouse.fr", "compte plusieurs adresses"),
        ("a@ac-toulouse.fr;b@ac-toulouse.fr", "compte plusieurs adresses"),
        ("a@ac-toulouse.fr/b@ac-toulouse.fr", "compte plusieurs adresses"),
        ("a@ac-toulouse.fr b@ac-toulouse.fr", "compte plusieurs adresses"),
    ],
)
def test_row__bad_mail_is_taken_without_mailbox(mail: str, problem: str) -> None:
    reading = read(row(mail=mail))
    assert reading.entries[FIRST].mailbox is None
    (warning,) = reading.warnings
    assert problem in warning.message
    assert warning.message.endswith("établissement pris sans boîte")


@pytest.mark.rule("R13")
@pytest.mark.parametrize(
    ("mail", "mailbox"), [("  ", None), (" A.B@Ac-Toulouse.fr\u00a0", "A.B@Ac-Toulouse.fr"), ("a@x.fr", "a@x.fr")]
)
def test_row__mailbox_is_taken_as_given(mail: str, mailbox: str | None) -> None:
    reading = read(row(mail=mail))
    assert (reading.entries[FIRST].mailbox, reading.warnings) == (mailbox, [])


@pytest.mark.rule("R66")
@pytest.mark.parametrize(
    ("code", "expected"), [("031", "31"), ("9", "09"), ("02A", "2A"), ("620", "620"), ("974", "974")]
)
def test_row__departement_is_normalised(code: str, expected: str) -> None:
    assert entry(departement=code).departement == expected


@pytest.mark.rule("R66")
def test_row__unknown_departement_is_a_warning() -> None:
    reading = read(row(departement="ZZ"))
    message = "« ZZ » n'est pas un code de département : établissement pris sans département"
    assert [warning.message for warning in reading.warnings] == [message]
    assert reading.entries[FIRST].departement == ""


@pytest.mark.rule("R66")
def test_row__invisible_characters_are_dropped() -> None:
    assert entry(nom="Col\u200blège\u0000 \u202eMoulin").nom == "Collège Moulin"


@pytest.mark.rule("R66")
def test_twice__identical_rows_are_one() -> None:
    reading = read(row(), row(FIRST.lower(), nom=f"Collège {FIRST}"), row(uai_of(2)))
    assert (len(reading.entries), reading.repeated, reading.differing, reading.warnings) == (2, 1, 0, [])


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
    worse: dict[str, str], better: dict[str, str]
) -> None:
    reading = read(worse, better)
    assert (reading.entries, reading.differing) == (read(better).entries, 1)
    assert read(better, worse).entries == read(better, worse, worse, better).entries == reading.entries
    assert [(w.line, w.message) for w in reading.warnings] == [
        (3, "déjà à la ligne 2 avec d'autres valeurs : la ligne 3 est gardée")
    ]


@pytest.mark.rule("R66")
def test_cells__quotes_and_separators_inside() -> None:
    assert cell('a;"b"') == '"a;""b"""'
    assert entry(nom='Collège "Jean ; Moulin"').nom == 'Collège "Jean ; Moulin"'


@pytest.mark.rule("R12", "R66")
@pytest.mark.parametrize(
    ("etat", "is_open"),
    [("OUVERT", True), ("ouvert", True), ("A FERMER", True), ("À fermer", True), ("FERMÉ", False), ("FERME", False),
     ("A OUVRIR", False), ("À OUVRIR", False)],
)  # fmt: skip
def test_row__state_of_the_establishment(etat: str, is_open: bool) -> None:
    assert entry(etat=etat).is_open is is_open


@pytest.mark.rule("R66")
def test_kind__unknown_is_taken_and_said_once() -> None:
    reading = read(*rows(3, kind="Campus"))
    assert len(reading.entries) == 3
    assert [(w.line, w.message) for w in reading.warnings] == [
        (2, "le type « Campus » n'est pas connu : pris quand même")
    ]


@pytest.mark.rule("R66")
def test_kind__other_academies_and_primary_schools_are_counted_only() -> None:
    outside = [row(uai_of(n), kind=kind) for n, kind in enumerate(("Ecole", "École", "Service Administratif"), 10)]
    inside = [row(), row(uai_of(2), kind="EREA", academie="016"), row(uai_of(3), kind="Lycée")]
    reading = read(*inside, *outside, row(uai_of(20), academie="11"), row("?", academie="11"))
    assert (reading.rows, reading.outside_academie, reading.outside_scope, len(reading.refused)) == (8, 2, 3, 0)
    assert list(reading.entries) == [FIRST, uai_of(2), uai_of(3)]
