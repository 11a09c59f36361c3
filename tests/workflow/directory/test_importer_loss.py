import pytest

from tests.workflow.directory.conftest import Bench
from tests.workflow.directory.files import row, rows, uai_of
from workflow.directory.importer import DirectoryRefused, Loss


@pytest.mark.rule("R67")
@pytest.mark.parametrize(
    ("base", "total", "is_massive"),
    [(4, 4, False), (5, 5, True), (24, 5, True), (25, 5, False), (26, 5, False), (100, 20, False), (100, 21, True)],
)
def test_loss__more_than_a_fifth_and_at_least_five(base: int, total: int, is_massive: bool) -> None:
    assert Loss(base=base, gone=0, closed=total, mailbox=0).is_massive is is_massive


@pytest.mark.rule("R67")
def test_cut_between_two_lines__is_a_loss_to_accept(bench: Bench) -> None:
    bench.bring(*rows(200))
    before = bench.everything()
    with pytest.raises(DirectoryRefused, match=r"5 disparus.*rarement autant"):
        bench.bring(*rows(195))
    assert bench.everything() == before
    assert len(bench.bring(*rows(196)).gone) == 4


@pytest.mark.rule("R67")
def test_massive__refused_with_its_numbers_until_accepted(bench: Bench) -> None:
    bench.bring(*rows(10))
    before = bench.everything()
    later = [row(etat="FERMÉ"), *rows(2, 2, mail=""), *rows(5, 4)]
    with pytest.raises(DirectoryRefused) as refused:
        bench.bring(*later)
    (reason,) = refused.value.reasons
    assert (reason.code, reason.rule) == ("massive_loss", "R67")
    assert reason.message == (
        "Cet import ferait perdre 5 des 10 établissements ouverts : 2 disparus, 1 fermé, 2 sans boîte désormais"
    )
    assert bench.everything() == before
    assert bench.bring(*later, dry_run=True).loss == Loss(base=10, gone=2, closed=1, mailbox=2)
    assert bench.everything() == before
    assert len(bench.bring(*later, accept_loss=True).gone) == 2


@pytest.mark.rule("R67")
def test_massive__without_any_mail(bench: Bench) -> None:
    bench.bring(*rows(6))
    with pytest.raises(DirectoryRefused, match="6 sans boîte"):
        bench.bring(*rows(6, mail=""))


@pytest.mark.rule("R67", "R14")
def test_massive__a_set_mailbox_is_not_lost(bench: Bench) -> None:
    bench.bring(*rows(6))
    for number in (1, 2):
        bench.set_mailbox(uai_of(number), "fixe@ac-toulouse.fr")
    assert bench.bring(*rows(6, mail="")).loss.mailbox == 4


@pytest.mark.rule("R67")
def test_departement__wholly_gone_is_a_massive_loss(bench: Bench) -> None:
    ariege = rows(2, 900, departement="009")
    bench.bring(*rows(30), *ariege)
    before = bench.everything()
    with pytest.raises(DirectoryRefused, match=r"2 disparus, .* ; plus aucun du département Ariège, comme"):
        bench.bring(*rows(30))
    assert bench.everything() == before
    assert len(bench.bring(*rows(30), ariege[0]).gone) == 1
    assert bench.bring(*rows(30), accept_loss=True).loss.departements == ("09",)


@pytest.mark.rule("R66", "R67")
def test_absent__nobody_is_closed_while_a_row_does_not_tell_its_establishment(bench: Bench) -> None:
    bench.bring(*rows(3))
    report = bench.bring(*rows(2), row("0310?"))
    assert (report.gone, len(report.refused)) == ((), 1)
    assert "n'est pas fermé" in report.refused[0].message


@pytest.mark.rule("R67")
def test_small__losses_pass(bench: Bench) -> None:
    bench.bring(*rows(30))
    assert len(bench.bring(*rows(26)).gone) == 4


@pytest.mark.rule("R67")
def test_closed_before__are_no_loss(bench: Bench) -> None:
    bench.bring(*rows(10, etat="FERME"), *rows(2, 20))
    imported = bench.bring(*rows(2, 20))
    assert (len(imported.gone), imported.loss.total, imported.loss.base) == (10, 0, 2)
